"""Decode frames and audio of a media file on one clock, by time stamp.

Time zero is the presentation time of the first video frame. If decoding fails, the file is refused;
nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from npvf.clip import FPS, SAMPLE_RATE
from npvf.errors import Reason, Refused
from npvf.media.container import Clock, clock_zero, decoded, decoded_together, open_media, seek, video_stream
from npvf.media.shown import Changes, TimedFrame, Viewer, deinterlaced
from npvf.media.sound import TrackSpool, audio_tracks, choose_speech


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
        (H, W, 3) uint8 RGB as a viewer sees it (`npvf.media.shown`): upright, with square pixels, deinterlaced, HDR
        tone-mapped. A repeated frame is the same array again: copy it before you write into it. A frame with another
        size than the first one is scaled to that size.

    Raises:
        Refused: NOT_FOUND, NO_VIDEO, or UNDECODABLE (possibly after some frames, if a later part is damaged).
    """
    begin = exact(start)
    zero = clock_zero(path) if begin > 0 else None
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise Refused(Reason.NO_VIDEO, f"{Path(path).name} has no video stream.")
        if zero is not None:
            seek(container, stream, begin + zero)
        changes = Changes()
        frames = deinterlaced(shown_until(container, stream, decoded(container, stream), zero), changes)
        viewer = Viewer(stream, changes)
        stop = None if end is None else exact(end)
        yield from resampled(frames, viewer, stream.time_base or Fraction(0), fps, begin, stop)
        if viewer.size is None:
            raise Refused(Reason.UNDECODABLE, f"{Path(path).name}: no picture could be decoded.")


def read_audio(path: str | Path, rate: int = SAMPLE_RATE, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Return the audio between two times, in mono: the same samples as a slice of the whole audio.

    The whole audio is decoded (about 200 times faster than real time), because the track and the channels that speak
    are chosen by their content (`npvf.media.sound`). For many pieces of one long file use `spool_audio`.

    Args:
        path: a media file.
        rate: samples per second of the result.
        start: seconds on the clip clock.
        end: seconds on the clip clock; a shorter stream ends earlier.

    Returns:
        (N,) float32 in [-1, 1); sample n is at start + n / rate. Audio that starts late is preceded by silence, audio
        before time zero is cut, and gaps in the time stamps are silence.

    Raises:
        Refused: NOT_FOUND, NO_AUDIO or UNDECODABLE.
    """
    stop = None if end is None else round(exact(end) * rate)
    return to_float(np.array(spool_audio(path, rate)[round(exact(start) * rate) : stop]))


def spool_audio(
    path: str | Path, rate: int = SAMPLE_RATE, track: int | None = None, changes: Changes | None = None
) -> np.ndarray:
    """Decode the audio like `read_audio`, but into a temporary file: the audio of a long video would fill the memory.

    Args:
        path: a media file.
        rate: samples per second of the result.
        track: the number of the audio track, from 1; None: the one that speaks.
        changes: the choice of a track or of channels is noted here.

    Returns:
        (N,) int16, mapped from a temporary file that is deleted with the array; `to_float` converts to [-1, 1).

    Raises:
        Refused: NOT_FOUND, NO_AUDIO or UNDECODABLE.
    """
    zero = clock_zero(path)
    with open_media(path) as container:
        tracks = _decoded_tracks(container, rate, track)
    return speech_of(tracks, zero, Path(path).name, changes)


def speaking_stream(container: InputContainer) -> AudioStream | None:
    """Return the audio stream that speaks, of an opened file; None if there is no audio."""
    streams = container.streams.audio
    if len(streams) < 2:
        return streams[0] if streams else None
    with open_media(container.name.removeprefix("file:")) as copy:
        tracks = _decoded_tracks(copy)
        filled = [track for track in tracks if not track.is_empty]
        index = choose_speech(filled, Changes())[0].index if filled else 0
    return streams[index]


def _decoded_tracks(container: InputContainer, rate: int = SAMPLE_RATE, number: int | None = None) -> list[TrackSpool]:
    tracks = audio_tracks(container, rate, number)
    for stream, frame in decoded_together(container, [track.stream for track in tracks.values()]):
        tracks[stream.index].push(cast(AudioFrame, frame))
    return list(tracks.values())


def speech_of(tracks: Iterable[TrackSpool], zero: Fraction, name: str, changes: Changes | None = None) -> np.ndarray:
    """Choose and mix the audio that speaks. Raises Refused(NO_AUDIO) if all tracks are empty."""
    filled = [track for track in tracks if not track.is_empty]
    if not filled:
        raise Refused(Reason.NO_AUDIO, f"{name}: the audio stream is empty.")
    track, mix = choose_speech(filled, Changes() if changes is None else changes)
    return track.mixed(mix, zero)


def to_int16(audio_N: np.ndarray) -> np.ndarray:
    """Convert float samples in [-1, 1) to 16-bit integers; louder ones are clipped."""
    return np.clip(np.rint(audio_N * 32768.0), -32768, 32767).astype(np.int16)


def to_float(audio_N: np.ndarray) -> np.ndarray:
    """Convert 16-bit samples to float32 in [-1, 1): the inverse of `to_int16`."""
    return audio_N.astype(np.float32) / 32768.0


def shown_until(
    container: InputContainer, stream: VideoStream, frames: Iterable[VideoFrame], zero: Fraction | None
) -> Iterator[TimedFrame]:
    """Yield each frame with the time of the next one; the last frame ends after its own duration."""
    clock = Clock(container, stream, zero)
    shown: VideoFrame | None = None
    for frame in frames:
        time = clock.place(frame)
        if shown is not None:
            yield shown, time
        shown = frame
    if shown is not None:
        yield shown, clock.end


def resampled(
    frames: Iterable[TimedFrame],
    viewer: Viewer,
    tick: Fraction,
    fps: float = FPS,
    begin: Fraction = Fraction(0),
    stop: Fraction | None = None,
) -> Iterator[np.ndarray]:
    """Yield the frames shown at begin, begin + 1/fps, ...; each comes with the time until which it is shown."""
    step = 1 / exact(fps)
    tolerance = tick / 2  # a time stamp is exact to half a tick of its time base only
    count = 0
    for frame, until in frames:
        picture = None
        viewer.expect(frame)
        while (time := begin + count * step) < until - tolerance:
            if stop is not None and time >= stop:
                return
            picture = viewer.show(frame) if picture is None else picture
            yield picture
            count += 1


def exact(seconds: float) -> Fraction:
    """Return the exact fraction: 0.28 is 7/25 and not the nearest float, so that times are those of frames."""
    return Fraction(seconds).limit_denominator(1_000_000)
