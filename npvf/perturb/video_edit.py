"""A video as a perturbation sees it: what it holds, and what of it is to be written anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from npvf.clip import FPS
from npvf.errors import Reason, Refused
from npvf.media.decode import iter_frames, spool_audio
from npvf.media.probe import VideoStream, probe
from npvf.media.transcode import (
    LOSSLESS,
    NEARLY_LOSSLESS,
    AudioEncoding,
    VideoEncoding,
    blocks_of,
    sound_rate,
    transcode,
)

_FASTEST = 120.0  # pictures a second; screen recordings declare up to 1000 and show a handful
SMALLEST_SIDE = 64  # pixels; no route makes a picture smaller


@dataclass(frozen=True, slots=True)
class VideoEdit:
    """One video, and the streams that a perturbation gave it; None: the stream is copied as it is.

    Attributes:
        factor: how many times as long it lasts.
        delay: seconds by which its sound is later.
        drawn: what chance decided, for the record.
    """

    path: Path
    stream: VideoStream
    sample_rate: int | None  # of its sound; None: it has none
    pictures: VideoEncoding | None = None
    sound: AudioEncoding | None = None
    factor: float = 1.0
    delay: float = 0.0
    drawn: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> VideoEdit:
        """Raises Refused: NOT_FOUND, UNDECODABLE or NO_VIDEO."""
        info = probe(path)
        if info.video is None:
            raise Refused(Reason.NO_VIDEO, f"{path.name} has no video stream.")
        return cls(path, info.video, info.audio.sample_rate if info.audio else None)

    @property
    def fps(self) -> float:
        """Pictures a second; of a variable rate the mean."""
        return min(self.stream.average_fps, _FASTEST) or float(FPS)

    def with_frames(
        self,
        change: Callable[[np.ndarray], np.ndarray] = lambda rgb: rgb,
        fps: float | None = None,
        shown_at: float | None = None,
        codec: str = "libx264",
        options: Mapping[str, str] = NEARLY_LOSSLESS,
    ) -> VideoEdit:
        """Each picture, (H, W, 3) uint8 RGB, changed and encoded. `change` must not write into what it is given.

        Args:
            change: a picture to another; all of one size.
            fps: pictures a second to take, by time stamp; None: the file's own rate.
            shown_at: pictures a second to show them at; None: as they were taken.
            codec: the encoder's name.
            options: the encoder's own.
        """
        fps = fps or self.fps
        frames = map(change, iter_frames(self.path, fps))
        return replace(self, pictures=VideoEncoding(frames, shown_at or fps, codec, dict(options)))

    def audio(self, rate: int | None = None) -> tuple[np.ndarray, int]:
        """The sound, (N,) int16 on disk, mono, and its rate: its own (48 kHz at most) or the one asked for.

        Raises Refused: NO_AUDIO.
        """
        if self.sample_rate is None:
            raise Refused(Reason.NO_AUDIO, f"{self.path.name} has no sound to change.")
        rate = rate or sound_rate(self.sample_rate)
        return spool_audio(self.path, rate), rate

    def with_audio(
        self, blocks: Iterator[np.ndarray], rate: int, codec: str = LOSSLESS, kbps: float | None = None
    ) -> VideoEdit:
        """Another sound, in float32 blocks; lossless where no codec is named."""
        return replace(self, sound=AudioEncoding(blocks, rate, codec, round(kbps * 1000) if kbps else None))

    def recoded(self, codec: str, kbps: float, rate: int) -> VideoEdit:
        """The sound through a codec, at `rate` samples a second or its own where that is lower."""
        audio_N, rate = self.audio(min(rate, sound_rate(self.sample_rate)) if self.sample_rate else None)
        return self.with_audio(blocks_of(audio_N, rate), rate, codec, kbps)

    def write(self, target: Path) -> None:
        """The file as changed, MP4."""
        transcode(self.path, target, self.pictures, self.sound)


def scaled_to(width: int, height: int) -> Callable[[np.ndarray], np.ndarray]:
    """Scales a picture, by area where it gets smaller."""
    return lambda rgb: cv2.resize(
        rgb, (width, height), interpolation=cv2.INTER_AREA if width < rgb.shape[1] else cv2.INTER_CUBIC
    )


def scaled_size(width: int, height: int, factor: float) -> tuple[int, int]:
    """Width and height times `factor`, even as 4:2:0 sampling wants them, the shorter one at least 64."""
    factor = max(factor, min(1.0, SMALLEST_SIDE / min(width, height)))
    return max(2, 2 * round(width * factor / 2)), max(2, 2 * round(height * factor / 2))
