"""Find phones from audio and known words: forced alignment with pocketsphinx."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from npvf.clip import SAMPLE_RATE, Phone, Phones
from npvf.errors import MissingDependency, Reason, Refused
from npvf.speech.inventory import PHONES, SILENCE, UNKNOWN
from npvf.speech.voice_activity import samples

FRAME_S = 0.01


def align_transcript(audio_N: np.ndarray, transcript: str) -> Phones:
    """Align a transcript: its phones at 10 ms resolution, with the silences between words.

    The first pass aligns the words with optional pauses and pronunciations, the second one the phones of these words.
    English only (US dictionary and acoustic model of the pocketsphinx wheel). All audio is in memory, so cut recordings
    of more than some minutes, or give phone times.

    Args:
        audio_N: (N,) float in [-1, 1] or int16, 16 kHz mono.
        transcript: the words in their order; case and punctuation do not matter.

    Raises:
        Refused: BAD_SIDECAR if there are no words, words without a known pronunciation (all are named), or the words
            cannot be fitted to the sound.
        MissingDependency: pocketsphinx is not installed.
    """
    words = _words(transcript)
    if not words:
        raise Refused(Reason.BAD_SIDECAR, "the transcript holds no words")
    decoder = _decoder()
    if unknown := sorted({w for w in words if decoder.lookup_word(w) is None}):
        raise Refused(
            Reason.BAD_SIDECAR,
            f"the pronunciation dictionary lacks {', '.join(map(repr, unknown))}: spell them as they are spoken "
            "(numbers as words), or give phone times instead of a transcript",
        )
    sound = (np.clip(samples(audio_N, 0, len(audio_N)), -1, 1) * 32767).astype("<i2").tobytes()
    decoder.set_align_text(" ".join(words))
    if not _decode(decoder, sound) or decoder.hyp() is None or _found(decoder) != words:
        raise _unfit(transcript)
    decoder.set_alignment()
    if not _decode(decoder, sound):  # (asking for hyp() in this pass crashes pocketsphinx 5.1.1)
        raise _unfit(transcript)
    alignment = decoder.get_alignment()  # its iterators do not keep the decoder alive
    items = [_phone(p) for word in alignment for p in word]
    return Phones(tuple(_covering(items, len(audio_N) / SAMPLE_RATE)), "transcript")


def _words(transcript: str) -> list[str]:
    tokens = re.split(r"[\s\-–—_/]+", transcript.lower().replace("’", "'"))
    return [word for token in tokens if (word := re.sub(r"^[^\w']+|[^\w']+$", "", token)).strip("'")]


def _decoder() -> Any:
    """Return a decoder without a memory of other audio: its channel and noise estimates are reset."""
    decoder = _loaded_decoder()
    decoder.reinit_feat()
    return decoder


@cache
def _loaded_decoder() -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as e:
        raise MissingDependency("aligning a transcript needs pocketsphinx: pip install 'npvf[prepare]'") from e
    # The best path through the lattice can begin with a word of length 0, on which the second pass fails.
    return Decoder(lm=None, loglevel="FATAL", bestpath=False)


def _decode(decoder: Any, sound: bytes) -> bool:
    decoder.start_utt()
    try:
        decoder.process_raw(sound, full_utt=True)
        decoder.end_utt()
    except RuntimeError:  # the error of pocketsphinx if no path fits
        return False
    return True


def _found(decoder: Any) -> list[str]:
    """Return the words of the first pass without pauses and noises; `again(2)`, a second pronunciation, is `again`."""
    return [re.sub(r"\(\d+\)$", "", s.word) for s in decoder.seg() if s.word[0] not in "<["]


def _phone(state: Any) -> Phone:
    name = state.name.lower()
    if name not in PHONES:  # SIL, +SPN+ (speech outside the words), +NSN+ (noise)
        name = UNKNOWN if name == "+spn+" else SILENCE
    return Phone(name, state.start * FRAME_S, (state.start + state.duration) * FRAME_S)


def _covering(items: list[Phone], seconds: float) -> list[Phone]:
    """Extend the last phone, usually silence, to the clip's end: the aligner counts only whole windows of 25 ms."""
    return [*items[:-1], replace(items[-1], end=max(items[-1].end, seconds))]


def _unfit(transcript: str) -> Refused:
    shown = transcript if len(transcript) <= 60 else transcript[:57] + "..."
    return Refused(Reason.BAD_SIDECAR, f"the transcript does not fit the sound: {shown!r}")
