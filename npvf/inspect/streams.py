"""Describe the streams of a file. One frame of each video stream is decoded; the rest comes from the packets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.sidedata.sidedata import SideData, Type
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from npvf.errors import Reason, Refused
from npvf.inspect.packets import Packets, Rate, frame_rate, longest_group
from npvf.media.container import PICTURES_BESIDE_THE_VIDEO, decoded, open_media

HDR = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
HDR_DATA = {
    Type.MASTERING_DISPLAY_METADATA: "mastering display",
    Type.CONTENT_LIGHT_LEVEL: "content light level",
    Type.DYNAMIC_HDR_PLUS: "HDR10+",
    Type.DOVI_METADATA: "Dolby Vision",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """The facts that all streams have. Times are in seconds, of the container's clock.

    Attributes:
        codec, tag, profile: FFmpeg's name of the codec, the container's four letters, the codec's profile.
        packets, damaged: how many there are, and how many of them the container marks as damaged.
        start, seconds: of the packets; `declared_seconds` as the container says.
        bit_rate: bits a second, measured.
        roles: dispositions, such as default, attached_pic.
        tags: language, handler_name, encoder and so on, as the container has them.
    """

    index: int
    codec: str
    tag: str
    profile: str | None
    packets: int
    damaged: int
    start: float
    seconds: float
    declared_seconds: float | None
    bit_rate: float
    roles: tuple[str, ...]
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts(StreamFacts):
    """A video stream.

    Attributes:
        width, height: as stored, before `rotation` and `pixel_shape`.
        pixel_shape: width over height of one pixel.
        rotation: degrees counter-clockwise, from the stored to the shown frame.
        pixel_format, bits: FFmpeg's name of the format; bits of one component.
        primaries, transfer, matrix, colour_range: names from ITU-T H.273; "unspecified": the stream does not say.
        hdr: PQ, HLG, and the metadata of HDR that the first frame carries.
        interlaced: the first frame consists of two fields.
        declared_frames: None: the container does not say.
        average_fps, declared_fps: measured, and as the container says.
        steps: how regular the frames are.
        reordered: frames are stored in another order than shown (B-frames).
        longest_group: most frames from one key frame to the next.
        key_frames: their number.
        bits_per_pixel: bits of the stream for each pixel of each frame.
        settings: options of x264 or x265 in the stream, each with the time at which it first appears.
    """

    width: int
    height: int
    pixel_shape: float
    rotation: int
    pixel_format: str
    bits: int
    primaries: str
    transfer: str
    matrix: str
    colour_range: str
    hdr: tuple[str, ...]
    interlaced: bool
    declared_frames: int | None
    average_fps: float
    declared_fps: float
    steps: Rate | None
    reordered: bool
    longest_group: int | None
    key_frames: int
    bits_per_pixel: float
    settings: tuple[EncoderSettings, ...]


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """The options that an encoder wrote into the stream: `options` as written, `at` the first time in seconds."""

    encoder: str
    at: float
    options: str

    def value(self, name: str) -> str | None:
        """Return one option, such as "keyint"; None: it is not there."""
        pairs = (option.partition("=") for option in self.options.split())
        return next((value for key, _, value in pairs if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts(StreamFacts):
    """An audio stream: samples a second, channels and their layout, FFmpeg's name of the sample format."""

    sample_rate: int
    channels: int
    layout: str
    sample_format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFacts(StreamFacts):
    """Another stream: subtitles, data, attachments, or a cover picture."""

    kind: str


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of a file, by kind, each in the order of the file."""

    video: tuple[VideoFacts, ...]
    audio: tuple[AudioFacts, ...]
    other: tuple[OtherFacts, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all streams."""
        return asdict(self)


