"""The embedded talking-head corpus: one photographed face, many people, exact phone times, no download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.synth.corpus import Recipe, make_clip, plan, synthesise
    from npvf.synth.voice import Speech, Voice, speak

__all__ = [
    "Recipe",
    "Speech",
    "Voice",
    "make_clip",
    "plan",
    "speak",
    "synthesise",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "corpus": ["Recipe", "make_clip", "plan", "synthesise"],
        "voice": ["Speech", "Voice", "speak"],
    },
)
