"""Open a media file, choose its streams, and find the presentation time of each decoded frame."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import cast, overload

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from npvf.clip import FPS
from npvf.errors import Reason, Refused

# A time stamp so far before the last one, or (in a transport stream, as in FFmpeg) so far after it, means that the
# clock of the file was reset, as in joined recordings.
RESTART = Fraction(1)
HOLE = Fraction(10)
LONGEST_HOLE = Fraction(600)  # seconds of one still frame, or of silence, that are accepted in other files
# Indices contain decoding times: a key frame that is decoded before a time may be shown so much after it.
REORDERING = Fraction(1)
MOST_PIXELS = 8192 * 8192
# Formats whose files are lists of other files or of addresses, and devices: a file must not name what is read. FFmpeg
# knows no list of forbidden formats, only one of allowed ones.
_NAMING_OTHERS = {
    "concat",
    "hls",
    "dash",
    "webm_dash_manifest",
    "imf",
    "sdp",
    "rtp",
    "rtsp",
    "vobsub",
    "image2",
    "svg_pipe",
}
_DEVICES = {
    "alsa",
    "fbdev",
    "iec61883",
    "jack",
    "kmsgrab",
    "lavfi",
    "oss",
    "pulse",
    "sndio",
    "v4l2",
    "x11grab",
    "xcbgrab",
}
PICTURES_BESIDE_THE_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """Open a container. Errors of FFmpeg and a lack of memory, here or in the `with` block, become refusals.

    A folder of JPEG images, as in some corpora, is a video without audio at `FPS` frames per second, in the order of
    the names.

    Raises:
        Refused: NOT_FOUND if the file does not exist, UNDECODABLE if FFmpeg cannot read it, MEMORY_LIMIT if that needs
            more memory than there is: a damaged file can declare frames and tables of any size.
    """
    path = Path(path)
    pictures = _pictures(path)
    if not (path.is_file() or pictures):
        raise Refused(Reason.NOT_FOUND, f"{path} is not a file.")
    try:
        with _open_pictures(path, pictures) if pictures else _open_file(path) as container:
            yield container
    except (av.FFmpegError, MemoryError) as error:
        if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
            raise Refused(Reason.MEMORY_LIMIT, f"{path.name} needs more memory than this process may take.") from error
        raise Refused(Reason.UNDECODABLE, f"{path.name} cannot be decoded: {error.strerror}.") from error


def _open_file(path: Path) -> InputContainer:
    # The prefix allows a colon in a name.
    options = {"protocol_whitelist": "file", "format_whitelist": _readable_formats()}
    try:
        return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except av.ArgumentError as error:
        text = f"{path.name} is in a format that npvf does not read, such as a list of other files."
        raise Refused(Reason.UNDECODABLE, text) from error


@cache
def _readable_formats() -> str:
    """Return the formats of files that hold their media themselves, as FFmpeg's option takes them."""
    known = {name for names in av.formats_available for name in names.split(",")}
    return ",".join(sorted(known - _NAMING_OTHERS - _DEVICES))


def _pictures(folder: Path) -> list[Path]:
    """Return the files of a folder if all are JPEG images, else an empty list."""
    files = sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
    return files if all(path.is_file() and path.open("rb").read(2) == b"\xff\xd8" for path in files) else []


def _open_pictures(folder: Path, pictures: list[Path]) -> InputContainer:
    """Open the images as a Motion-JPEG stream, which is a sequence of JPEGs."""
    stream = io.BytesIO(b"".join(path.read_bytes() for path in pictures))
    stream.name = str(folder)
    return av.open(stream, mode="r", format="mjpeg", options={"framerate": str(FPS)})


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream, not cover art or chapter thumbnails."""
    streams = (s for s in container.streams.video if not s.disposition & PICTURES_BESIDE_THE_VIDEO)
    return next(streams, None)


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the stream that is marked as default, else the first one."""
    streams = container.streams.audio
    return next((s for s in streams if s.disposition & Disposition.default), streams[0] if streams else None)


