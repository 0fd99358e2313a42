"""Stage 2: training of detectors and localizers on labelled videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from finetune.data import LabelledClips, LabelledFaces
    from finetune.frames import FrameModule
    from finetune.localization import LocalizationModule
    from finetune.localization_data import LocatedFaces
    from finetune.module import DetectionModule

__all__ = [
    "DetectionModule",
    "FrameModule",
    "LabelledClips",
    "LabelledFaces",
    "LocalizationModule",
    "LocatedFaces",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "data": ["LabelledClips", "LabelledFaces"],
        "frames": ["FrameModule"],
        "localization": ["LocalizationModule"],
        "localization_data": ["LocatedFaces"],
        "module": ["DetectionModule"],
    },
)
