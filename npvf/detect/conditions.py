"""The conditions of a clip that decide whether it can be judged, each from a measurement.

A method that is asked about a clip outside its conditions answers all the same, and is wrong. So the conditions are
measured first. Every threshold is a setting, and every measurement is in the JSON of the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from npvf.clip import Clip
from npvf.errors import Reason
from npvf.faces.geometry import face_size
from npvf.faces.mouth_geometry import mouth_geometry


@dataclass(frozen=True, slots=True)
class ConditionSettings:
    """The limits of the measurements.

    Attributes:
        least_motion: a face whose points move less than this against each other does not move (`face_motion`).
        small_face: pixels of the source between the outer eye corners and beyond; a smaller face is warned of.
        short_clip: seconds; a shorter track is warned of.
    """

    least_motion: float = 0.004
    small_face: float = 60.0
    short_clip: float = 3.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """The measurements of a clip, and the reasons that follow from them; each begins with a code, "": none.

    Attributes:
        measurements: by name.
        against_motion: the reason not to judge the motion of the mouth.
        against_sound: the reason not to compare sound and lips.
        warnings: conditions in which errors are more frequent.
    """

    measurements: dict[str, float] = field(default_factory=dict)
    against_motion: str = ""
    against_sound: str = ""
    warnings: tuple[str, ...] = ()


def measure(clip: Clip, settings: ConditionSettings) -> Conditions:
    """Return the conditions of a clip."""
    found = {
        "face_motion": face_motion(clip.landmarks_TN2),
        "face_px": float(4 * np.median(face_size(clip.source_landmarks_TN2))),
        "seconds": clip.seconds,
    }
    still = ""
    if found["face_motion"] < settings.least_motion:
        still = f"{Reason.FACE_DOES_NOT_MOVE}: the face does not move, as in a still picture"
    warnings = []
    if found["face_px"] < settings.small_face:
        warnings.append(f"small_face: the face is {found['face_px']:.0f} pixels high")
    if clip.seconds < settings.short_clip:
        warnings.append(f"short_clip: the face is seen for {clip.seconds:.1f} s")
    return Conditions(found, still, still, tuple(warnings))


def face_motion(landmarks_TN2: np.ndarray) -> float:
    """Return how much the points of mouth, jaw and cheeks move against the nose, over the distance of the eyes.

    It is the standard deviation over the clip, the median over points: rotation, distance and place of the head have no
    part in it. A still picture has the noise of the tracker, also if the camera moves over it.

    Args:
        landmarks_TN2: (T, 478, 2) in pixels of the crop.
    """
    points_TP2 = mouth_geometry(landmarks_TN2)
    return float(np.median(points_TP2.std(0).max(-1)))
