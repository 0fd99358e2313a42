"""The tools of all face forgeries: a smoothed track, a spline warp, a feathered patch and its blending.

Landmark numbers are MediaPipe's, points (x, y) in pixels, boxes (x0, y0, x1, y1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d

from npvf.clip import FPS
from npvf.errors import NpvfError, Reason, Refused
from npvf.faces.geometry import face_size
from npvf.faces.landmarks import Landmarker
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures
from npvf.forge.when import draw_strength
from npvf.media.decode import iter_frames

Box = tuple[int, int, int, int]
Share = Callable[[int, tuple[int, int]], np.ndarray]
Paint = Callable[[np.ndarray, int, Box, np.ndarray], np.ndarray]

_STEADY = 1.5  # frames: standard deviation of the smoothing of rigid points, whose noise would shake the patch
_GRID = 4  # pixels: smallest distance of the points at which a warp is computed
_FAINTEST = 0.02  # smaller shares would not change the frame visibly; they count as 0


@dataclass(frozen=True)
class Track:
    """The face of a clip: landmarks_TN2 (T, 478, 2) as measured, and steady_TN2, smoothed over time."""

    landmarks_TN2: np.ndarray
    steady_TN2: np.ndarray

    @classmethod
    def of(cls, landmarks_TN2: np.ndarray) -> Track:
        """Return the track with these landmarks."""
        return cls(landmarks_TN2, gaussian_filter1d(landmarks_TN2, _STEADY, axis=0, mode="nearest"))

    def __len__(self) -> int:
        return len(self.landmarks_TN2)

    def size(self, frame: int) -> float:
        """Return the size of the face in pixels, about a quarter of its height."""
        return float(face_size(self.steady_TN2[frame]))


@lru_cache(maxsize=32)  # one source video is often forged in several ways, and is a donor of others
def track_of(source: SourceVideo) -> Track:
    """Return the landmarks of the only face of a clip. Raises Refused(NO_FACE), or NpvfError for two faces."""
    landmarks = []
    with Landmarker() as landmarker:
        for index, frame in enumerate(iter_frames(source.path)):
            faces = landmarker.detect(frame, index / FPS)
            where = f"{source.video} at {index / FPS:.2f} s"
            if not faces:
                raise Refused(Reason.NO_FACE, f"{where}: no face; only a clip whose every frame shows it is forged.")
            if len(faces) > 1:
                raise NpvfError(f"{where}: {len(faces)} faces; cut the clip to the one who speaks")
            landmarks.append(faces[0].landmarks_N2)
    return Track.of(np.stack(landmarks))


class Patch(Protocol):
    """A change of a face: what replaces the pixels of each frame, and where."""

    @property
    def recipe(self) -> Any:
        """The random parameters, a dataclass."""

    def share(self, frame: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return how much of each pixel of a frame of this size is replaced, (H, W) float32."""

    def paint(self, picture: np.ndarray, frame: int, box: Box, share: np.ndarray) -> np.ndarray:
        """Return what replaces the pixels in the box, (h, w, 3) float32; `share` is that in the box."""


@dataclass(frozen=True)
class Crop:
    """A part of a frame, (h, w, 3) uint8, with its upper left pixel at `corner` (x, y) of the frame."""

    picture_HWC: np.ndarray
    corner: tuple[int, int]

    @classmethod
    def of(cls, picture_HWC: np.ndarray, box: Box) -> Crop:
        """Return a copy of the part in the box."""
        x0, y0, x1, y1 = box
        return cls(picture_HWC[y0:y1, x0:x1].copy(), (x0, y0))


def box_around(points_N2: np.ndarray, margin: float, height: int, width: int) -> Box:
    """Return the box around points with a margin, cut to the frame."""
    x0, y0 = np.clip(np.floor(points_N2.min(axis=0) - margin), 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(points_N2.max(axis=0) + margin) + 1, (x0 + 1, y0 + 1), (width, height)).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def spline_warp(picture_HWC: np.ndarray, there_N2: np.ndarray, here_N2: np.ndarray, box: Box) -> np.ndarray:
    """Warp a picture with a thin-plate spline that moves its points `there` onto `here`.

    Returns:
        (h, w, 3) float32, the part of the result in `box`.
    """
    x0, y0, x1, y1 = box
    step = max(_GRID, (x1 - x0) // 64)
    spline = RBFInterpolator(here_N2, there_N2 - here_N2, kernel="thin_plate_spline", smoothing=1.0)
    coarse = np.stack(np.meshgrid(np.arange(x0, x1 + step, step), np.arange(y0, y1 + step, step)), axis=-1)
    shift = spline(coarse.reshape(-1, 2)).reshape(coarse.shape).astype(np.float32)
    points = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1).astype(np.float32)
    knots = ((points - (x0, y0)) / step).astype(np.float32)
    at = points + cv2.remap(shift, knots[..., 0], knots[..., 1], cv2.INTER_LINEAR)
    picture = picture_HWC.astype(np.float32)
    return cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def feathered(points_N2: np.ndarray, feather: float, size_hw: tuple[int, int]) -> np.ndarray:
    """Return a soft mask (H, W) float32: 1 inside the convex hull, falling to exactly 0 within `feather` pixels."""
    hull = cv2.convexHull(points_N2.round().astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros((size_hw[0] + 2, size_hw[1] + 2), np.uint8), hull + 1, 1)
    return softened(inside, feather)


