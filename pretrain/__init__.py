"""Stage 1: self-supervised pre-training on real talking faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from pretrain.data import RealClips, TalkingFaces
    from pretrain.module import PretrainModule

__all__ = [
    "PretrainModule",
    "RealClips",
    "TalkingFaces",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "data": ["RealClips", "TalkingFaces"],
        "module": ["PretrainModule"],
    },
)
