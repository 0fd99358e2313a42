"""Replace the face of a clip with another person's: warped by landmarks, matched in colour and light, feathered.

Expression and speech remain those of the clip: each frame gets the most similar frame of the donor, in runs at natural
speed, and the donor's lips, eyelids, nose and jaw are warped onto those of the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npvf.errors import NpvfError
from npvf.faces.geometry import STABLE, face_centre, face_hull
from npvf.faces.speaking import lip_aperture, lip_width
from npvf.forge.face_patch import Box, Crop, Patched, Track, box_around, feathered, spline_warp, track_of
from npvf.forge.face_regions import EYES, FACE, FAST, from_lab, levelled, to_lab, whole_face
from npvf.forge.source_video import Forged, SourceVideo, pictures
from npvf.forge.when import draw_strength

_FEATHER = 0.35  # of the face's size
_LIGHT = 0.6  # of the face's size: the distance over which the light is matched
_JUMP = 1.5  # cost of leaving the donor's natural order, relative to the mean difference of one feature
_FOLDING, _LIKE = (
    0.25,
    0.6,
)  # ratios of the eye openings from which eyelids are warped, and warped fully
_SAMPLED = 6  # the number of frames of each clip in which its colours are measured


def find_faces(source: SourceVideo, sources: list[SourceVideo]) -> list[SourceVideo]:
    """Return up to five videos of the same split that show other people. Both identities must be known."""
    me = source.annotation
    others = [t for t in sources if t.annotation.split == me.split and None not in (t.annotation.identity, me.identity)]
    strangers = [t for t in others if not set(t.annotation.identities) & set(me.identities)]
    return [strangers[k] for k in _spread(source, len(strangers))]


def _spread(source: SourceVideo, count: int, most: int = 5) -> list[int]:
    """Choose up to `most` of `count`; the choice depends on the source."""
    seed = np.random.default_rng(list(source.video.encode()))
    return [int(k) for k in seed.permutation(count)[:most]]


def face_swap(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Forge the source video with the face of the first donor that shows a face in every frame.

    Raises:
        Refused: NO_FACE, in a frame of the source video.
        NpvfError: two faces; or no donor (`find_faces`) can be used.
    """
    track = track_of(source)
    frames = min(frames, len(track))
    donor = _usable(source, donors)
    face = _Face(source, track, donor, track_of(donor), _matched(track, track_of(donor), frames))
    strength_T, intervals = draw_strength(frames, rng)
    patched = Patched(source, face.share, face.painter(), strength_T)
    return patched.forged(shown=(donor,), intervals=intervals, recipe={"face": donor.video})


def _usable(source: SourceVideo, donors: list[SourceVideo]) -> SourceVideo:
    problems = []
    for donor in donors:
        try:
            track_of(donor)
        except NpvfError as error:
            problems.append(str(error))
        else:
            return donor
    why = problems[0] if problems else "no clip of another known identity in its split; give identities in the sidecars"
    raise NpvfError(f"{source.video}: no face to source: {why}")


def _matched(track: Track, donor: Track, frames: int) -> np.ndarray:
    """Choose a donor's frame for each frame of the clip, (T,): similar mouth, eyelids and pose, few jumps (Viterbi)."""
    mine_TP, theirs_SP = _features(track)[:frames], _features(donor)
    scale = np.concatenate([mine_TP, theirs_SP]).std(axis=0) + 1e-6
    cost_TS = np.abs((mine_TP[:, None] - theirs_SP[None]) / scale).mean(axis=2)
    before = np.zeros(cost_TS.shape, int)
    total_S = cost_TS[0]
    for t in range(1, frames):
        best = int(total_S.argmin())
        going_on = np.concatenate([[np.inf], total_S[:-1]])
        jumps = total_S[best] + _JUMP < going_on
        before[t] = np.where(jumps, best, np.arange(len(total_S)) - 1)
        total_S = cost_TS[t] + np.where(jumps, total_S[best] + _JUMP, going_on)
    path = [int(total_S.argmin())]
    for t in range(frames - 1, 0, -1):
        path.append(int(before[t, path[-1]]))
    return np.array(path[::-1])


def _features(track: Track) -> np.ndarray:
    """Return (T, 5): opening and width of the lips, opening of the eyes, nose direction (x, y), in face sizes."""
    points = track.landmarks_TN2
    size = np.array([track.size(t) for t in range(len(track))])
    lids = [_lids(track, t) for t in range(len(track))]
    nose = (track.steady_TN2[:, 4] - face_centre(track.steady_TN2)) / size[:, None]
    return np.column_stack([lip_aperture(points), lip_width(points), lids, nose])


