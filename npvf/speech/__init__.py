"""Phones and their sources, the gate, mel, voice activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names
from npvf.speech.gate import Gate, gate  # not on first use: the module has the same name

if TYPE_CHECKING:
    from npvf.speech.inventory import (
        BILABIAL,
        CRITICAL,
        FRICATIVE,
        PHONES,
        SILENCE,
        UNKNOWN,
        from_espeak,
        from_ipa,
        from_label,
    )
    from npvf.speech.mel import log_mel
    from npvf.speech.recogniser import Heard, listen, recognise
    from npvf.speech.sources import find_phones
    from npvf.speech.textgrid import read_tiers
    from npvf.speech.times import read_times
    from npvf.speech.transcript import align_transcript
    from npvf.speech.voice_activity import speech_spans

__all__ = [
    "BILABIAL",
    "CRITICAL",
    "FRICATIVE",
    "PHONES",
    "SILENCE",
    "UNKNOWN",
    "Gate",
    "Heard",
    "align_transcript",
    "find_phones",
    "from_espeak",
    "from_ipa",
    "from_label",
    "gate",
    "listen",
    "log_mel",
    "read_tiers",
    "read_times",
    "recognise",
    "speech_spans",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "inventory": [
            "BILABIAL",
            "CRITICAL",
            "FRICATIVE",
            "PHONES",
            "SILENCE",
            "UNKNOWN",
            "from_espeak",
            "from_ipa",
            "from_label",
        ],
        "mel": ["log_mel"],
        "recogniser": ["Heard", "listen", "recognise"],
        "sources": ["find_phones"],
        "textgrid": ["read_tiers"],
        "times": ["read_times"],
        "transcript": ["align_transcript"],
        "voice_activity": ["speech_spans"],
    },
)
