"""What a media file holds, without decoding more than one picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from npvf.errors import Reason, Refused
from npvf.media.container import audio_stream, decoded, open_media, video_stream


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The moving picture of a file. `width` and `height` are as shown, after `rotation`; times are the container's."""

    codec: str
    width: int
    height: int
    pixel_format: str
    average_fps: float
    frames: int | None  # as the file declares it; None: it does not
    start: float  # seconds
    duration: float  # seconds
    rotation: int  # degrees counter-clockwise, from the stored to the shown picture


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The sound of a file. Times are the container's."""

    codec: str
    sample_rate: int
    channels: int
    start: float  # seconds
    duration: float  # seconds


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A media file. `format` is FFmpeg's name of the container; a missing stream is None."""

    path: Path
    format: str
    size_bytes: int
    duration: float  # seconds
    video: VideoStream | None
    audio: AudioStream | None


def probe(path: str | Path) -> MediaInfo:
    """Streams, sizes, rates and times of a file. The first picture is decoded: it alone knows the rotation.

    Raises:
        Refused: NOT_FOUND, or UNDECODABLE for a file that is no media file or whose first picture does not decode.
    """
    path = Path(path)
    with open_media(path) as container:
        duration = container.duration / av.time_base if container.duration else _last_time(path)
        audio = _audio(container, duration)
        video = _video(container, duration)
    return MediaInfo(path, container.format.name, path.stat().st_size, duration, video, audio)


def _video(container: InputContainer, duration: float) -> VideoStream | None:
    stream = video_stream(container)
    if stream is None:
        return None
    frame = next(decoded(container, stream), None)
    if frame is None:
        raise Refused(Reason.UNDECODABLE, f"{Path(container.name).name}: the video stream is empty.")
    turned = frame.rotation % 180 == 90
    return VideoStream(
        codec=stream.codec_context.name,
        width=frame.height if turned else frame.width,
        height=frame.width if turned else frame.height,
        pixel_format=frame.format.name,
        average_fps=float(stream.average_rate or stream.guessed_rate or 0),
        frames=stream.frames or None,
        start=_seconds(stream.start_time, stream.time_base) or 0.0,
        duration=_seconds(stream.duration, stream.time_base) or duration,
        rotation=frame.rotation,
    )


def _audio(container: InputContainer, duration: float) -> AudioStream | None:
    stream = audio_stream(container)
    if stream is None:
        return None
    return AudioStream(
        codec=stream.codec_context.name,
        sample_rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.layout.nb_channels,
        start=_seconds(stream.start_time, stream.time_base) or 0.0,
        duration=_seconds(stream.duration, stream.time_base) or duration,
    )


def _seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    return None if ticks is None or time_base is None else float(ticks * time_base)


def _last_time(path: Path) -> float:
    """The end of the last packet, for files that do not declare a duration (recordings of web browsers)."""
    with open_media(path) as container:
        ends = (
            (packet.pts + (packet.duration or 0)) * packet.time_base
            for packet in container.demux()
            if packet.pts is not None and packet.time_base
        )
        return float(max(ends, default=Fraction(0)))
