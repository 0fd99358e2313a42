"""Shortcuts and leakage of a labelled corpus: the work of `npvf audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.audit.leakage import Leakage, Twins, find_leakage
    from npvf.audit.run import Audit, audit
    from npvf.audit.shortcuts import Shortcut, rank_traits
    from npvf.audit.traits import Trait, VideoTraits, corpus_traits, file_traits

__all__ = [
    "Audit",
    "Leakage",
    "Shortcut",
    "Trait",
    "Twins",
    "VideoTraits",
    "audit",
    "corpus_traits",
    "file_traits",
    "find_leakage",
    "rank_traits",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "leakage": ["Leakage", "Twins", "find_leakage"],
        "run": ["Audit", "audit"],
        "shortcuts": ["Shortcut", "rank_traits"],
        "traits": ["Trait", "VideoTraits", "corpus_traits", "file_traits"],
    },
)
