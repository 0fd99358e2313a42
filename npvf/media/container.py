"""Opening a media file, choosing its streams, and telling at what time a decoded frame is to be shown or heard."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import cast, overload

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from npvf.clip import FPS
from npvf.errors import Reason, Refused

# A stamp this far behind what was already played, or (in a transport stream, as FFmpeg has it) this far ahead, means
# that the file's clock was set anew: recordings that were joined.
RESTART = Fraction(1)
HOLE = Fraction(10)
LONGEST_HOLE = Fraction(600)  # seconds of one still picture, or of silence, that are believed in other files
# Indices hold decoding times: a key frame decoded before a moment may be shown this much after it.
REORDERING = Fraction(1)
PICTURES_BESIDE_THE_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """The opened container; whatever FFmpeg finds wrong with the file, here or in the body, is a refusal.

    A folder of JPEG pictures, as some corpora have them, is a silent video of `FPS` pictures a second in the order of
    their names.

    Raises:
        Refused: NOT_FOUND where there is no such file, UNDECODABLE where FFmpeg cannot read it.
    """
    path = Path(path)
    pictures = _pictures(path)
    if not (path.is_file() or pictures):
        raise Refused(Reason.NOT_FOUND, f"{path} is not a file.")
    try:
        with _open_pictures(path, pictures) if pictures else _open_file(path) as container:
            yield container
    except av.FFmpegError as error:
        raise Refused(Reason.UNDECODABLE, f"{path.name} cannot be decoded: {error.strerror}.") from error


def _open_file(path: Path) -> InputContainer:
    # Playlists can name other files and hosts: only this file is read. The prefix keeps a colon in a name a name.
    options = {"protocol_whitelist": "file"}
    return av.open(f"file:{path}", container_options=options, metadata_errors="replace")


def _pictures(folder: Path) -> list[Path]:
    """The files of a folder in which all are JPEG pictures, else none."""
    files = sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
    return files if all(path.is_file() and path.open("rb").read(2) == b"\xff\xd8" for path in files) else []


def _open_pictures(folder: Path, pictures: list[Path]) -> InputContainer:
    """JPEGs one after the other are a Motion-JPEG stream."""
    stream = io.BytesIO(b"".join(path.read_bytes() for path in pictures))
    stream.name = str(folder)
    return av.open(stream, mode="r", format="mjpeg", options={"framerate": str(FPS)})


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first moving picture: cover art and chapter thumbnails are not video."""
    streams = (s for s in container.streams.video if not s.disposition & PICTURES_BESIDE_THE_VIDEO)
    return next(streams, None)


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The stream marked as default, else the first."""
    streams = container.streams.audio
    return next((s for s in streams if s.disposition & Disposition.default), streams[0] if streams else None)


@overload
def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]: ...
@overload
def decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]: ...
def decoded(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[VideoFrame | AudioFrame]:
    """Decoded frames in the order of showing, by one thread.

    Raises:
        Refused: UNDECODABLE where there is no decoder, or where the decoder had to make up a part of a frame.
    """
    name = Path(container.name).name
    if stream.codec_context is None:
        raise Refused(Reason.UNDECODABLE, f"{name}: no decoder for its {stream.type} stream.")
    stream.codec_context.thread_count = 1
    for frame in cast(Iterator[VideoFrame | AudioFrame], container.decode(stream)):
        if frame.is_corrupt:
            raise Refused(Reason.UNDECODABLE, f"{name}: the {stream.type} is damaged at {frame.time or 0:.2f} s.")
        yield frame


def has_presentation_times(container: InputContainer) -> bool:
    """False for AVI: what FFmpeg guesses for them there is out of order where there are B-frames."""
    return container.format.name != "avi"


class Clock:
    """Gives each decoded frame of one stream its time on the clip clock, in seconds.

    Args:
        container: an opened file.
        stream: the stream whose frames will be placed.
        zero: the container's time of the clip's time zero; None: the first frame placed is at zero.

    Stamps that are missing are continued from the frame before; where the file's clock is set anew, time goes on.

    Attributes:
        end: when the frame that was placed last is over.
    """

    def __init__(self, container: InputContainer, stream: VideoStream | AudioStream, zero: Fraction | None = None):
        self.end = Fraction(0)
        self._name = Path(container.name).name
        self._is_transport = container.format.name in ("mpegts", "mpeg")
        self._zero = zero
        self._pts_known = has_presentation_times(container)
        self._tick = stream.time_base or Fraction(1)
        self._start = (stream.start_time or 0) * self._tick
        self._rate = _mean_rate(stream)
        self._shift: Fraction | None = None
        self._last = Fraction(0)

    def place(self, frame: VideoFrame | AudioFrame) -> Fraction:
        """Time of the frame, in seconds. Refused (UNDECODABLE) where the stamps cannot be true."""
        stamp = frame.pts if self._pts_known else frame.dts
        seconds = None if stamp is None else stamp * self._tick
        first = self._shift is None
        if self._shift is None:
            start = seconds if seconds is not None and self._pts_known else self._start
            zero = start if self._zero is None else self._zero
            self._shift = start - zero - (start if seconds is None else seconds)
        time = self.end if seconds is None else seconds + self._shift
        jump = time - self.end
        if not first and (jump < -RESTART or (jump > HOLE and self._is_transport)):
            self._shift -= jump
            time = self.end
        elif jump > LONGEST_HOLE:
            raise Refused(Reason.UNDECODABLE, f"{self._name}: the time stamps jump by {float(jump):.0f} s.")
        self.end = time + self._duration(frame, time - self._last)
        self._last = time
        return time

    def _duration(self, frame: VideoFrame | AudioFrame, step: Fraction) -> Fraction:
        """Use the duration that the file gives for a frame if it can be trusted; else the step from the last frame."""
        if isinstance(frame, AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        if frame.duration and self._pts_known:
            return frame.duration * self._tick
        return step if step > 0 else 1 / self._rate


def _mean_rate(stream: VideoStream | AudioStream) -> Fraction:
    rate = (stream.average_rate or stream.guessed_rate) if isinstance(stream, VideoStream) else None
    return Fraction(rate or FPS)


def clock_zero(path: str | Path) -> Fraction:
    """The container's time of the first video frame (of the first sound where there is no video), in seconds."""
    with open_media(path) as container:
        stream = video_stream(container) or audio_stream(container)
        if stream is None:
            raise Refused(Reason.NO_VIDEO, f"{Path(path).name} holds neither video nor audio.")
        clock = Clock(container, stream, zero=Fraction(0))
        for frame in decoded(container, stream):
            return clock.place(frame)
    raise Refused(Reason.UNDECODABLE, f"{Path(path).name}: the {stream.type} stream is empty.")


def seek(container: InputContainer, stream: VideoStream, seconds: Fraction) -> None:
    """To a point before `seconds` (container time) from which every picture from then on can be decoded.

    Only MP4 and Matroska have an index to be trusted; other files are decoded from their start.
    """
    if container.format.name.startswith(("mov,", "matroska,")) and stream.time_base:
        container.seek(max(0, int((seconds - REORDERING) / stream.time_base)), stream=stream)
