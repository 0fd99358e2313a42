"""Place-matched AUC: does a mask tell a forged pixel from a genuine pixel at the same place of the face?

Faces are aligned, and forgeries are made where the face is, so a mask that is the same for every face already has a
high pixel AUC. Here each forged pixel is compared only with the same pixel of the aligned crops of genuine frames: such
a constant mask has .50, whatever it looks like. Neither paper has this figure; it is ours.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import interpolate

from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate

CELLS = 56  # the crop is compared on a grid of 56 x 56 cells, 4 pixels of the 224 to a side
LEVELS = 65535


@dataclass(slots=True)
class PlaceTally:
    """The levels of one video's face crops: 6 kB for each frame that is added. Add a few frames a second, not all.

    Attributes:
        forged: of each frame with forged pixels, which cells are forged (C,) int and their levels (C,) uint16.
        genuine: of each frame without forged pixels, the levels of all cells, (CELLS ** 2,) uint16.
    """

    forged: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    genuine: list[np.ndarray] = field(default_factory=list)

    def add(self, probability_hw: np.ndarray, forged_HW: np.ndarray) -> None:
        """Take one frame's crop.

        Args:
            probability_hw: of each pixel being forged: floats in [0, 1], or uint8, of which 255 is certain.
            forged_HW: bool, the truth, of the same crop; its resolution may differ. A cell is forged where more than
                half of it is.

        Raises:
            ValueError: the truth is not bool.
        """
        if forged_HW.dtype != bool:
            raise ValueError(f"the true mask is {forged_HW.dtype}, not bool: say which of its values mean forged")
        scale = LEVELS / 255 if probability_hw.dtype == np.uint8 else LEVELS
        levels_C = np.rint(scale * _cells(probability_hw)).astype(np.uint16)
        if not forged_HW.any():
            self.genuine.append(levels_C)
        elif len(places := np.flatnonzero(_cells(forged_HW) > 0.5)):
            self.forged.append((places.astype(np.uint16), levels_C[places]))


def placed_auc(
    tallies: Sequence[PlaceTally], groups: Sequence[Hashable] | None = None, bootstrap: Bootstrap = DEFAULT
) -> Estimate | None:
    """The place-matched AUC over some videos; None where there are not both forged and genuine frames.

    For a frame with forged cells it is the share of pairs (one of its forged cells, the same cell of a genuine frame)
    in which the forged one has the higher probability, ties counting half; then the mean over such frames.

    Args:
        tallies: one a video.
        groups: what is resampled as a whole (person, source video); None: each video by itself.
        bootstrap: how the interval is made.
    """
    forged_N = np.array([len(tally.forged) for tally in tallies], float)
    genuine_N = np.array([len(tally.genuine) for tally in tallies], float)
    if not forged_N.any() or not genuine_N.any():
        return None
    wins_NN = _wins(tallies)

    def measure(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        won_R = ((weights_RN @ wins_NN) * weights_RN).sum(-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"placed_auc": won_R / ((weights_RN @ forged_N) * (weights_RN @ genuine_N))}

    return bootstrap.estimates(measure, range(len(tallies)) if groups is None else groups)["placed_auc"]


def _wins(tallies: Sequence[PlaceTally]) -> np.ndarray:
    """(N, N): the shares of pairs won by the forged frames of video i over the genuine frames of video j, summed."""
    owner_G = np.repeat(np.arange(len(tallies)), [len(tally.genuine) for tally in tallies])
    genuine_GC = np.stack([levels_C for tally in tallies for levels_C in tally.genuine])
    wins_NN = np.zeros((len(tallies), len(tallies)))
    for won_N, tally in zip(wins_NN, tallies, strict=True):
        for places, levels in tally.forged:
            others_GP = genuine_GC[:, places]
            share_G = ((levels > others_GP).mean(1) + (levels >= others_GP).mean(1)) / 2
            won_N += np.bincount(owner_G, share_G, len(tallies))
    return wins_NN


def _cells(values_HW: np.ndarray) -> np.ndarray:
    """The mean of each cell, (CELLS ** 2,) float32."""
    values_11HW = torch.tensor(values_HW, dtype=torch.float32)[None, None]  # a copy: masks may be read-only
    return interpolate(values_11HW, (CELLS, CELLS), mode="area").flatten().numpy()