def softened(inside_HW: np.ndarray, feather: float) -> np.ndarray:
    """Return a mask that is 0 or 1, with a border of one pixel that is cut off, with edges of `feather` pixels."""
    depth = cv2.distanceTransform(inside_HW, cv2.DIST_L2, 5)[1:-1, 1:-1] / feather
    ramp = np.clip(depth, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def box_of(share_HW: np.ndarray) -> Box | None:
    """Return the box around the pixels that are not 0; None if all are 0."""
    rows, columns = np.flatnonzero(share_HW.any(axis=1)), np.flatnonzero(share_HW.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def blended(picture_HWC: np.ndarray, made_hwC: np.ndarray, share_hw: np.ndarray, box: Box) -> np.ndarray:
    """Blend `made` into the box of a frame at these shares. Where a share is 0, the frame keeps its values."""
    x0, y0, x1, y1 = box
    own = picture_HWC[y0:y1, x0:x1].astype(np.float32)
    result = picture_HWC.copy()
    result[y0:y1, x0:x1] = np.clip(own + share_hw[..., None] * (made_hwC - own) + 0.5, 0, 255).astype(np.uint8)
    return result


def patched(picture_HWC: np.ndarray, frame: int, share_HW: np.ndarray, paint: Paint) -> np.ndarray:
    """Blend the result of `paint` into a frame at these shares."""
    box = box_of(share_HW)
    if box is None:
        return picture_HWC
    x0, y0, x1, y1 = box
    part = share_HW[y0:y1, x0:x1]
    return blended(picture_HWC, paint(picture_HWC, frame, box, part), part, box)


def seen(share_HW: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Return the shares times a strength, float32, with invisibly small ones set to 0. The others are the mask."""
    share_HW = share_HW * np.float32(strength)
    return np.where(share_HW < _FAINTEST, np.float32(0), share_HW)


@dataclass(frozen=True)
class Patched:
    """A source video with a patch blended into each frame: its frames, and the exact masks of the patches, as streams.

    Attributes:
        share, paint: see `Patch`.
        strength_T: (T,) in [0, 1], the factor of the shares; 0: the frame stays as in the source video.
    """

    source: SourceVideo
    share: Share
    paint: Paint
    strength_T: np.ndarray

    def forged(self, **said: Any) -> Forged:
        """Return the forgery with the audio of the source video. `said` are further fields of `Forged`."""
        frames = len(self.strength_T)
        phones = cut_phones(self.source.phones(), 0.0, frames / FPS)
        return Forged(self.frames(), self.source.sound(frames), phones, masks=self.masks(), **said)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, (H, W, 3) uint8."""
        for frame, picture in enumerate(pictures(self.source, len(self.strength_T))):
            yield patched(picture, frame, self._share(frame, picture.shape[:2]), self.paint)

    def masks(self) -> Iterator[np.ndarray]:
        """Yield the masks, (H, W) bool: the pixels that the patch changes."""
        first = next(iter(pictures(self.source, 1)))
        for frame in range(len(self.strength_T)):
            yield self._share(frame, first.shape[:2]) > 0

    def _share(self, frame: int, size_hw: tuple[int, ...]) -> np.ndarray:
        height, width = size_hw
        if not self.strength_T[frame]:
            return np.zeros((height, width), np.float32)
        return seen(self.share(frame, (height, width)), self.strength_T[frame])


def patch_video(
    source: SourceVideo, frames: int, draw: Callable[[Track, np.random.Generator], Patch], rng: np.random.Generator
) -> Forged:
    """Forge the source video with a patch that needs no other face, drawn once for the clip. Raises as `track_of`."""
    track = track_of(source)
    frames = min(frames, len(track))
    patch = draw(track, rng)
    strength_T, intervals = draw_strength(frames, rng)
    whole = Patched(source, patch.share, patch.paint, strength_T)
    return whole.forged(intervals=intervals, recipe=asdict(patch.recipe))
