"""Small real videos to perturb: colour that shows its number, and something like speech."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 44_100
SIZE = (96, 160)  # height, width


def speechlike(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Noise and harmonics of 120 Hz that come and go four times a second, with pauses between."""
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 50))
    breath = np.random.default_rng(seed).normal(0, 0.5, len(time))
    return (0.08 * (voice + breath) * (np.sin(2 * np.pi * 4 * time) > -0.3)).astype(np.float32)


def coloured(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A colourful, textured picture with a white bar that says when it is: its place is the number."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    texture = 40 * np.sin(columns / 2) * np.sin(rows / 2)
    picture = np.stack([150 + texture, 80 + texture + rows / 4, 60 + 0 * texture + columns / 4], -1)
    picture[4:12] = 20
    picture[4:12, 2 * number % size[1] : 2 * number % size[1] + 2] = 250
    return picture.clip(0, 255).astype(np.uint8)


def bar(picture: np.ndarray) -> int:
    """The number of a `coloured` picture of any size."""
    scale = picture.shape[1] / SIZE[1]
    row = picture[round(8 * scale)].mean(-1)
    return round(float(np.argmax(row) / scale / 2 - 0.25))


def click(seconds: float, at: float) -> np.ndarray:
    """Silence with one click of which the first sample is the loudest."""
    audio = np.zeros(round(seconds * RATE), np.float32)
    audio[round(at * RATE) :][:8] = np.linspace(0.9, 0.2, 8)
    return audio


def film(path: Path, audio: np.ndarray | None, frames: int = 50, fps: int = 25, size: tuple[int, int] = SIZE) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "8", "preset": "ultrafast"})
        video.height, video.width, video.pix_fmt = *size, "yuv420p"
        sound = None if audio is None else container.add_stream("aac", rate=RATE, layout="mono", bit_rate=192_000)
        for number in range(frames):
            container.mux(video.encode(av.VideoFrame.from_ndarray(coloured(number, size))))
        container.mux(video.encode())
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(audio[None], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return path
