"""Describe a media file. At most one frame is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import SideData, Type
from av.stream import Disposition
from av.video.frame import VideoFrame

from npvf.errors import Reason, Refused
from npvf.media.colour import describe_conversion, needs_conversion
from npvf.media.container import audio_stream, decoded, open_media, video_stream
from npvf.media.shown import pixel_aspect, square_size

# "x264 - core 164 r3095 baee400 - H.264/MPEG-4 AVC codec", "x265 (build 209) - 4.1:[Linux]"
_LIBRARY = re.compile(rb"(x26[45])(?: \(build \d+\))? - (core \d+|[\d.+]+\d)")


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The video stream of a file. `width` and `height` are as shown: with square pixels, after `rotation`.

    Times are the container's.
    """

    codec: str
    width: int
    height: int
    pixel_format: str
    average_fps: float
    frames: int | None  # as the file declares it; None: not declared
    start: float  # seconds
    duration: float  # seconds
    rotation: int  # degrees counter-clockwise, from the stored to the shown frame
    profile: str | None  # of the codec, such as "High"
    encoder: str  # as the stream declares it: "x264 core 164"; empty: not declared
    sample_aspect_ratio: str = "1:1"  # width to height of a stored pixel
    interlaced: bool = False  # of the first frame
    colours: str = ""  # "PQ, BT.2020" of a video that is converted to BT.709; empty: it needs no conversion


@dataclass(frozen=True, slots=True)
class AudioStream:
    """An audio stream of a file. Times are the container's."""

    codec: str
    sample_rate: int
    channels: int
    start: float  # seconds
    duration: float  # seconds
    layout: str = ""  # "stereo", "5.1"
    language: str = ""  # as the file declares it: "eng"
    is_default: bool = True


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A media file. `format` is FFmpeg's name of the container; a missing stream is None.

    `audio` is the default track. `audio_tracks` are all of them; the one that speaks is chosen when they are decoded.
    """

    path: Path
    format: str
    size_bytes: int
    duration: float  # seconds
    encoder: str  # the program named in the container, such as "Lavf61.7.100"; "": none is named
    video: VideoStream | None
    audio: AudioStream | None
    audio_tracks: tuple[AudioStream, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything except the path."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


def probe(path: str | Path) -> MediaInfo:
    """Return streams, sizes, rates and times of a file. The first frame is decoded, because it contains the rotation.

    Raises:
        Refused: NOT_FOUND, or UNDECODABLE if the file is not a media file or its first frame cannot be decoded.
    """
    path = Path(path)
    with open_media(path) as container:
        stream = video_stream(container)
        return describe(container, path, None if stream is None else next(decoded(container, stream), None))


def describe(container: InputContainer, path: Path, first: VideoFrame | None) -> MediaInfo:
    """Return what `probe` returns for an opened file of which the first frame was decoded."""
    duration = container.duration / av.time_base if container.duration else _last_time(path)
    default = audio_stream(container)
    return MediaInfo(
        path=path,
        format=container.format.name,
        size_bytes=_size(path),
        duration=duration,
        encoder=_tag(container.metadata, "encoder"),
        video=_video(container, duration, first),
        audio=None if default is None else _audio(default, duration),
        audio_tracks=tuple(_audio(stream, duration) for stream in container.streams.audio),
    )


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def _video(container: InputContainer, duration: float, frame: VideoFrame | None) -> VideoStream | None:
    stream = video_stream(container)
    if stream is None:
        return None
    if frame is None:
        raise Refused(Reason.UNDECODABLE, f"{Path(container.name).name}: the video stream is empty.")
    aspect = pixel_aspect(stream)
    width, height = square_size(frame.width, frame.height, aspect)
    turned = frame.rotation % 180 == 90
    return VideoStream(
        codec=stream.codec_context.name,
        width=height if turned else width,
        height=width if turned else height,
        pixel_format=frame.format.name,
        average_fps=float(stream.average_rate or stream.guessed_rate or 0),
        frames=stream.frames or None,
        start=_seconds(stream.start_time, stream.time_base) or 0.0,
        duration=_seconds(stream.duration, stream.time_base) or duration,
        rotation=frame.rotation,
        profile=stream.codec_context.profile,
        encoder=_tag(stream.metadata, "encoder") or _library(frame),
        sample_aspect_ratio=f"{aspect.numerator}:{aspect.denominator}",
        interlaced=frame.interlaced_frame,
        colours=describe_conversion(frame) if needs_conversion(frame) else "",
    )


def _audio(stream: av.AudioStream, duration: float) -> AudioStream:
    codec = stream.codec_context
    return AudioStream(
        codec=codec.name if codec else "unknown",
        sample_rate=codec.sample_rate if codec else 0,
        channels=codec.layout.nb_channels if codec else 0,
        start=_seconds(stream.start_time, stream.time_base) or 0.0,
        duration=_seconds(stream.duration, stream.time_base) or duration,
        layout=codec.layout.name if codec else "",
        language=stream.language or "",
        is_default=bool(stream.disposition & Disposition.default),
    )


def _tag(metadata: dict[str, str], name: str) -> str:
    """Return a tag; containers write the names of their tags differently."""
    return next((value for key, value in metadata.items() if key.lower() == name), "")


def _library(frame: VideoFrame) -> str:
    """Return the version that x264 and x265 write into the stream, which remuxing keeps."""
    for data in cast(Iterable[SideData], frame.side_data):
        if data.type == Type.SEI_UNREGISTERED and (found := _LIBRARY.search(bytes(data))):
            return b" ".join(part for part in found.groups() if part).decode()
    return ""


def _seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    return None if ticks is None or time_base is None else float(ticks * time_base)


def _last_time(path: Path) -> float:
    """Return the end of the last packet, for files without a duration (recordings of web browsers)."""
    with open_media(path) as container:
        ends = (
            (packet.pts + (packet.duration or 0)) * packet.time_base
            for packet in container.demux()
            if packet.pts is not None and packet.time_base
        )
        return float(max(ends, default=Fraction(0)))
