"""Make labelled forgeries of real clips, and copies of the real clips with the same encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.forge.kinds import KINDS, Kind
    from npvf.forge.random_patch import Change, RandomPatch
    from npvf.forge.run import Summary, forge
    from npvf.forge.source_video import Forged, SourceVideo, pictures, unforged_masks

__all__ = [
    "KINDS",
    "Change",
    "Forged",
    "Kind",
    "RandomPatch",
    "SourceVideo",
    "Summary",
    "forge",
    "pictures",
    "unforged_masks",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "kinds": ["KINDS", "Kind"],
        "random_patch": ["Change", "RandomPatch"],
        "run": ["Summary", "forge"],
        "source_video": ["Forged", "SourceVideo", "pictures", "unforged_masks"],
    },
)
