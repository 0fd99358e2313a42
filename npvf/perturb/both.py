"""Perturbations of frames and audio together: rate, size, delay, and video codecs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from npvf.media.transcode import blocks_of
from npvf.perturb.registry import perturbation
from npvf.perturb.video_edit import VideoEdit, scaled_size, scaled_to

# One thread, so that the bytes are always the same, and no messages on the screen.
_X265 = "log-level=error:pools=none:frame-threads=1"


@perturbation("both", (30, 20, 15, 12, 8), "{} pictures a second")
def frame_rate(video: VideoEdit, fps: float, rng: np.random.Generator) -> VideoEdit:
    """Change the frame rate: frames are dropped or repeated by their time stamps; the audio is copied."""
    return video.with_frames(fps=fps)


@perturbation("both", (0.04, 0.08, 0.16, 0.24, 0.4), "the sound {} s late")
def audio_delay(video: VideoEdit, seconds: float, rng: np.random.Generator) -> VideoEdit:
    """Delay the audio, in its samples and not in its time stamps, which some programs ignore."""
    audio_N, rate = video.audio()
    late = round(seconds * rate)

    def blocks() -> Iterator[np.ndarray]:
        yield np.zeros(min(late, len(audio_N)), np.float32)
        yield from blocks_of(audio_N[: max(0, len(audio_N) - late)], rate)

    return replace(video.with_audio(blocks(), rate), delay=late / rate)


@perturbation("both", ((23, 96), (28, 64), (33, 48), (38, 32), (43, 24)), "H.264 at CRF {}, AAC at {} kbit/s")
def h264(video: VideoEdit, quality: tuple[int, int], rng: np.random.Generator) -> VideoEdit:
    """Encode the file with x264 and AAC."""
    return _recoded(video, "libx264", quality, {"preset": "medium"})


@perturbation("both", ((23, 96), (28, 64), (33, 48), (38, 32), (43, 24)), "H.265 at CRF {}, AAC at {} kbit/s")
def h265(video: VideoEdit, quality: tuple[int, int], rng: np.random.Generator) -> VideoEdit:
    """Encode the file with x265 and AAC."""
    return _recoded(video, "libx265", quality, {"preset": "fast", "x265-params": _X265})


@perturbation("both", (0.75, 0.5, 0.4, 0.3, 0.2), "sides x {}")
def resize(video: VideoEdit, factor: float, rng: np.random.Generator) -> VideoEdit:
    """Reduce the frames; their sides are even and at least 64 pixels. The audio is copied."""
    return video.with_frames(scaled_to(*scaled_size(video.stream.width, video.stream.height, factor)))


def _recoded(video: VideoEdit, codec: str, quality: tuple[int, int], options: dict[str, str]) -> VideoEdit:
    crf, kbps = quality
    video = video.with_frames(codec=codec, options={"crf": str(crf), **options})
    return video if video.sample_rate is None else video.recoded("aac", kbps, 44_100)
