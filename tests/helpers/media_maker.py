"""Small real media files: every picture carries its number, a flash and a click mark a moment."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH, BITS, BLOCK = 48, 192, 12, 16
RATE = 44100


def numbered(number: int, flash: bool = False) -> np.ndarray:
    """A picture that shows its number in binary, as blocks in its upper third; a flash fills the rest."""
    picture = np.full((HEIGHT, WIDTH, 3), 235 if flash else 40, np.uint8)
    for bit in range(BITS):
        picture[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 220 if number >> bit & 1 else 20
    return picture


def number_of(picture: np.ndarray) -> int:
    middles = picture[BLOCK // 2, BLOCK // 2 :: BLOCK].mean(-1)
    return sum(1 << bit for bit, level in enumerate(middles) if level > 128)


def is_flash(picture: np.ndarray) -> bool:
    return bool(picture[BLOCK + 8 :].mean() > 140)


def click(seconds: float, at: float, rate: int = RATE) -> np.ndarray:
    """Silence with one short click of which the first sample is the loudest."""
    audio = np.zeros(round(seconds * rate), np.float32)
    place = round(at * rate)
    audio[place : place + 8] = np.linspace(0.9, 0.2, 8)
    return audio


def make(
    path: Path,
    times: Sequence[Fraction] = tuple(Fraction(k, 25) for k in range(50)),
    flash: int | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    bframes: int = 0,
    gop: int = 12,
    rotation: int | None = None,
    audio: np.ndarray | None = None,
    audio_codec: str = "aac",
    audio_start: float = 0.0,
    options: dict[str, str] | None = None,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    container_options: dict[str, str] | None = None,
) -> Path:
    """A file whose pictures 0, 1, ... are shown at `times` (empty: no video), the sound starting at `audio_start`."""
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        video = _video(container, times, codec, pixel_format, bframes, gop, options, size) if times else None
        if video and rotation is not None:
            video.set_display_rotation(rotation)
        sound = container.add_stream(audio_codec, rate=RATE, layout="mono") if audio is not None else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered(number, number == flash)[: size[0], : size[1]])
            frame.time_base = Fraction(1, 90000)
            frame.pts = round(time / frame.time_base)
            container.mux(video.encode(frame))
        if sound:
            frame = av.AudioFrame.from_ndarray(audio[None].astype(np.float32), "fltp", "mono")
            frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
            frame.pts = round(audio_start * RATE)
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
        if video:
            container.mux(video.encode())
    return path


def _video(container, times, codec, pixel_format, bframes, gop, options, size):
    span = times[-1] - times[0]
    rate = (Fraction(len(times) - 1) / span).limit_denominator(1001) if span else 25
    video = container.add_stream(codec, rate=rate, options=options or {})
    video.height, video.width = size
    video.pix_fmt = pixel_format
    video.codec_context.time_base = Fraction(1, 90000) if codec.startswith("libx26") else 1 / Fraction(rate)
    video.codec_context.max_b_frames = bframes
    video.gop_size = gop
    return video


def at_rate(fps: Fraction, count: int) -> list[Fraction]:
    return [k / Fraction(fps) for k in range(count)]


def shown_at(times: Sequence[Fraction], moment: Fraction) -> int:
    """The number of the picture that is shown at a moment: the definition that the decoder is held to."""
    return max(number for number, time in enumerate(times) if time - times[0] <= moment)
