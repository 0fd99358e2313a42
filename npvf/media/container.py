"""Opening a media file, choosing its streams, and telling at what time a decoded frame is to be shown or heard."""

from __future__ import annotations

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

# A stamp this far behind what was already played means that the file's clock started again (joined recordings).
RESTART = Fraction(1)
PICTURES_BESIDE_THE_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """The opened container; whatever FFmpeg finds wrong with the file, here or in the body, is a refusal.

    Raises:
        Refused: NOT_FOUND where there is no such file, UNDECODABLE where FFmpeg cannot read it.
    """
    path = Path(path)
    if not path.is_file():
        raise Refused(Reason.NOT_FOUND, f"{path} is not a file.")
    try:
        # Playlists can name other files and hosts: only this file is read. The prefix keeps a colon in a name a name.
        options = {"protocol_whitelist": "file"}
        with av.open(f"file:{path}", container_options=options, metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise Refused(Reason.UNDECODABLE, f"{path.name} cannot be decoded: {error.strerror}.") from error


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

    Stamps that are missing are continued from the frame before; a clock that starts again goes on where it was.
    """

    def __init__(self, container: InputContainer, stream: VideoStream | AudioStream, zero: Fraction | None = None):
        self._pts_known = has_presentation_times(container)
        self._tick = stream.time_base or Fraction(1)
        self._start = (stream.start_time or 0) * self._tick
        self._zero = zero
        self._shift: Fraction | None = None
        self._next = Fraction(0)

    @property
    def zero(self) -> Fraction:
        """The container's time of the clip's time zero; known once a frame was placed."""
        assert self._zero is not None
        return self._zero

    def place(self, frame: VideoFrame | AudioFrame, duration: Fraction) -> Fraction:
        """Time of the frame, which lasts `duration` seconds."""
        stamp = frame.pts if self._pts_known else frame.dts
        seconds = None if stamp is None else stamp * self._tick
        if self._shift is None:
            first = seconds if seconds is not None and self._pts_known else self._start
            self._zero = first if self._zero is None else self._zero
            self._next = first - self._zero
            self._shift = self._next - (first if seconds is None else seconds)
        time = self._next if seconds is None else seconds + self._shift
        if time < self._next - RESTART:
            self._shift += self._next - time
            time = self._next
        self._next = time + duration
        return time


def frame_duration(frame: VideoFrame, stream: VideoStream) -> Fraction:
    """How long a picture stays, in seconds: as the file says, else by the stream's mean rate."""
    if frame.duration and frame.time_base:
        return frame.duration * frame.time_base
    return 1 / Fraction(stream.average_rate or stream.guessed_rate or FPS)


def clock_zero(path: str | Path) -> Fraction:
    """The container's time of the first video frame (of the first sound where there is no video), in seconds."""
    with open_media(path) as container:
        stream = video_stream(container) or audio_stream(container)
        if stream is None:
            raise Refused(Reason.NO_VIDEO, f"{Path(path).name} holds neither video nor audio.")
        clock = Clock(container, stream)
        for frame in decoded(container, stream):
            clock.place(frame, Fraction(0))
            return clock.zero
    raise Refused(Reason.UNDECODABLE, f"{Path(path).name}: the {stream.type} stream is empty.")


def seek(container: InputContainer, stream: VideoStream | AudioStream, seconds: Fraction) -> None:
    """To the last point before `seconds` (container time) from which decoding can start.

    Only MP4 and Matroska have an index to be trusted; other files are decoded from their start.
    """
    if container.format.name.startswith(("mov,", "matroska,")) and stream.time_base:
        container.seek(max(0, int(seconds / stream.time_base)), stream=stream)
