"""Encode frames and audio as files, and as the bytes in a shard."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import soundfile
from av.container import OutputContainer
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream

from npvf.clip import FPS, SAMPLE_RATE
from npvf.errors import Reason, Refused
from npvf.media.decode import to_float, to_int16

CROP_GOP = 8  # to read a random piece of a clip decodes at most 7 frames too many
CROP_CRF = 13  # 38 dB and more on faces, about 3.5 kB per frame
# Otherwise x264 chooses by processor: with AVX-512, two runs over the same frames differed by up to 1 % in size.
_SAME_BYTES = {"libx264": {"x264-params": "cpu-independent=1"}}


def write_video(
    target: str | Path | BinaryIO,
    frames: Iterable[np.ndarray],
    fps: float = FPS,
    audio: np.ndarray | None = None,
    sample_rate: int = SAMPLE_RATE,
    crf: float = 18,
    gop: int | None = None,
    bframes: int | None = None,
    preset: str = "veryfast",
    tune: str | None = None,
    audio_bitrate: int = 96_000,
    max_bitrate: int | None = None,
) -> None:
    """Write H.264 and AAC in an MP4 file; the same input gives the same bytes.

    Args:
        target: a path, or a seekable binary file. A path exists only after the file is complete.
        frames: (H, W, 3) uint8 RGB, all of one size, consumed as a stream. An odd size is kept (4:4:4 sampling).
        fps: frames per second.
        audio: (N,) float32 in [-1, 1]; sample 0 is at the time of the first frame.
        sample_rate: the sample rate of `audio`, one that AAC supports (16000, 22050, 44100, 48000, ...).
        crf: the constant rate factor of x264, 0 (lossless) to 51.
        gop: frames between two key frames; None: x264's choice (250).
        bframes: B-frames in a row; None: the preset's choice.
        preset: x264's compromise between time and size.
        tune: the tuning of x264 (`stillimage`, `fastdecode`, ...).
        audio_bitrate: bits per second.
        max_bitrate: bits per second that the frames do not exceed over a few seconds; None: as `crf` needs.

    Raises:
        ValueError: no frames, or frames of different sizes.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("write_video needs at least one frame")
    options = {"crf": str(crf), "preset": preset, "threads": "1"}
    if gop is not None:
        options |= {"g": str(gop)}
    if bframes is not None:
        options |= {"bf": str(bframes)}
    if tune is not None:
        options |= {"tune": tune}
    if max_bitrate is not None:
        options |= {"maxrate": str(max_bitrate), "bufsize": str(max_bitrate)}
    with output_file(target) as container:
        video = video_encoder(container, first, fps, options)
        sound = None if audio is None else _Sound(container, audio, sample_rate, audio_bitrate)
        for index, picture in enumerate(chain([first], frames)):
            container.mux(video.encode(encode_frame(picture, index, video)))
            if sound is not None:
                sound.write(until=(index + 1) / fps)
        container.mux(video.encode())
        if sound is not None:
            sound.finish()


class CropEncoder:
    """Encode face crops, one after the other, as a small MP4 file for random access.

    There is a key frame every 8 frames, and there are no B-frames.

    Args:
        crf: the constant rate factor of x264; the default is visually lossless.
    """

    def __init__(self, crf: float = CROP_CRF) -> None:
        self._options = {"crf": str(crf), "preset": "veryfast", "threads": "1", "g": str(CROP_GOP), "bf": "0"}
        self._options["tune"] = "fastdecode"
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        self._stream: VideoStream | None = None
        self._count = 0

    def add(self, face_HWC: np.ndarray) -> None:
        """Encode the next crop, (H, W, 3) uint8 RGB, at 25 fps. Raises ValueError if its size differs."""
        if self._stream is None:
            self._stream = video_encoder(self._container, face_HWC, FPS, self._options)
        self._container.mux(self._stream.encode(encode_frame(face_HWC, self._count, self._stream)))
        self._count += 1

    def finish(self) -> bytes:
        """Return the file. Nothing can be added any more. Raises ValueError if nothing was added."""
        if self._stream is None:
            raise ValueError("a file of crops needs at least one crop")
        self._container.mux(self._stream.encode())
        self._container.close()
        return self._file.getvalue()


def encode_crops(face_THWC: np.ndarray, crf: float = CROP_CRF) -> bytes:
    """Encode (T, H, W, 3) uint8 RGB at 25 fps with `CropEncoder`."""
    encoder = CropEncoder(crf)
    for face_HWC in face_THWC:
        encoder.add(face_HWC)
    return encoder.finish()