@overload
def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]: ...
@overload
def decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]: ...
def decoded(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[VideoFrame | AudioFrame]:
    """Yield decoded frames of one stream in presentation order, as `decoded_together` does."""
    for _, frame in decoded_together(container, [stream]):
        yield frame


def decoded_together(
    container: InputContainer, streams: Sequence[VideoStream | AudioStream]
) -> Iterator[tuple[VideoStream | AudioStream, VideoFrame | AudioFrame]]:
    """Yield decoded frames with their streams, as they come in the file, each stream in presentation order.

    Each stream is decoded with one thread.

    Raises:
        Refused: UNDECODABLE if there is no decoder, or if the decoder had to conceal a part of a frame.
    """
    name = Path(container.name).name
    for stream in streams:
        if stream.codec_context is None:
            raise Refused(Reason.UNDECODABLE, f"{name}: no decoder for its {stream.type} stream.")
        stream.codec_context.thread_count = 1
        if stream.type == "video":
            _check_size(stream.codec_context, name)
    by_index = {stream.index: stream for stream in streams}
    for packet in container.demux(*streams):
        stream = by_index[packet.stream.index]
        for frame in cast(list[VideoFrame | AudioFrame], packet.decode()):
            if frame.is_corrupt:
                raise Refused(Reason.UNDECODABLE, f"{name}: the {stream.type} is damaged at {frame.time or 0:.2f} s.")
            yield stream, frame


def _check_size(codec: VideoCodecContext, name: str) -> None:
    """Refuse frames that are too large, before and (by FFmpeg) while decoding: headers can promise anything."""
    if codec.width * codec.height > MOST_PIXELS:
        limit = f"the limit is {MOST_PIXELS / 1e6:.0f} million pixels"
        raise Refused(Reason.UNDECODABLE, f"{name}: its frames are {codec.width}x{codec.height}; {limit}.")
    if not codec.is_open:
        codec.options = {**codec.options, "max_pixels": str(MOST_PIXELS)}


def has_presentation_times(container: InputContainer) -> bool:
    """Return False for AVI, for which FFmpeg guesses presentation times, wrongly if there are B-frames."""
    return container.format.name != "avi"


class Clock:
    """Compute the time of each decoded frame of one stream on the clip clock, in seconds.

    Args:
        container: an opened file.
        stream: the stream of the frames.
        zero: the container's time of the clip's time zero; None: the time of the first frame is zero.

    Missing time stamps are continued from the frame before. If the clock of the file is reset, time goes on.

    Attributes:
        end: the end of the last frame.
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
        """Return the time of the frame in seconds. Raises Refused(UNDECODABLE) if time stamps cannot be right."""
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
    """Return the container's time of the first video frame, or of the first audio without video, in seconds."""
    with open_media(path) as container:
        stream = video_stream(container) or audio_stream(container)
        if stream is None:
            raise Refused(Reason.NO_VIDEO, f"{Path(path).name} holds neither video nor audio.")
        for frame in decoded(container, stream):
            return clock_zero_of(container, stream, frame)
    raise Refused(Reason.UNDECODABLE, f"{Path(path).name}: the {stream.type} stream is empty.")


def clock_zero_of(
    container: InputContainer, stream: VideoStream | AudioStream, first: VideoFrame | AudioFrame
) -> Fraction:
    """Return the container's time of the first frame of a stream, in seconds."""
    return Clock(container, stream, zero=Fraction(0)).place(first)


def seek(container: InputContainer, stream: VideoStream, seconds: Fraction) -> None:
    """Seek to a point from which every frame from `seconds` (container time) on can be decoded.

    Only MP4 and Matroska have a reliable index; other files are decoded from their start.
    """
    if container.format.name.startswith(("mov,", "matroska,")) and stream.time_base:
        container.seek(max(0, int((seconds - REORDERING) / stream.time_base)), stream=stream)
