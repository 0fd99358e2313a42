"""Pictures and sound into files, and into the bytes that a shard holds."""

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

CROP_GOP = 8  # a random piece of a clip costs at most 7 frames decoded in vain
CROP_CRF = 13  # 38 dB and more on faces, about 3.5 kB a picture
# Otherwise x264 chooses by processor, and with AVX-512 two runs over the same pictures differed by up to 1 % in size.
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
) -> None:
    """H.264 and AAC in an MP4 file; the same input gives the same bytes.

    Args:
        target: path, or a seekable binary file. A path appears only when the file is whole.
        frames: (H, W, 3) uint8 RGB each, all of one size, consumed as a stream. An odd size is kept (4:4:4 sampling).
        fps: pictures a second.
        audio: (N,) float32 in [-1, 1]; sample 0 sounds at the first picture.
        sample_rate: of `audio`; one that AAC knows (16000, 22050, 44100, 48000, ...).
        crf: x264's constant quality, 0 (lossless) to 51.
        gop: pictures between two key frames; None: x264's choice (250).
        bframes: B-frames in a row; None: the preset's choice.
        preset: x264's trade of time against size.
        tune: the tuning of x264 (`stillimage`, `fastdecode`, ...).
        audio_bitrate: bits a second.

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


def encode_crops(face_THWC: np.ndarray, crf: float = CROP_CRF) -> bytes:
    """Face crops as a small MP4 file made for random access: a key frame every 8 pictures, no B-frames, fast to decode.

    Args:
        face_THWC: (T, H, W, 3) uint8 RGB at 25 fps.
        crf: x264's constant quality; the default is visually lossless.
    """
    file = io.BytesIO()
    write_video(file, face_THWC, FPS, crf=crf, gop=CROP_GOP, bframes=0, tune="fastdecode")
    return file.getvalue()


def decode_crops(data: bytes, start: int = 0, count: int | None = None) -> np.ndarray:
    """Pictures `start` to `start + count` of what `encode_crops` made.

    Returns:
        (count, H, W, 3) uint8 RGB; frame-exact, decoding at most 7 pictures more than asked for.

    Raises:
        ValueError: the clip does not have these pictures.
        Refused: UNDECODABLE, the bytes are damaged.
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
    """Sound as 16-bit FLAC. `audio_N`: (N,) float32 in [-1, 1]; louder samples are clipped."""
    file = io.BytesIO()
    soundfile.write(file, to_int16(audio_N), sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode_flac(data: bytes, start: int = 0, count: int | None = None) -> np.ndarray:
    """Samples `start` to `start + count` of what `encode_flac` made: (count,) float32 in [-1, 1)."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        file.seek(start)
        return to_float(file.read(-1 if count is None else count, dtype="int16"))


class _Sound:
    """The AAC stream of a file being written, fed along with the pictures so that the file is interleaved."""

    def __init__(self, container: OutputContainer, audio_N: np.ndarray, rate: int, bitrate: int) -> None:
        self._container, self._audio_N, self._rate = container, np.asarray(audio_N, np.float32), rate
        self._stream = container.add_stream("aac", rate=rate, layout="mono", bit_rate=bitrate)
        self._written = 0

    def write(self, until: float) -> None:
        """Encodes up to a time in seconds."""
        end = min(len(self._audio_N), round(until * self._rate))
        if end > self._written:
            frame = av.AudioFrame.from_ndarray(self._audio_N[None, self._written : end], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._written, Fraction(1, self._rate)
            self._container.mux(self._stream.encode(frame))
            self._written = end

    def finish(self) -> None:
        """Encodes what is left and closes the stream."""
        self.write(until=len(self._audio_N) / self._rate)
        self._container.mux(self._stream.encode())


def _tick(stream: VideoStream) -> Fraction:
    assert stream.time_base is not None  # of every stream that was read from a file
    return stream.time_base


@contextmanager
def output_file(target: str | Path | BinaryIO) -> Iterator[OutputContainer]:
    """An MP4 container to write into; a path gets its file only when all went well."""
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
    """A stream for pictures like the first one, in one thread; `options` are the encoder's own."""
    rate = Fraction(fps).limit_denominator(1_000_000)
    options = {**_SAME_BYTES.get(codec, {}), **options}
    stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options))
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = "yuv444p" if stream.height % 2 or stream.width % 2 else "yuv420p"
    stream.codec_context.colorspace = Colorspace.ITU601
    return stream


def encode_frame(picture: np.ndarray, index: int, stream: VideoStream) -> av.VideoFrame:
    """(H, W, 3) uint8 RGB as frame `index` of a stream. Raises ValueError where its size is not the stream's."""
    if picture.shape != (stream.height, stream.width, 3):
        raise ValueError(f"frame {index} is {picture.shape}, the first was {(stream.height, stream.width, 3)}")
    frame = av.VideoFrame.from_ndarray(picture).reformat(
        format=stream.pix_fmt, dst_colorspace=Colorspace.ITU601, interpolation=Interpolation.BICUBIC, threads=1
    )
    frame.pts, frame.time_base = index, 1 / stream.codec_context.rate
    return frame
