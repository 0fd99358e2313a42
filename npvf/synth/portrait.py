"""The photograph of the embedded corpus: NASA's portrait of an astronaut, in the public domain.

The photograph is in the scikit-image wheel. This folder contains our measurements of it: 468 face landmarks (by
MediaPipe's FaceLandmarker) and a map of its regions (by GrabCut), so that rendering needs neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import cv2
import numpy as np

from npvf.errors import MissingDependency

BACKGROUND, CLOTHES, HAIR, SKIN = 0, 80, 160, 255


@dataclass(frozen=True)
class Portrait:
    """The photograph, a square crop around the head.

    Shapes:
        picture_HWC: (S, S, 3) uint8 RGB.
        landmarks_N2: (468, 2) float32, pixels (x, y).
        regions_HW: (S, S) uint8: BACKGROUND, CLOTHES, HAIR or SKIN.
    """

    picture_HWC: np.ndarray
    landmarks_N2: np.ndarray
    regions_HW: np.ndarray


@lru_cache(maxsize=2)
def portrait(size: int) -> Portrait:
    """Return the portrait at `size` x `size` pixels. Raises MissingDependency without scikit-image."""
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise MissingDependency("the photographed face is in scikit-image: pip install 'npvf[demo]'") from error
    here = files("npvf.synth")
    measured = json.loads((here / "astronaut_landmarks.json").read_text(encoding="utf-8"))
    x, y, side = measured["crop_x0_y0_side"]
    crop = astronaut()[y : y + side, x : x + side]
    large = cv2.resize(crop, (size, size), interpolation=cv2.INTER_LANCZOS4)
    sharp = cv2.addWeighted(large, 1.5, cv2.GaussianBlur(large, (0, 0), 1.6), -0.5, 0)
    with as_file(here / "astronaut_regions.png") as path:
        regions = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if regions is None:
        raise FileNotFoundError("npvf/synth/astronaut_regions.png is missing from this installation")
    regions = cv2.resize(regions, (size, size), interpolation=cv2.INTER_NEAREST)
    landmarks = np.asarray(measured["landmarks"], np.float32) * size
    return Portrait(sharp, landmarks, regions)