def face_points(track: Track, frame: int) -> np.ndarray:
    """Return the points (P, 2) by which a face is warped: lips and eyelids as measured, the others smoothed."""
    points = track.steady_TN2[frame].copy()
    points[FAST] = track.landmarks_TN2[frame][FAST]
    return np.asarray(points[FACE])


def _lids(track: Track, frame: int) -> float:
    """Return the opening of the eyes, in face sizes."""
    points = track.landmarks_TN2[frame]
    return float(np.linalg.norm(points[[159, 386]] - points[[145, 374]], axis=1).mean()) / track.size(frame)


def _goal(track: Track, frame: int, donor: Track, there: int) -> np.ndarray:
    """Return the target (P, 2) of the donor's points: those of the clip, except the eyelids if the eyes differ much.

    To close an open eye or to open a closed one would fold the eyelids, so they then stay as in the donor's frame.
    """
    points = track.steady_TN2[frame].copy()
    points[FAST] = track.landmarks_TN2[frame][FAST]
    mine, theirs = _lids(track, frame), _lids(donor, there)
    alike = min(mine, theirs) / (max(mine, theirs) + 1e-6)
    weight = float(np.clip((alike - _FOLDING) / (_LIKE - _FOLDING), 0, 1))
    rigid = donor.steady_TN2[there][STABLE].astype(np.float64)
    ones = np.ones((len(rigid), 1))
    affine = np.linalg.lstsq(np.hstack([rigid, ones]), track.steady_TN2[frame][STABLE].astype(np.float64), rcond=None)[
        0
    ]
    kept = donor.landmarks_TN2[there][EYES] @ affine[:2] + affine[2]
    points[EYES] = weight * points[EYES] + (1 - weight) * kept
    return np.asarray(points[FACE])


@dataclass(frozen=True)
class _Face:
    """A face swap. cast_T is the donor's frame for each frame of the clip."""

    source: SourceVideo
    track: Track
    donor: SourceVideo
    donor_track: Track
    cast_T: np.ndarray

    def share(self, frame: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the share of each pixel that is replaced."""
        return feathered(whole_face(self.track.steady_TN2[frame]), _FEATHER * self.track.size(frame), size_hw)

    def painter(self) -> _Painter:
        """Return the function that paints the donor's face; it keeps the crops in memory."""
        return _Painter(self)


class _Painter:
    """The `paint` of a face swap. It reads the donor's clip at the first call."""

    def __init__(self, face: _Face) -> None:
        self.face = face
        self._crops: dict[int, Crop] = {}
        self._colours: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __call__(self, picture: np.ndarray, frame: int, box: Box, share: np.ndarray) -> np.ndarray:
        face = self.face
        if not self._crops:
            self._crops = _crops(face.donor, face.donor_track, set(face.cast_T.tolist()))
        if self._colours is None:
            self._colours = self._measure()
        there = int(face.cast_T[frame])
        crop = self._crops[there]
        points = face_points(face.donor_track, there) - crop.corner
        goal = _goal(face.track, frame, face.donor_track, there)
        warped = spline_warp(crop.picture_HWC, points, goal, box)
        theirs, ratio, mine = self._colours
        coloured = from_lab((to_lab(warped) - theirs) * ratio + mine)
        x0, y0, x1, y1 = box
        return levelled(coloured, picture[y0:y1, x0:x1], share > 0, _LIGHT * face.track.size(frame))

    def _measure(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the colour match in Lab for the clip: mean of the donor, factor of its spread, mean of the clip."""
        face = self.face
        wanted = set(np.linspace(0, len(face.cast_T) - 1, _SAMPLED).astype(int).tolist())
        mine = _colours(_crops(face.source, face.track, wanted), face.track)
        held = sorted(self._crops)
        theirs = _colours({k: self._crops[k] for k in held[:: max(1, len(held) // _SAMPLED)]}, face.donor_track)
        ratio = np.clip(mine.std(axis=0) / (theirs.std(axis=0) + 1e-6), 0.6, 1.6)
        return theirs.mean(axis=0), ratio, mine.mean(axis=0)


def _colours(crops: dict[int, Crop], track: Track) -> np.ndarray:
    """Return the pixels of the face in Lab, (N, 3)."""
    found = []
    for frame, crop in crops.items():
        inside = face_hull(whole_face(track.steady_TN2[frame]) - crop.corner, crop.picture_HWC.shape[:2])
        found.append(to_lab(crop.picture_HWC)[inside])
    return np.concatenate(found)


def _crops(source: SourceVideo, track: Track, wanted: set[int]) -> dict[int, Crop]:
    """Return the crop around the face by frame number."""
    crops = {}
    for frame, picture in enumerate(pictures(source, max(wanted) + 1)):
        if frame in wanted:
            box = box_around(track.landmarks_TN2[frame], 0.3 * track.size(frame), *picture.shape[:2])
            crops[frame] = Crop.of(picture, box)
    return crops
