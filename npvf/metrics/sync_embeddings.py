"""The streams that the synchrony protocol compares: framewise features of a model, or two curves without learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from npvf.clip import Clip
from npvf.metrics.sync import MIN_FRAMES, offset_curve, segment_similarity

# A model's features of a clip: frames and audio as unit vectors (T, D), and the frames inside its phone gate (T,).
Embedder = Callable[[Clip], tuple[Tensor, Tensor, Tensor]]


class Streams(Protocol):
    """K clips with frames and audio of the same length, and a way to compare the frames of any with any audio."""

    lengths: Sequence[int]  # frames of each clip

    def frames(self, clip: int, span: slice) -> int:
        """The number of frames of the span that are compared."""

    def curve(self, picture: int, sound: int, max_offset: int, span: slice = slice(None)) -> np.ndarray:
        """Similarity at offsets -max_offset..max_offset, (2 max_offset + 1,); NaN where too few frames overlap."""

    def matrix(self, segments: Sequence[tuple[int, int]], frames: int) -> np.ndarray:
        """Similarity of each segment's picture with each segment's sound, (N, N); segments are (clip, first frame)."""


class FramewiseFeatures(Streams):
    """Unit vectors of a model, one a frame: `v_KTD` and `a_KTD` are lists of (T, D), `gates_KT` of (T,) or None."""

    def __init__(
        self, v_KTD: Sequence[Tensor], a_KTD: Sequence[Tensor], gates_KT: Sequence[Tensor] | None = None
    ) -> None:
        self.v, self.a = [_unit_vectors(v) for v in v_KTD], [_unit_vectors(a) for a in a_KTD]
        ones = [torch.ones(len(a)) for a in self.a]
        self.weights = ones if gates_KT is None else [gate.float().cpu() for gate in gates_KT]
        self.lengths = [len(v) for v in self.v]
        if not self.lengths == [len(a) for a in self.a] == [len(w) for w in self.weights]:
            raise ValueError("picture, sound and gate of a clip must have the same number of frames")

    def frames(self, clip: int, span: slice) -> int:
        """Frames inside the gate."""
        return int(self.weights[clip][span].sum())

    def curve(self, picture: int, sound: int, max_offset: int, span: slice = slice(None)) -> np.ndarray:
        """Mean framewise cosine over the gated frames of the sound."""
        weights_T = self.weights[sound][span].to(self.a[sound].device)
        return offset_curve(self.v[picture][span], self.a[sound][span], max_offset, weights_T).cpu().numpy()

    def matrix(self, segments: Sequence[tuple[int, int]], frames: int) -> np.ndarray:
        """Mean framewise cosine of all pairs."""
        v, a, w = (
            torch.stack([stream[clip][first : first + frames] for clip, first in segments])
            for stream in (self.v, self.a, self.weights)
        )
        return segment_similarity(v, a, w.to(a.device)).cpu().numpy()


class CorrelatedCurves(Streams):
    """The baseline that learns nothing: one curve of the picture (lip aperture) against one of the sound (energy).

    The similarity of a span is their Pearson correlation over it; 0 where one of them does not move at all.
    """

    def __init__(self, picture_KT: Sequence[np.ndarray], sound_KT: Sequence[np.ndarray]) -> None:
        self.picture = [np.asarray(curve, np.float64) for curve in picture_KT]
        self.sound = [np.asarray(curve, np.float64) for curve in sound_KT]
        self.lengths = [len(curve) for curve in self.picture]
        if self.lengths != [len(curve) for curve in self.sound]:
            raise ValueError("the two curves of a clip must have the same number of frames")

    def frames(self, clip: int, span: slice) -> int:
        """All frames count."""
        return len(self.picture[clip][span])

    def curve(self, picture: int, sound: int, max_offset: int, span: slice = slice(None)) -> np.ndarray:
        """Correlation over the common frames."""
        v, a = self.picture[picture][span], self.sound[sound][span]
        values = np.full(2 * max_offset + 1, np.nan)
        for index, offset in enumerate(range(-max_offset, max_offset + 1)):
            first_v, first_a = max(0, -offset), max(0, offset)
            common = min(len(v) - first_v, len(a) - first_a)
            if common >= MIN_FRAMES:
                values[index] = _unit(v[first_v : first_v + common]) @ _unit(a[first_a : first_a + common])
        return values

    def matrix(self, segments: Sequence[tuple[int, int]], frames: int) -> np.ndarray:
        """Correlation of all pairs."""
        v, a = (
            np.stack([_unit(stream[clip][first : first + frames]) for clip, first in segments])
            for stream in (self.picture, self.sound)
        )
        return v @ a.T


def _unit_vectors(features_TD: Tensor) -> Tensor:
    """Return the features in float32, normalised again, as half precision rounds them."""
    norm_T = features_TD.float().norm(dim=-1, keepdim=True)
    if not torch.allclose(norm_T, torch.ones_like(norm_T), atol=0.02):
        raise ValueError("features must be finite unit vectors, one a frame")
    return features_TD.float() / norm_T


def _unit(curve_T: np.ndarray) -> np.ndarray:
    centred = curve_T - curve_T.mean()
    size = np.linalg.norm(centred)
    return centred / size if size > 1e-9 * (1 + np.abs(curve_T).max()) else np.zeros_like(centred)
