"""Phones out of sound alone: the `hama` recogniser, with its lateness taken off.

hama (Apache-2.0, its 5 MB network is in the wheel) is a CTC network: it writes each phone as a spike in one or two
20 ms frames and a blank elsewhere. So a spike says *that* a phone is there, and comes a while after the phone begins.
This delay depends on the kind of sound; it was measured against forced alignments of known sentences
(`benchmarks/phones.py`). The network does not tell where a phone ends: here it lasts until the next one, or until the
voice falls silent.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np

from npvf.clip import SAMPLE_RATE, Phone, Phones
from npvf.errors import MissingDependency
from npvf.speech.inventory import BILABIAL, FRICATIVE, PHONES, SILENCE, UNKNOWN, from_ipa
from npvf.speech.voice_activity import samples, speech_spans

FRAME = 320  # samples a frame of the network
FRAME_S = FRAME / SAMPLE_RATE
POSTERIORS = 191  # tokens of the network: phones in IPA, word boundary, and the blank

# Seconds from a phone's onset to its spike: the median over one half of GRID s1, see benchmarks/phones.py.
DELAY: Mapping[str, float] = {
    p: 0.10 if p in FRICATIVE else 0.09 if p in BILABIAL else 0.06 for p in (*PHONES, UNKNOWN)
}

# The network reads at most 30 s and silently drops the rest; its time grows with the square of the length.
_WINDOW = 20 * SAMPLE_RATE // FRAME
_OVERLAP = 2 * SAMPLE_RATE // FRAME

_SHORTEST = 0.02  # seconds between two onsets
_LONGEST = 0.40  # seconds: beyond this, sound without a new phone is speech of unknown content
_IN_SILENCE = 0.08  # seconds a phone lasts where the voice is too quiet to be heard by energy


_Spans = list[tuple[float, float]]


def recognise(audio_N: np.ndarray, delay: Mapping[str, float] = DELAY, heard: Heard | None = None) -> Phones:
    """Phones of a clip of any length, with the silences between them.

    The whole clip is covered without overlaps. Memory is bounded: the sound is read in windows of 20 s (it may be
    memory-mapped) that overlap by 2 s, and joined where both windows hear a blank.

    Args:
        audio_N: (N,) float in [-1, 1] or int16, 16 kHz mono.
        delay: seconds by which each phone's spike is late.
        heard: what `listen` gave for the same audio; None: listen now.

    Raises:
        MissingDependency: hama is not installed, or has no library for this platform.
    """
    heard = listen(audio_N) if heard is None else heard
    spikes = list(_spikes(heard.tokens_F, heard.certainty_F))
    # Until its end is known, a phone ends at its spike.
    onsets = _in_order(Phone(p, t - delay[p], t, c) for p, t, c in spikes)
    certain, possible = speech_spans(audio_N), speech_spans(audio_N, steady=True)
    return Phones(tuple(_fill(onsets, certain, possible, len(audio_N) / SAMPLE_RATE)), "recogniser")


@dataclass(frozen=True, slots=True)
class Heard:
    """The output of the network for one clip, in frames of 20 ms; two of them are one video frame.

    Attributes:
        tokens_F: the most likely token of each frame.
        certainty_F: its probability.
        posteriors_FP: (F, POSTERIORS) uint8, 255 times the square root of every token's probability. They depend on
            the words and little on the speaker. The root keeps rare tokens apart from zero, and a byte is finer than
            the network's own noise.
    """

    tokens_F: np.ndarray
    certainty_F: np.ndarray
    posteriors_FP: np.ndarray


def listen(audio_N: np.ndarray) -> Heard:
    """Run the network over a clip of any length: 2 T frames for 640 T samples. Arguments and errors of `recognise`."""
    parts = [(*_decoded(log_probs), _rooted(log_probs)) for log_probs in _windows(audio_N)]
    if not parts:
        return Heard(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, POSTERIORS), np.uint8))
    return Heard(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@cache
def silent_posteriors() -> np.ndarray:
    """(1, POSTERIORS): what the network says of a frame in the middle of a second of digital silence."""
    posteriors_FP = listen(np.zeros(SAMPLE_RATE, np.float32)).posteriors_FP
    return posteriors_FP[len(posteriors_FP) // 2][None]


def _rooted(log_probs_FP: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.exp(log_probs_FP / 2)).clip(0, 255).astype(np.uint8)


def _windows(audio_N: np.ndarray) -> Iterator[np.ndarray]:
    """Log probabilities (F, POSTERIORS) of successive stretches of the clip, which together cover it once."""
    total = len(audio_N) // FRAME
    start, waiting = 0, None
    while start < total:
        end = total if total - start <= _WINDOW + _OVERLAP else start + _WINDOW
        heard = _listen(samples(audio_N, start * FRAME, end * FRAME))[: end - start]
        seam = 0
        if waiting is not None:
            seam = _seam(_decoded(waiting)[0], _decoded(heard[: len(waiting)])[0])
            yield waiting[:seam]
            heard = heard[seam:]
        if end == total:
            yield heard
            return
        keep = end - _OVERLAP - start - seam
        yield heard[:keep]
        waiting = heard[keep:]
        start = end - _OVERLAP


def _seam(left: np.ndarray, right: np.ndarray) -> int:
    """Find the time to switch from one window to the next: the middle of the longest span that is blank in both.

    A spike may move by a frame between windows, so a seam amid spikes could double or lose one.
    """
    blank = _model().blank_id
    quiet = np.pad((left == blank) & (right == blank), 1).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(quiet) == 1), np.flatnonzero(np.diff(quiet) == -1)
    if len(starts) == 0:
        return len(left) // 2
    longest = int(np.argmax(ends - starts))
    return int(starts[longest] + ends[longest]) // 2


def _listen(audio_N: np.ndarray) -> np.ndarray:
    """One pass of the network: log probabilities (F, POSTERIORS)."""
    feeds = {"waveform": np.clip(audio_N, -1, 1), "waveform_lengths": np.array([len(audio_N)])}
    log_probs, lengths = _model().session.run(["log_probs", "out_lengths"], feeds)
    return log_probs[0, : int(lengths[0])]


def _decoded(log_probs_FP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Token and probability of each frame, as hama's own decoder weighs them."""
    model = _model()
    scores = log_probs_FP / model.decode_cfg.temperature
    scores[:, model.blank_id] += model.decode_cfg.blank_bias
    tokens = scores.argmax(1)
    return tokens, np.exp(log_probs_FP[np.arange(len(log_probs_FP)), tokens])