def decode_crops(data: bytes, start: int = 0, count: int | None = None) -> np.ndarray:
    """Decode frames `start` to `start + count` of the bytes from `encode_crops`.

    Returns:
        (count, H, W, 3) uint8 RGB; exact, with at most 7 additional frames decoded.

    Raises:
        ValueError: the clip does not have these frames.
        Refused: UNDECODABLE if the bytes are damaged.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            count = stream.frames - start if count is None else count
            if start < 0 or count < 0 or start + count > stream.frames:
                raise ValueError(f"pictures {start} to {start + count} of a clip of {stream.frames}")
            ticks = round(1 / (FPS * _tick(stream)))
            if start:
                container.seek(start * ticks, stream=stream)
            face_THWC = np.empty((count, stream.height, stream.width, 3), np.uint8)
            wanted = (frame for frame in container.decode(stream) if (frame.pts or 0) >= start * ticks)
            filled = 0
            for frame in islice(wanted, count):
                if frame.is_corrupt or frame.pts != (start + filled) * ticks:
                    break
                face_THWC[filled] = frame.to_ndarray(format="rgb24", threads=1)
                filled += 1
    except av.FFmpegError as error:
        raise Refused(Reason.UNDECODABLE, f"damaged face crops: {error.strerror}.") from error
    if filled < count:
        raise Refused(Reason.UNDECODABLE, f"damaged face crops: picture {start + filled} is missing.")
    return face_THWC


def encode_flac(audio_N: np.ndarray, sample_rate: int = SAMPLE_RATE) -> bytes:
    """Encode audio as 16-bit FLAC. `audio_N`: (N,) float32 in [-1, 1]; louder samples are clipped."""
    file = io.BytesIO()
    soundfile.write(file, to_int16(audio_N), sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode_flac(data: bytes, start: int = 0, count: int | None = None) -> np.ndarray:
    """Decode samples `start` to `start + count` of the bytes from `encode_flac`: (count,) float32 in [-1, 1)."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        file.seek(start)
        return to_float(file.read(-1 if count is None else count, dtype="int16"))


class _Sound:
    """The AAC stream of a file, written together with the frames so that the file is interleaved."""

    def __init__(self, container: OutputContainer, audio_N: np.ndarray, rate: int, bitrate: int) -> None:
        self._container, self._audio_N, self._rate = container, np.asarray(audio_N, np.float32), rate
        self._stream = container.add_stream("aac", rate=rate, layout="mono", bit_rate=bitrate)
        self._written = 0

    def write(self, until: float) -> None:
        """Encode the audio up to a time in seconds."""
        end = min(len(self._audio_N), round(until * self._rate))
        if end > self._written:
            frame = av.AudioFrame.from_ndarray(self._audio_N[None, self._written : end], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._written, Fraction(1, self._rate)
            self._container.mux(self._stream.encode(frame))
            self._written = end

    def finish(self) -> None:
        """Encode the rest and close the stream."""
        self.write(until=len(self._audio_N) / self._rate)
        self._container.mux(self._stream.encode())


def _tick(stream: VideoStream) -> Fraction:
    assert stream.time_base is not None  # of each stream that was read from a file
    return stream.time_base


@contextmanager
def output_file(target: str | Path | BinaryIO) -> Iterator[OutputContainer]:
    """Open an MP4 container for writing; a path gets its file only if there was no error."""
    if not isinstance(target, str | Path):
        with av.open(target, "w", format="mp4") as container:
            yield container
        return
    part = Path(f"{target}.part")
    try:
        with av.open(f"file:{part}", "w", format="mp4") as container:
            yield container
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def video_encoder(
    container: OutputContainer, first: np.ndarray, fps: float, options: dict[str, str], codec: str = "libx264"
) -> VideoStream:
    """Add a stream for frames like the first one, with one thread; `options` are passed to the encoder."""
    rate = Fraction(fps).limit_denominator(1_000_000)
    options = {**_SAME_BYTES.get(codec, {}), **options}
    stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options))
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = "yuv444p" if stream.height % 2 or stream.width % 2 else "yuv420p"
    stream.codec_context.colorspace = Colorspace.ITU601
    return stream


def encode_frame(picture: np.ndarray, index: int, stream: VideoStream) -> av.VideoFrame:
    """Encode (H, W, 3) uint8 RGB as frame `index` of a stream. Raises ValueError if the size differs."""
    if picture.shape != (stream.height, stream.width, 3):
        raise ValueError(f"frame {index} is {picture.shape}, the first was {(stream.height, stream.width, 3)}")
    frame = av.VideoFrame.from_ndarray(picture).reformat(
        format=stream.pix_fmt, dst_colorspace=Colorspace.ITU601, interpolation=Interpolation.BICUBIC, threads=1
    )
    frame.pts, frame.time_base = index, 1 / stream.codec_context.rate
    return frame
