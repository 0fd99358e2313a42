"""Fakes made from the features of genuine clips: stage 2 learns from them what audio that does not fit looks like.

Ours, not the paper's. Every person is then on both sides of the decision, and no forged file is needed. On several
GPUs, donors are clips of the same GPU: half of a balanced batch is genuine, and one other video is enough to swap with,
so gathering whole features (with their gradients) from all GPUs would cost more than it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class FeatureFakes:
    """The settings for making fakes from real clips, one for each clip, by combining its frames with other audio.

    Args:
        weight: weight of the cross-entropy over the fakes, beside that over labelled clips; 0: make none.
        swapped: how often, relative to `shifted`, the sound is that of another video in the batch. Where there is no
            other genuine video, the sound is shifted.
        shifted: how often the sound is the clip's own, moved by 8 to 15 frames, early or late.
        partial: share of the fakes that are forged in one span of 6 to 30 frames, and genuine outside it.
        min_gate: a segment whose new sound leaves fewer gated frames is left out, as a detector leaves it out.

    Raises:
        ValueError: a negative weight, or a share outside [0, 1].
    """

    weight: float = 1.0
    swapped: float = 1.0
    shifted: float = 1.0
    partial: float = 0.25
    min_gate: int = 6

    def __post_init__(self) -> None:
        if min(self.weight, self.swapped, self.shifted) < 0 or self.swapped + self.shifted == 0:
            raise ValueError("feature_fakes: weights are not negative, and swapped or shifted is positive")
        if not 0 <= self.partial <= 1:
            raise ValueError(f"feature_fakes.partial must be in [0, 1], not {self.partial}")

    def draw(self, videos: Sequence[str], lengths: Sequence[int], frames: int) -> Sounds:
        """The sound of one fake of each clip, from torch's global generator on the CPU.

        Args:
            videos: each clip's video. Sound of the same video is not swapped in.
            lengths: each clip's valid frames.
            frames: T, frames of the padded clips.

        Examples:
            >>> always_swapped = FeatureFakes(shifted=0.0, partial=0.0)
            >>> sounds = always_swapped.draw(["a.mp4", "b.mp4"], lengths=[50, 50], frames=50)
            >>> sounds.clip_BT[:, 0].tolist()  # each clip gets the audio of the other one
            [1, 0]
        """
        own_T = torch.arange(frames)
        clips, times, forged = [], [], []
        for row, (video, length) in enumerate(zip(videos, lengths, strict=True)):
            donors = [other for other, name in enumerate(videos) if name != video]
            if donors and torch.rand(()) * (self.swapped + self.shifted) < self.swapped:
                donor = donors[_integer(0, len(donors) - 1)]
                time_T = own_T % lengths[donor]
            else:
                donor, sign = row, 1 if torch.rand(()) < 0.5 else -1
                # Sound that leaves the clip on one side comes in on the other: that is other sound, too.
                time_T = (own_T + sign * _integer(*SHIFT)) % length
            forged_T = torch.ones(frames, dtype=torch.bool)
            if torch.rand(()) < self.partial:
                span = _integer(*SPAN)
                first = _integer(0, max(0, length - span))
                forged_T = (own_T >= first) & (own_T < first + span)
            clips.append(torch.where(forged_T, donor, row))
            times.append(torch.where(forged_T, time_T, own_T))
            forged.append(forged_T)
        return Sounds(torch.stack(clips), torch.stack(times), torch.stack(forged))


SHIFT = (8, 15)  # frames; less may be a genuine file's delay
SPAN = (6, 30)  # frames of a partial forgery: a short word to a second


@dataclass(slots=True)
class Sounds:
    """The audio that is chosen for each video frame.

    Shapes:
        clip_BT, time_BT: long, from which clip and from which of its frames.
        forged_BT: bool, where that is not the frame's own sound.
    """

    clip_BT: Tensor
    time_BT: Tensor
    forged_BT: Tensor

    def of(self, x_BT: Tensor) -> Tensor:
        """(B, T, ...) of the clips' own sound to that of the fakes."""
        return x_BT[self.clip_BT, self.time_BT]

    def to(self, device: torch.device) -> Sounds:
        return Sounds(self.clip_BT.to(device), self.time_BT.to(device), self.forged_BT.to(device))


def _integer(low: int, high: int) -> int:
    """A random integer from low to high, both included."""
    return int(torch.randint(low, high + 1, ()))
