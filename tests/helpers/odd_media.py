"""Files as people really have them: pixels that are not square, two fields a frame, HDR, several audio tracks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

RATE = 48_000
_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def write(
    path: Path,
    frames: Iterable[np.ndarray] | Iterable[av.VideoFrame],
    tracks: Sequence[np.ndarray] = (),
    layout: str = "mono",
    aspect: Fraction | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    default: int = 0,
) -> Path:
    """A video at 25 frames a second; each track is (channels, N) float at 48 kHz, `default` is marked as such."""
    with av.open(str(path), "w") as container:
        frames = [av.VideoFrame.from_ndarray(f) if isinstance(f, np.ndarray) else f for f in frames]
        first = frames[0]
        video = container.add_stream(codec, rate=25, options={"crf": "8", "preset": "ultrafast", **(options or {})})
        video.width, video.height = first.width, first.height
        video.pix_fmt = first.format.name if "yuv" in first.format.name else "yuv420p"
        if aspect is not None:
            video.codec_context.sample_aspect_ratio = aspect
        for name in ("color_trc", "color_primaries", "colorspace", "color_range"):
            setattr(video.codec_context, name, getattr(first, name))
        sounds = [container.add_stream("aac", rate=RATE, layout=layout, bit_rate=192_000) for _ in tracks]
        for number, sound in enumerate(sounds):
            sound.disposition = av.stream.Disposition.default if number == default else av.stream.Disposition(0)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        for sound, audio_CN in zip(sounds, tracks, strict=True):
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio_CN, np.float32), "fltp", layout)
            block.sample_rate, block.time_base, block.pts = RATE, Fraction(1, RATE), 0
            container.mux(sound.encode(block))
            container.mux(sound.encode())
        container.mux(video.encode())
    return path


def interlaced(fields: Sequence[np.ndarray], top_first: bool = True) -> list[av.VideoFrame]:
    """Weave pictures, 50 a second, into frames of two fields each, marked as such."""
    height, width = fields[0].shape[:2]
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25))
    mark = graph.add("setparams", field_mode="tff" if top_first else "bff")
    graph.link_nodes(source, mark, graph.add("buffersink")).configure()
    frames = []
    for early, late in zip(fields[::2], fields[1::2], strict=True):
        woven = early.copy()
        woven[1 if top_first else 0 :: 2] = late[1 if top_first else 0 :: 2]
        graph.vpush(av.VideoFrame.from_ndarray(woven).reformat(format="yuv420p", threads=1))
        frames.append(graph.vpull())
    return frames


def hdr(picture: np.ndarray, kind: str) -> av.VideoFrame:
    """An SDR picture as "pq" or "hlg", BT.2020, 10 bit: diffuse white at 203 cd/m2, as recent phones write it."""
    light = (picture / 255.0) ** 2.4 @ _TO_BT2020.T
    signal = _pq(light * 203) if kind == "pq" else _hlg(light * 0.265)
    luma = signal @ [0.2627, 0.6780, 0.0593]
    blue, red = (signal[..., 2] - luma) / 1.8814, (signal[..., 0] - luma) / 1.4746
    frame = av.VideoFrame(picture.shape[1], picture.shape[0], "yuv444p10le")
    for plane, values in zip(frame.planes, (64 + 876 * luma, 512 + 896 * blue, 512 + 896 * red), strict=True):
        stored = np.zeros((plane.height, plane.line_size // 2), "<u2")
        stored[:, : plane.width] = values.round().clip(0, 1023)
        plane.update(stored.tobytes())
    frame.color_trc = ColorTrc.SMPTE2084 if kind == "pq" else ColorTrc.ARIB_STD_B67
    frame.color_primaries, frame.colorspace = ColorPrimaries.BT2020, Colorspace.BT2020
    frame.color_range = ColorRange.MPEG
    return frame


def _pq(nits: np.ndarray) -> np.ndarray:
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def _hlg(scene: np.ndarray) -> np.ndarray:
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
