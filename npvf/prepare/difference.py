"""The forged pixels of a video whose original is there: where the two differ by more than their coding does.

The pair is aligned in time by its pictures, brought to one size and one colour, and subtracted. Coding leaves
differences too, more at edges than on plain walls. So the noise of each frame is measured for each level of detail, and
pixels that differ by more are kept, cleaned and filled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import binary_fill_holes

from npvf.clip import FPS
from npvf.errors import NpvfError
from npvf.io.masks import TOLERANCE
from npvf.media.decode import iter_frames
from npvf.media.probe import probe

THRESHOLD = 4.5  # times what coding leaves
MAX_OFFSET = 25  # frames by which the one may start later than the other
_SMALL = 64  # pixels: the pictures' side when they are aligned in time
_SAMPLED = 24  # frames by which colours and place are measured
_UNLIKE = 12.0  # if the grey levels differ by more, two videos do not belong together
_MUCH = 12.0  # levels
_BETTER = 0.9  # of the misfit without an offset: what another one must stay below
_SHIFTED = 1.0  # pixels by which the pictures may lie apart
_LEVELS = 8  # of detail
_QUIETEST = 0.3  # of a level's pixels: taken for not forged
_LEAST = 1.0  # level of 255 that coding is taken to leave at least
_LOW = 0.5  # of the threshold: as far as a region that crosses it goes on
_NEAR = np.array([1, 2, 3, 2, 1]) / 9  # weights of the frames around one


@dataclass(frozen=True)
class VideoPair:
    """A forgery and its original, aligned.

    Attributes:
        offset: frame t of the forgery goes with frame t + offset of the original.
        size_hw: of the forgery's pictures.
        gain_C, bias_C: original * gain + bias has the forgery's colours.
    """

    fake: Path
    real: Path
    offset: int
    size_hw: tuple[int, int]
    gain_C: np.ndarray
    bias_C: np.ndarray

    def frames(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pictures of both, (H, W, 3), the original's float32 in the forgery's size and colours."""
        mine, real, missing = iter_frames(self.fake), self._original(), 0
        last = next(real, None)
        for index, frame in enumerate(mine):
            if index and index + self.offset > 0:  # before the original begins, its first picture is shown
                following = next(real, None)
                missing += following is None
                last = last if following is None else following
            else:
                missing += index + self.offset < 0
            if last is None or missing > TOLERANCE:
                raise NpvfError(f"{self.real.name} does not last from the beginning of {self.fake.name} to its end")
            yield frame, self._like(last)

    def _original(self) -> Iterator[np.ndarray]:
        """Yield the frames of the original from the one that belongs to the first frame of the forgery."""
        return iter_frames(self.real, start=max(0, self.offset) / FPS)

    def _like(self, real: np.ndarray) -> np.ndarray:
        return _sized(real, self.size_hw).astype(np.float32) * self.gain_C + self.bias_C

    def excess(self) -> Iterator[np.ndarray]:
        """(H, W) float32 of each frame: how often the difference is what coding leaves."""
        for mine, real in self.frames():
            difference, detail = _difference(mine, real), _detail(real)
            yield difference / _floor(difference, detail)

    def masks(self, threshold: float = THRESHOLD) -> Iterator[np.ndarray]:
        """(H, W) bool of each frame of the forgery, over some frames steadied."""
        reach = len(_NEAR) // 2
        stream = self.excess()
        held = list(islice(stream, reach + 1))
        held = [held[0]] * reach + held
        while len(held) > reach:
            more = next(stream, None)
            window = [held[min(k, len(held) - 1)] for k in range(len(_NEAR))]
            yield _cleaned(np.tensordot(_NEAR, np.stack(window), 1), threshold)
            held = held[1:] + ([] if more is None else [more])


def pair(fake: Path, real: Path) -> VideoPair:
    """Aligns a forgery and its original in time, size and colour.

    Raises:
        Refused: NOT_FOUND, NO_VIDEO or UNDECODABLE.
        NpvfError: they are not of one shape, or not the same pictures: moved, turned, cut or filmed otherwise.
    """
    sizes = [_size(path) for path in (fake, real)]
    if abs(sizes[0][1] / sizes[0][0] * sizes[1][0] / sizes[1][1] - 1) > 0.02:
        raise NpvfError(f"{fake.name} is {_told(sizes[0])}, {real.name} {_told(sizes[1])}: they differ in shape")
    offset = _offset(fake, real)
    raw = VideoPair(fake, real, offset, sizes[0], np.ones(3), np.zeros(3))
    sampled = _sample(raw)
    gain_C, bias_C = _colours(sampled)
    coloured = [(a, np.clip(b * gain_C + bias_C, 0, 255).astype(np.uint8)) for a, b in sampled]
    _check(coloured, fake, real)
    return VideoPair(fake, real, offset, sizes[0], gain_C, bias_C)


def _size(path: Path) -> tuple[int, int]:
    video = probe(path).video
    if video is None:
        raise NpvfError(f"{path.name} has no video stream")
    return video.height, video.width


