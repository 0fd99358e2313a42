"""Encode one stream of a file anew and copy the other one packet by packet, so that it does not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import merge
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from npvf.clip import FPS
from npvf.errors import MissingDependency, NpvfError, Reason, Refused
from npvf.media.container import clock_zero, has_presentation_times, open_media, video_stream
from npvf.media.decode import iter_frames, speaking_stream, spool_audio, to_float
from npvf.media.encode import encode_frame, output_file, video_encoder

# Where packets cannot be copied: nearly lossless, so that measures of a face do not change.
NEARLY_LOSSLESS = {"crf": "10", "preset": "veryfast"}
LOSSLESS = "alac"
HIGHEST_RATE = 48_000
# Codecs that MP4 can contain unchanged; audio only if the container declares the priming samples of the codec.
_SOUND_TO_COPY = frozenset({"aac", "mp3", "mp3float", "opus", "flac", "alac", "ac3"})
_INDEXED = ("mov,", "matroska,")
_SECONDS_A_BLOCK = 1
_Timed = tuple[float, Packet]


@dataclass(frozen=True, slots=True)
class VideoEncoding:
    """Frames to encode, (H, W, 3) uint8 RGB, all of one size. `options` are passed to the encoder."""

    frames: Iterable[np.ndarray]
    fps: float = FPS
    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=lambda: dict(NEARLY_LOSSLESS))


@dataclass(frozen=True, slots=True)
class AudioEncoding:
    """Audio to encode, as consecutive blocks of mono float32 samples. It starts with the first frame.

    `bit_rate` is in bits per second, None for a lossless codec.
    """

    blocks: Iterable[np.ndarray]
    rate: int
    codec: str = LOSSLESS
    bit_rate: int | None = None


def transcode(
    source: str | Path, target: str | Path, pictures: VideoEncoding | None = None, sound: AudioEncoding | None = None
) -> None:
    """Write `source` as an MP4 file with other frames, other audio, or both; a stream that is None does not change.

    An unchanged stream is copied packet by packet. If that is impossible (frames of an AVI; audio whose codec MP4 does
    not support, or whose container does not declare its start) it is encoded nearly lossless: H.264 at CRF 10, or ALAC
    of the mono audio. The same input gives the same bytes. Memory holds some frames and a second of audio.

    Args:
        source: a media file with a video stream.
        target: the path of the new file; it exists only after it is complete.
        pictures: the new frames.
        sound: the new audio.

    Raises:
        Refused: NOT_FOUND, NO_VIDEO or UNDECODABLE, for the source.
        MissingDependency: this build of FFmpeg lacks the encoder.
    """
    zero = clock_zero(source)
    with output_file(target) as output, ExitStack() as opened:
        if pictures is None:
            streams = [_kept_pictures(output, opened.enter_context(open_media(source)), zero)]
        else:
            streams = [_encoded_pictures(output, pictures)]
        if sound is None:
            streams += _kept_sound(output, opened.enter_context(open_media(source)), zero)
        else:
            streams.append(_encoded_sound(output, sound))
        for _, packet in merge(*streams, key=itemgetter(0)):
            output.mux(packet)


def sound_rate(sample_rate: int) -> int:
    """Return the sample rate for audio of some rate: its own, but at most 48 kHz."""
    return min(sample_rate, HIGHEST_RATE)


def blocks_of(audio_N: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    """Yield float32 blocks of a second from (N,) int16, which may be memory-mapped."""
    step = rate * _SECONDS_A_BLOCK
    return (to_float(audio_N[at : at + step]) for at in range(0, len(audio_N), step))


def need_encoder(name: str) -> None:
    """Raise MissingDependency if this build of FFmpeg does not have an encoder."""
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise MissingDependency(
            f"the FFmpeg in this PyAV {av.__version__} has no encoder {name}: "
            "take PyAV's own wheel (pip install --force-reinstall --only-binary=:all: av)"
        ) from error


def _encoded_pictures(output: OutputContainer, pictures: VideoEncoding) -> Iterator[_Timed]:
    need_encoder(pictures.codec)
    frames = iter(pictures.frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("there are no pictures to write")
    stream = video_encoder(output, first, pictures.fps, {"threads": "1", **pictures.options}, pictures.codec)

    def packets() -> Iterator[Packet]:
        for index, picture in enumerate(chain([first], frames)):
            yield from stream.encode(encode_frame(picture, index, stream))
        yield from stream.encode()

    return _encoded(pictures.codec, packets())


def _encoded_sound(output: OutputContainer, sound: AudioEncoding) -> Iterator[_Timed]:
    need_encoder(sound.codec)
    stream = cast(av.AudioStream, output.add_stream(sound.codec, rate=sound.rate, layout="mono"))
    if sound.bit_rate is not None:
        stream.bit_rate = sound.bit_rate

    def packets() -> Iterator[Packet]:
        written = 0
        for block in filter(len, sound.blocks):
            frame = av.AudioFrame.from_ndarray(np.asarray(block, np.float32)[None].clip(-1, 1), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = sound.rate, written, Fraction(1, sound.rate)
            yield from stream.encode(frame)
            written += len(block)
        yield from stream.encode()

    return _encoded(sound.codec, packets())


def _kept_pictures(output: OutputContainer, container: InputContainer, zero: Fraction) -> Iterator[_Timed]:
    stream = video_stream(container)
    if stream is None:
        raise Refused(Reason.NO_VIDEO, f"{Path(container.name).name} has no video stream.")
    if not has_presentation_times(container):
        path = container.name.removeprefix("file:")
        fps = float(stream.average_rate or FPS)
        return _encoded_pictures(output, VideoEncoding(iter_frames(path, fps), fps))
    return _copied(output, container, stream, zero)


def _kept_sound(output: OutputContainer, container: InputContainer, zero: Fraction) -> list[Iterator[_Timed]]:
    stream = speaking_stream(container)
    if stream is None:
        return []
    if stream.codec_context.name in _SOUND_TO_COPY and container.format.name.startswith(_INDEXED):
        return [_copied(output, container, stream, zero)]
    rate = sound_rate(stream.codec_context.sample_rate)
    blocks = blocks_of(spool_audio(container.name.removeprefix("file:"), rate), rate)
    return [_encoded_sound(output, AudioEncoding(blocks, rate))]


def _copied(
    output: OutputContainer,
    container: InputContainer,
    stream: av.VideoStream | av.AudioStream,
    zero: Fraction,
) -> Iterator[_Timed]:
    """Yield the packets with shifted times: the first frame is at zero."""
    copy = output.add_stream_from_template(stream, opaque=True)
    tick = stream.time_base or Fraction(1)
    shift = round(zero / tick)

    def packets() -> Iterator[Packet]:
        for packet in container.demux(stream):
            if packet.pts is None:
                continue  # the end of the stream
            packet.stream = copy
            packet.pts -= shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            yield packet

    return map(_timed, packets())


def _encoded(codec: str, packets: Iterator[Packet]) -> Iterator[_Timed]:
    """Raise errors of an encoder as such, so that they are not taken for damage of the input file."""
    try:
        yield from map(_timed, packets)
    except av.FFmpegError as error:
        raise NpvfError(f"FFmpeg's {codec} cannot encode this: {error.strerror}") from error


def _timed(packet: Packet) -> _Timed:
    stamp = packet.pts if packet.dts is None else packet.dts
    return float((stamp or 0) * packet.time_base), packet