def _spikes(tokens: np.ndarray, probability: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """(phone, seconds, confidence) of every spike: CTC's collapse of repeats and blanks."""
    model = _model()
    borders = np.flatnonzero(np.diff(tokens, prepend=-1, append=-1))
    for start, end in pairwise(borders.tolist()):
        token = tokens[start]
        if token == model.blank_id or model.decoder_tokens[token] == model.decode_cfg.word_boundary_token:
            continue
        for k, phone in enumerate(from_ipa(model.decoder_tokens[token])):
            yield phone, start * FRAME_S + k * _SHORTEST, float(probability[start:end].max())


def _in_order(phones: Iterable[Phone]) -> list[Phone]:
    """Onsets at least 20 ms apart and not before zero: delays that differ by phone may have crossed them."""
    ordered: list[Phone] = []
    earliest = 0.0
    for p in phones:
        onset = max(p.start, earliest)
        ordered.append(Phone(p.phone, onset, max(p.end, onset), p.confidence))
        earliest = onset + _SHORTEST
    return ordered


def _fill(onsets: list[Phone], certain: _Spans, possible: _Spans, seconds: float) -> Iterator[Phone]:
    """Phones with their ends, and what lies between them: silence, or unknown speech where a voice surely goes on.

    A phone may last wherever there may be a voice: under steady sound it does not end for want of a pause.
    """
    at = 0.0
    limits = [*(p.start for p in onsets), seconds][1:]
    for p, latest in zip(onsets, limits, strict=True):
        yield from _between(at, p.start, certain)
        k = bisect_right(possible, p.end, key=itemgetter(0)) - 1
        voiced_until = possible[k][1] if k >= 0 else 0.0
        at = min(latest, p.start + _LONGEST, max(voiced_until, p.start + _IN_SILENCE))
        yield Phone(p.phone, p.start, at, p.confidence)
    yield from _between(at, seconds, certain)


def _between(start: float, end: float, spans: _Spans) -> Iterator[Phone]:
    first, last = bisect_right(spans, start, key=itemgetter(1)), bisect_left(spans, end, key=itemgetter(0))
    for span_start, span_end in spans[first:last]:
        voice, hush = max(span_start, start), min(span_end, end)
        if hush - voice < _LONGEST / 2:  # a breath or the rim of a phone
            continue
        if voice > start:
            yield Phone(SILENCE, start, voice)
        yield Phone(UNKNOWN, voice, hush)
        start = hush
    if end > start:
        yield Phone(SILENCE, start, end)


@cache
def recogniser_version() -> str:
    """The network whose posteriors `listen` gives, such as "hama 1.7.0"; another version's are not comparable."""
    try:
        return f"hama {version('hama')}"
    except PackageNotFoundError as e:
        raise MissingDependency("the phone recogniser needs hama: pip install 'hama>=1.7'") from e


@cache
def _model() -> Any:
    try:
        from hama import ASRModel
    except ImportError as e:
        raise MissingDependency("the phone recogniser needs hama: pip install 'hama>=1.7'") from e
    try:
        return ASRModel()
    except RuntimeError as e:
        raise MissingDependency(f"hama has no library for this platform ({e}); give phone times or a transcript") from e