def describe_streams(path: Path, container: InputContainer, packets: dict[int, Packets]) -> Streams:
    """Describe the streams of a file.

    Args:
        path: the file.
        container: the same, opened.
        packets: of `read_packets`.

    Raises:
        Refused: UNDECODABLE if the first frame of a video stream cannot be decoded.
    """
    video, audio, other = [], [], []
    for stream in container.streams:
        found = packets[stream.index]
        if isinstance(stream, VideoStream) and not stream.disposition & PICTURES_BESIDE_THE_VIDEO and found.count:
            video.append(_video(stream, found, _first_frame(path, stream.index)))
        elif isinstance(stream, AudioStream) and stream.codec_context is not None:
            audio.append(_audio(stream, found))
        else:
            other.append(OtherFacts(**_common(stream, found), kind=stream.type))
    return Streams(tuple(video), tuple(audio), tuple(other))


def _first_frame(path: Path, index: int) -> VideoFrame:
    with open_media(path) as container:
        frame = next(decoded(container, cast(VideoStream, container.streams[index])), None)
    if frame is None:
        raise Refused(Reason.UNDECODABLE, f"{path.name}: video stream {index} has no frame that can be decoded.")
    return frame


def _video(stream: VideoStream, packets: Packets, frame: VideoFrame) -> VideoFacts:
    steps = frame_rate(packets)
    return VideoFacts(
        **_common(stream, packets),
        width=frame.width,
        height=frame.height,
        pixel_shape=float(stream.sample_aspect_ratio or 1),
        rotation=frame.rotation,
        pixel_format=frame.format.name,
        bits=max((component.bits for component in frame.format.components), default=8),
        primaries=_name(ColorPrimaries, frame.color_primaries),
        transfer=_name(ColorTrc, frame.color_trc),
        matrix=_name(Colorspace, frame.colorspace),
        colour_range=_name(ColorRange, frame.color_range),
        hdr=_hdr(frame),
        interlaced=frame.interlaced_frame,
        declared_frames=stream.frames or None,
        average_fps=packets.count / packets.span if packets.span else 0.0,
        declared_fps=float(stream.average_rate or stream.guessed_rate or 0),
        steps=steps,
        reordered=bool(stream.codec_context.has_b_frames),
        longest_group=longest_group(packets, steps.usual) if steps else None,
        key_frames=len(packets.key_times),
        bits_per_pixel=8 * packets.bytes / max(packets.count * frame.width * frame.height, 1),
        settings=tuple(EncoderSettings(name, at, options) for (name, options), at in packets.settings.items()),
    )


def _audio(stream: AudioStream, packets: Packets) -> AudioFacts:
    context = stream.codec_context
    return AudioFacts(
        **_common(stream, packets),
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        layout=context.layout.name,
        sample_format=context.format.name if context.format else "",
    )


def _common(stream: Stream, packets: Packets) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "index": stream.index,
        "codec": context.name if context else "unknown",
        "tag": _four_letters(context),
        "profile": getattr(context, "profile", None),
        "packets": packets.count,
        "damaged": packets.damaged,
        "start": min(packets.times, default=0.0),
        "seconds": packets.span,
        "declared_seconds": _seconds(stream.duration, stream.time_base),
        "bit_rate": 8 * packets.bytes / packets.span if packets.span else 0.0,
        "roles": tuple(role.name for role in Disposition if role.name and role & stream.disposition),
        "tags": dict(stream.metadata),
    }


def _four_letters(context: CodecContext | None) -> str:
    try:
        return context.codec_tag.strip("\0 ") if context else ""
    except UnicodeDecodeError:  # PyAV reads it as ASCII, and a damaged file has any bytes there
        return ""


def _seconds(ticks: int | None, tick: Fraction | None) -> float | None:
    return None if ticks is None or tick is None else float(ticks * tick)


def _hdr(frame: VideoFrame) -> tuple[str, ...]:
    curve = HDR.get(int(frame.color_trc))
    data = {HDR_DATA.get(one.type) for one in cast(Iterable[SideData], frame.side_data)}
    return tuple(name for name in (curve, *sorted(name for name in data if name)) if name)


def _name(names: type[IntEnum], number: int) -> str:
    try:
        return names(number).name.lower()
    except ValueError:
        return f"number {int(number)}" if number not in (0, 2) else "unspecified"
