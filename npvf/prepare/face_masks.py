"""The masks of a video in the crops of its faces, and what they say of each face.

Of several people in a picture often only one is forged. So where the forged pixels are known, a clip's label follows
them: a face that they never meet is real. The video keeps its own label, in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from npvf.clip import CROP_SIZE, FAKE, FPS, REAL
from npvf.errors import Reason, Refused
from npvf.faces.alignment import align
from npvf.faces.geometry import face_hull
from npvf.io.annotations import Annotation, Intervals
from npvf.io.masks import VideoMasks, pack_masks

# A frame's face is forged from this share of its area on: less is a rounding of the mask, or a neighbour's edge.
_LEAST = 0.005
_PAUSE = 5  # frames: a shorter pause does not end a forged span


@dataclass(frozen=True, slots=True)
class FaceMask:
    """The forged pixels of T crops, packed for a shard, and forged_T, the frames in which they meet the face."""

    packed: bytes
    forged_T: np.ndarray


def crop_masks(masks: Iterable[np.ndarray], transform_T23: np.ndarray, landmarks_TN2: np.ndarray) -> FaceMask:
    """The masks (H, W) bool of a track's frames as its crops show them.

    Args:
        masks: of source pictures.
        transform_T23: source pixels -> crop pixels.
        landmarks_TN2: in crop pixels; their hull is the face.
    """
    crops = [align(m.view(np.uint8) * 255, at) > 127 for m, at in zip(masks, transform_T23, strict=True)]
    forged = [crop.any() and _meets(crop, points) for crop, points in zip(crops, landmarks_TN2, strict=True)]
    return FaceMask(pack_masks(crops), np.array(forged, bool))


def _meets(crop: np.ndarray, landmarks_N2: np.ndarray) -> bool:
    face = face_hull(landmarks_N2, (CROP_SIZE, CROP_SIZE))
    return bool((crop & face).sum() > _LEAST * face.sum())


def check_masks(masks: VideoMasks, said: Annotation) -> None:
    """Raises Refused(BAD_MASK) where they say the contrary of the video's labels."""
    shown = f"{masks.path.name} shows {'' if masks.forged else 'no '}forged pixels"
    if masks.forged and REAL in (said.label, said.video_label):
        raise Refused(Reason.BAD_MASK, f"{shown}, and the label says that the picture is real.")
    if not masks.forged and said.video_label == FAKE:
        raise Refused(Reason.BAD_MASK, f"{shown}, and video_label says that the picture is fake.")


def follow_mask(
    label: int | None, audio_label: int | None, video_label: int | None, intervals: Intervals, forged_T: np.ndarray
) -> tuple[int | None, int | None, Intervals]:
    """Label, label of the picture, and forged spans of a clip, by what the mask of a forged picture says of its face.

    A face that the mask does not cover is real, and so is its clip, unless its audio is known to be forged. If the
    forged spans are not given, they are those of the mask. An unknown label stays unknown.
    """
    if not forged_T.any():
        if audio_label == FAKE:
            return label, REAL, intervals
        return None if label is None else REAL, REAL, ()
    return label, video_label, intervals or (() if audio_label == FAKE else spans_of(forged_T))


def spans_of(forged_T: np.ndarray) -> Intervals:
    """The spans of true frames (T,) in seconds, over pauses shorter than 0.2 s."""
    frames = np.flatnonzero(forged_T)
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > _PAUSE) + 1)
    return tuple((float(run[0] / FPS), float((run[-1] + 1) / FPS)) for run in runs if len(run))
