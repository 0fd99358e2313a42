"""Decode frames and audio of a media file on one clock, by time stamp.

Time zero is the presentation time of the first video frame. If decoding fails, the file is refused;
nothing is filled in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from npvf.clip import FPS, SAMPLE_RATE
from npvf.errors import Reason, Refused
from npvf.media.container import (
    Clock,
    audio_stream,
    clock_zero,
    decoded,
    open_media,
    seek,
    video_stream,
)

# Time stamps of audio jitter by some milliseconds; larger gaps and overlaps are real. Less than one video frame.
SOUND_TOLERANCE = Fraction(30, 1000)


def iter_frames(
    path: str | Path, fps: float = FPS, start: float = 0.0, end: float | None = None
) -> Iterator[np.ndarray]:
    """Yield the frames shown at start, start + 1/fps, ... < end (default: the end of the video).

    Args:
        path: a media file of any frame rate (also a variable one) and any pixel format.
        fps: frames per second of the result; source frames are repeated or skipped by their time stamps.
        start: seconds on the clip clock.
        end: seconds on the clip clock; a shorter video ends earlier.

    Yields:
        (H, W, 3) uint8 RGB, upright. A repeated frame is the same array again: copy it before you write into it.
        A frame with another size than the first one is scaled to that size.

    Raises:
        Refused: NOT_FOUND, NO_VIDEO, or UNDECODABLE (possibly after some frames, if a later part is damaged).
    """
    begin, step = _exact(start), 1 / _exact(fps)
    stop = None if end is None else _exact(end)
    zero = clock_zero(path) if begin > 0 else None
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise Refused(Reason.NO_VIDEO, f"{Path(path).name} has no video stream.")
        if zero is not None:
            seek(container, stream, begin + zero)
        # A time stamp is exact to half a tick of its time base only.
        tolerance = (stream.time_base or Fraction(0)) / 2
        count, size = 0, None
        for frame, until in _shown_until(container, stream, zero):
            size = size or (frame.width, frame.height)
            picture = None
            while (time := begin + count * step) < until - tolerance:
                if stop is not None and time >= stop:
                    return
                picture = _upright_rgb(frame, size) if picture is None else picture
                yield picture
                count += 1
        if size is None:
            raise Refused(Reason.UNDECODABLE, f"{Path(path).name}: no picture could be decoded.")


def read_audio(path: str | Path, rate: int = SAMPLE_RATE, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Return the audio between two times, mixed to mono: the same samples as a slice of the whole audio.

    Audio is always decoded from its start (about 200 times faster than real time). For many pieces of one long file
    use `spool_audio`.

    Args:
        path: a media file.
        rate: samples per second of the result.
        start: seconds on the clip clock.
        end: seconds on the clip clock; a shorter stream ends earlier.

    Returns:
        (N,) float32 in about [-1, 1]; sample n is at start + n / rate. Audio that starts late is preceded by silence,
        audio before time zero is cut, and gaps in the time stamps are silence.

    Raises:
        Refused: NOT_FOUND, NO_AUDIO or UNDECODABLE.
    """
    chunks = list(_sound(path, rate, _exact(start), None if end is None else _exact(end)))
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)


def spool_audio(path: str | Path, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Decode the audio like `read_audio`, but into a temporary file: the audio of a long video would fill the memory.

    Returns:
        (N,) int16, mapped from a temporary file that is deleted with the array; `to_float` converts to [-1, 1).

    Raises:
        Refused: NOT_FOUND, NO_AUDIO or UNDECODABLE.
    """
    with tempfile.TemporaryFile() as file:
        for samples in _sound(path, rate, Fraction(0), None):
            file.write(to_int16(samples).tobytes())
        file.flush()
        if file.tell() == 0:
            return np.zeros(0, np.int16)
        return np.memmap(file, np.int16, mode="r")


def to_int16(audio_N: np.ndarray) -> np.ndarray:
    """Convert float samples in [-1, 1) to 16-bit integers; louder ones are clipped."""
    return np.clip(np.rint(audio_N * 32768.0), -32768, 32767).astype(np.int16)


def to_float(audio_N: np.ndarray) -> np.ndarray:
    """Convert 16-bit samples to float32 in [-1, 1): the inverse of `to_int16`."""
    return audio_N.astype(np.float32) / 32768.0


def _shown_until(
    container: InputContainer, stream: VideoStream, zero: Fraction | None
) -> Iterator[tuple[VideoFrame, Fraction]]:
    """Yield each frame with the time of the next one; the last frame ends after its own duration."""
    clock = Clock(container, stream, zero)
    shown: VideoFrame | None = None
    for frame in decoded(container, stream):
        time = clock.place(frame)
        if shown is not None:
            yield shown, time
        shown = frame
    if shown is not None:
        yield shown, clock.end


def _upright_rgb(frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    picture = frame.reformat(width, height, format="rgb24", threads=1).to_ndarray()
    # The display matrix turns counter-clockwise, as rot90 does.
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90) % 4))


def _sound(path: str | Path, rate: int, begin: Fraction, stop: Fraction | None) -> Iterator[np.ndarray]:
    """Yield chunks of mono float32 audio from `begin` on, without gaps."""
    written = round(begin * rate)
    last = None if stop is None else round(stop * rate)
    for position, samples in _runs(path, rate):
        if last is not None:
            position = min(position, last)
            samples = samples[: last - position]
        if position > written:
            yield np.zeros(position - written, np.float32)
            written = position
        fresh = samples[max(0, written - position) :]
        if len(fresh):
            yield fresh
            written += len(fresh)
        if last is not None and written >= last:
            return


def _runs(path: str | Path, rate: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield resampled audio with the position of its first sample on the clip clock, in samples.

    A run is audio without a gap: within it samples are counted, and time stamps only decide where the next run starts.
    """
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise Refused(Reason.NO_AUDIO, f"{Path(path).name} has no audio stream.")
        clock = Clock(container, stream, clock_zero(path))
        run: _Run | None = None
        for frame in decoded(container, stream):
            time = clock.place(frame)
            if run is None or not run.continued_by(frame, time):
                if run is not None:
                    yield from run.push(None)
                run = _Run(frame, time, rate)
            yield from run.push(frame)
        if run is None:
            raise Refused(Reason.NO_AUDIO, f"{Path(path).name}: the audio stream is empty.")
        yield from run.push(None)


class _Run:
    """Resampled audio without a gap."""

    def __init__(self, first: AudioFrame, time: Fraction, rate: int) -> None:
        # Without this option a stereo recording of one voice would become 3 dB louder, and clip.
        self._resampler = AudioResampler("flt", "mono", rate, options={"rematrix_maxval": "1.0"})
        self._kind = _kind(first)
        self._end = time
        self._position = round(time * rate)

    def continued_by(self, frame: AudioFrame, time: Fraction) -> bool:
        return abs(time - self._end) <= SOUND_TOLERANCE and _kind(frame) == self._kind

    def push(self, frame: AudioFrame | None) -> Iterator[tuple[int, np.ndarray]]:
        if frame is not None:
            self._end += Fraction(frame.samples, frame.sample_rate)
        for resampled in self._resampler.resample(frame):
            samples = resampled.to_ndarray()[0]
            yield self._position, samples
            self._position += len(samples)


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _exact(seconds: float) -> Fraction:
    """Return the exact fraction: 0.28 is 7/25 and not the nearest float, so that times are those of frames."""
    return Fraction(seconds).limit_denominator(1_000_000)
