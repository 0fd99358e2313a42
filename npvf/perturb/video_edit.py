"""`VideoEdit`: a video, and the streams of it that a perturbation replaces."""

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

_FASTEST = 120.0  # frames per second; screen recordings declare up to 1000 and have a few
SMALLEST_SIDE = 64  # pixels; no route makes frames smaller


@dataclass(frozen=True, slots=True)
class VideoEdit:
    """One video, and the streams that a perturbation replaces; None: the stream is copied unchanged.

    Attributes:
        factor: the factor of its duration.
        delay: seconds by which its audio is later.
        drawn: the random choices, for the record.
    """

    path: Path
    stream: VideoStream
    sample_rate: int | None  # of its audio; None: it has no audio
    pictures: VideoEncoding | None = None
    sound: AudioEncoding | None = None
    factor: float = 1.0
    delay: float = 0.0
    drawn: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> VideoEdit:
        """Open a video. Raises Refused: NOT_FOUND, UNDECODABLE or NO_VIDEO."""
        info = probe(path)
        if info.video is None:
            raise Refused(Reason.NO_VIDEO, f"{path.name} has no video stream.")
        return cls(path, info.video, info.audio.sample_rate if info.audio else None)

    @property
    def fps(self) -> float:
        """Return the frames per second; the mean of a variable rate."""
        return min(self.stream.average_fps, _FASTEST) or float(FPS)

    def with_frames(
        self,
        change: Callable[[np.ndarray], np.ndarray] = lambda rgb: rgb,
        fps: float | None = None,
        shown_at: float | None = None,
        codec: str = "libx264",
        options: Mapping[str, str] = NEARLY_LOSSLESS,
    ) -> VideoEdit:
        """Change and encode each frame, (H, W, 3) uint8 RGB. `change` must not write into its argument.

        Args:
            change: the function from a frame to its new frame; all results have one size.
            fps: frames per second to read, by time stamp; None: the rate of the file.
            shown_at: frames per second of the result; None: as they are read.
            codec: the name of the encoder.
            options: the options of the encoder.
        """
        fps = fps or self.fps
        frames = map(change, iter_frames(self.path, fps))
        return replace(self, pictures=VideoEncoding(frames, shown_at or fps, codec, dict(options)))

    def audio(self, rate: int | None = None) -> tuple[np.ndarray, int]:
        """Return the audio, (N,) int16 on disk, mono, and its rate: its own (at most 48 kHz) or the given one.

        Raises Refused: NO_AUDIO.
        """
        if self.sample_rate is None:
            raise Refused(Reason.NO_AUDIO, f"{self.path.name} has no sound to change.")
        rate = rate or sound_rate(self.sample_rate)
        return spool_audio(self.path, rate), rate

    def with_audio(
        self, blocks: Iterator[np.ndarray], rate: int, codec: str = LOSSLESS, kbps: float | None = None
    ) -> VideoEdit:
        """Replace the audio by float32 blocks; lossless if no codec is given."""
        return replace(self, sound=AudioEncoding(blocks, rate, codec, round(kbps * 1000) if kbps else None))

    def recoded(self, codec: str, kbps: float, rate: int) -> VideoEdit:
        """Encode the audio with a codec, at `rate` samples per second or at its own rate if that is lower."""
        audio_N, rate = self.audio(min(rate, sound_rate(self.sample_rate)) if self.sample_rate else None)
        return self.with_audio(blocks_of(audio_N, rate), rate, codec, kbps)

    def write(self, target: Path) -> None:
        """Write the changed video as MP4."""
        transcode(self.path, target, self.pictures, self.sound)


def scaled_to(width: int, height: int) -> Callable[[np.ndarray], np.ndarray]:
    """Scale a frame; area averaging if it becomes smaller."""
    return lambda rgb: cv2.resize(
        rgb, (width, height), interpolation=cv2.INTER_AREA if width < rgb.shape[1] else cv2.INTER_CUBIC
    )


def scaled_size(width: int, height: int, factor: float) -> tuple[int, int]:
    """Return width and height times `factor`, even for 4:2:0 sampling, the shorter one at least 64."""
    factor = max(factor, min(1.0, SMALLEST_SIDE / min(width, height)))
    return max(2, 2 * round(width * factor / 2)), max(2, 2 * round(height * factor / 2))