def _told(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"


def _sized(picture: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    if picture.shape[:2] == size_hw:
        return picture
    how = cv2.INTER_AREA if picture.shape[0] > size_hw[0] else cv2.INTER_CUBIC
    return cv2.resize(picture, size_hw[::-1], interpolation=how)


def _offset(fake: Path, real: Path) -> int:
    """Return the offset at which the reduced frames are most similar; 0 unless another offset is clearly better.

    Differences are clipped, so that the forgery itself has little influence.
    """
    mine, theirs = (np.stack([_small(frame) for frame in iter_frames(path)]) for path in (fake, real))
    unlike = {}
    for offset in range(-MAX_OFFSET, MAX_OFFSET + 1):
        first, last = max(0, -offset), min(len(mine), len(theirs) - offset)
        if last - first >= min(len(mine), len(theirs)) / 2:
            unlike[offset] = np.abs(mine[first:last] - theirs[first + offset : last + offset])
    misfit = {offset: float(np.minimum(change, _MUCH).mean()) for offset, change in unlike.items()}
    best = min(misfit, key=lambda offset: (misfit[offset], abs(offset)))
    if 0 in misfit and misfit[best] > _BETTER * misfit[0]:
        best = 0
    if np.quantile(unlike[best], 0.75, axis=(1, 2)).mean() > _UNLIKE:
        raise NpvfError(
            f"{fake.name} and {real.name} are not the same pictures at any time within {MAX_OFFSET / FPS:.0f} s: "
            "give the recording that the forgery was made from, cut alike"
        )
    return best


def _small(frame: np.ndarray) -> np.ndarray:
    grey = cv2.resize(frame, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    small = cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(small - small.mean())


def _sample(raw: VideoPair) -> list[tuple[np.ndarray, np.ndarray]]:
    """Some pairs of pictures, evenly over the forgery."""
    length = sum(1 for _ in iter_frames(raw.fake))
    wanted = set(np.linspace(0, length - 1, min(_SAMPLED, length)).astype(int).tolist())
    return [(a, b.astype(np.uint8)) for index, (a, b) in enumerate(raw.frames()) if index in wanted]


def _colours(sampled: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and bias (3,) that turn the colours of the original into those of the forgery.

    They are fitted to the half of the pixels that agrees best, four times.
    """
    mine = np.concatenate([a[::4, ::4].reshape(-1, 3) for a, _ in sampled]).astype(np.float64)
    theirs = np.concatenate([b[::4, ::4].reshape(-1, 3) for _, b in sampled]).astype(np.float64)
    gain, bias = np.ones(3), np.zeros(3)
    for _ in range(4):
        misfit = np.abs(theirs * gain + bias - mine).max(axis=1)
        kept = misfit <= np.median(misfit)
        for c in range(3):
            spread = theirs[kept, c].var()
            covariance = np.cov(theirs[kept, c], mine[kept, c])[0, 1]
            gain[c] = covariance / spread if spread > 4 else 1.0
            bias[c] = mine[kept, c].mean() - gain[c] * theirs[kept, c].mean()
    return gain, bias


def _check(sampled: list[tuple[np.ndarray, np.ndarray]], fake: Path, real: Path) -> None:
    window = cv2.createHanningWindow(sampled[0][0].shape[1::-1], cv2.CV_32F)
    greys = [[cv2.cvtColor(p.astype(np.float32), cv2.COLOR_RGB2GRAY) for p in both] for both in sampled[::8]]
    shifts = [cv2.phaseCorrelate(a, b, window)[0] for a, b in greys]
    shift = float(np.hypot(*np.median(shifts, axis=0)))
    if shift > _SHIFTED:
        raise NpvfError(f"{fake.name} and {real.name} lie {shift:.1f} pixels apart: cut or align them first")


def _difference(mine: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(H, W): of the channel that differs most, over the grain of coding blurred."""
    return cv2.GaussianBlur(np.abs(mine.astype(np.float32) - real.astype(np.float32)).max(axis=2), (0, 0), 1.5)


def _detail(picture: np.ndarray) -> np.ndarray:
    """(H, W): how much there is around each pixel for coding to get wrong."""
    grey = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY)
    slopes = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return cv2.GaussianBlur(slopes, (0, 0), 3)


def _floor(difference: np.ndarray, detail: np.ndarray) -> np.ndarray:
    """(H, W) what coding leaves in this frame: the difference of the quietest pixels of each level of detail."""
    edges = np.quantile(detail[::3, ::3], np.linspace(0, 1, _LEVELS + 1))
    middles, floors = (edges[1:] + edges[:-1]) / 2, []
    for low, high in pairwise(edges):
        floors.append(np.quantile(difference[(detail >= low) & (detail <= high)], _QUIETEST))
    return np.interp(detail, middles, np.maximum(np.maximum.accumulate(floors), _LEAST)).astype(np.float32)


def _cleaned(excess: np.ndarray, threshold: float) -> np.ndarray:
    """Regions that cross the threshold, as far as they stay above half of it; closed, filled, without specks."""
    height = excess.shape[0]
    low: np.ndarray = (excess > _LOW * threshold).astype(np.uint8)
    close = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, height // 60) + 1,) * 2)
    low = cv2.morphologyEx(low, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, parts = cv2.connectedComponents(low)
    strong = np.bincount(parts[excess > threshold], minlength=parts.max() + 1) > max(8, excess.size // 1500)
    strong[0] = False
    closed = cv2.morphologyEx(strong[parts].astype(np.uint8), cv2.MORPH_CLOSE, close)
    return np.asarray(binary_fill_holes(closed))
