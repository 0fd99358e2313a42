"""The video inside a report: a small copy on the clock of the verdict, with the audio that was judged."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from npvf.clip import FPS
from npvf.errors import Reason, Refused
from npvf.media.decode import iter_frames, read_audio
from npvf.media.encode import write_video

BUDGET = 10_000_000  # bytes of all copies in a report: base64 makes a third more of them
LONG_SIDE = 720  # pixels; smaller videos keep their size
CRF = 23.0
AUDIO_RATE, AUDIO_BITS = 24_000, 48_000
MOST_BITS, LEAST_BITS = 1_500_000, 150_000  # a second, of the frames; with less than the least a mouth cannot be seen


@dataclass(frozen=True, slots=True)
class Preview:
    """H.264 and AAC in MP4. `start` and `end` are seconds of the video: a long video is not copied as a whole."""

    mp4: bytes
    start: float
    end: float


def make_preview(path: Path, seconds: float, budget: int = BUDGET, around: float = 0.0) -> Preview:
    """Return a copy of a video, or of the part of it that fits into the budget.

    It has 25 frames a second, by time stamp: frame k is the frame that was judged as frame k.

    Args:
        path: the video.
        seconds: its duration.
        budget: bytes; a copy of a few seconds may exceed it by a tenth.
        around: a second of the video that the part contains, in its middle if possible.

    Raises:
        Refused: the video cannot be decoded.
    """
    length = min(seconds, 8 * budget / (LEAST_BITS + AUDIO_BITS))
    start = round(min(max(0.0, around - length / 2), seconds - length) * FPS) / FPS
    bits = int(min(MOST_BITS, 0.9 * 8 * budget / max(length, 1.0) - AUDIO_BITS))  # x264 keeps to it over some seconds
    try:
        audio_N = read_audio(path, AUDIO_RATE, start, start + length)
    except Refused as refusal:
        if refusal.reason is not Reason.NO_AUDIO:
            raise
        audio_N = None
    file = io.BytesIO()
    frames = _small(iter_frames(path, FPS, start, start + length))
    write_video(
        file,
        frames,
        audio=audio_N,
        sample_rate=AUDIO_RATE,
        crf=CRF,
        gop=FPS,  # a jump decodes at most one second
        audio_bitrate=AUDIO_BITS,
        max_bitrate=bits,
    )
    return Preview(file.getvalue(), start, start + length)


def _small(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Scale frames to at most `LONG_SIDE`, with even sides, as browsers need them."""
    for frame_HWC in frames:
        height, width = frame_HWC.shape[:2]
        scale = min(1.0, LONG_SIDE / max(height, width))
        size = tuple(max(2, 2 * round(side * scale / 2)) for side in (width, height))
        same = size == (width, height)
        yield frame_HWC if same else cv2.resize(frame_HWC, size, interpolation=cv2.INTER_AREA)
