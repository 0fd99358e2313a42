"""Find speech from loudness alone: the last resort among phone sources, and the test for silence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import binary_closing, binary_opening, label

from npvf.clip import SAMPLE_RATE, Phone, Phones
from npvf.speech.inventory import SILENCE, UNKNOWN

STEP = SAMPLE_RATE // 100  # energies are taken every 10 ms
SILENT_DBFS = -60.0

_BLOCK = 30 * SAMPLE_RATE  # thresholds adapt from block to block; the blocks also bound the memory
_LEAST_RANGE = 12.0  # dB between background and peaks: steady noise or hum has less, speech has more
_ENTER, _STAY = 0.5, 0.3  # of that range: speech starts above the first and lasts while above the second
_LONGEST_PAUSE = 0.15  # seconds: the closure of a stop is a part of speech
_SHORTEST_BURST = 0.05


def voice_activity(audio_N: np.ndarray) -> Phones:
    """Return spans of speech as `spn` and the rest as `sil`; they cover the whole clip.

    This is an adaptive energy threshold with hysteresis: in every 30 s the background is the 10th and the peak the 95th
    percentile of the level in dB. Pauses of up to 0.15 s are filled, and bursts of less than 0.05 s are dropped. It
    cannot tell speech from other audio with changing loudness (music, a dog).

    Args:
        audio_N: (N,) float in [-1, 1] or int16, 16 kHz mono; may be memory-mapped.

    Examples:
        >>> tone = 0.3 * np.sin(np.arange(SAMPLE_RATE) * 0.2)
        >>> audio = np.concatenate([np.zeros(SAMPLE_RATE), tone, np.zeros(SAMPLE_RATE)])
        >>> [(p.phone, p.start, p.end) for p in voice_activity(audio).items]
        [('sil', 0.0, 0.99), ('spn', 0.99, 2.01), ('sil', 2.01, 3.0)]
    """
    return spans_to_phones(speech_spans(audio_N), len(audio_N) / SAMPLE_RATE)


def speech_spans(audio_N: np.ndarray, steady: bool = False) -> list[tuple[float, float]]:
    """Return (start, end) in seconds of each span of speech, in order.

    `steady`: whether audio of constant loudness, a fan or a song, counts as speech; loudness cannot tell.
    """
    blocks = [_above_threshold(level, steady) for level in _levels(audio_N)]
    if not blocks:
        return []
    active = np.concatenate(blocks)
    edge = round(_LONGEST_PAUSE / 0.01)
    padded = np.pad(active, edge)  # otherwise the closing would erode at the edges of the array
    closed = binary_closing(padded, np.ones(edge + 1))
    opened = binary_opening(closed, np.ones(round(_SHORTEST_BURST / 0.01)))[edge:-edge]
    starts = np.flatnonzero(np.diff(opened.astype(np.int8), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(opened.astype(np.int8), append=0) == -1) + 1
    seconds = len(audio_N) / SAMPLE_RATE
    return [(float(s) / 100, min(float(e) / 100, seconds)) for s, e in zip(starts, ends, strict=True)]


def spans_to_phones(spans: list[tuple[float, float]], seconds: float) -> Phones:
    """Return `spn` within the spans, `sil` between, before and after them."""
    items: list[Phone] = []
    at = 0.0
    for start, end in spans:
        if start > at:
            items.append(Phone(SILENCE, at, start))
        items.append(Phone(UNKNOWN, start, end))
        at = end
    if seconds > at:
        items.append(Phone(SILENCE, at, seconds))
    return Phones(tuple(items), "voice_activity")


def samples(audio_N: np.ndarray, start: int, end: int) -> np.ndarray:
    """Return samples [start, end) of float or int16 audio as float32 in [-1, 1]; memory maps are read only here."""
    part = np.asarray(audio_N[max(start, 0) : end])
    if part.dtype == np.int16:
        return part.astype(np.float32) / 32768
    return part.astype(np.float32, copy=False)


def _levels(audio_N: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the level in dBFS of the 20 ms around each 10 ms, block by block."""
    for start in range(0, len(audio_N), _BLOCK):
        part = samples(audio_N, start, start + _BLOCK)
        steps = len(part) // STEP
        if steps == 0:
            return
        power = np.square(part[: steps * STEP].reshape(steps, STEP)).mean(1)
        smooth = np.convolve(np.pad(power, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
        yield 10 * np.log10(smooth + 1e-12)


def _above_threshold(level: np.ndarray, steady: bool) -> np.ndarray:
    background = max(np.percentile(level, 10), SILENT_DBFS - 10)
    spread = np.percentile(level, 95) - background
    if spread < _LEAST_RANGE:
        return (level > SILENT_DBFS) & steady
    stretches, count = label(level > background + _STAY * spread)
    entered = np.zeros(count + 1, dtype=bool)
    entered[stretches[level > background + _ENTER * spread]] = True
    entered[0] = False
    return entered[stretches]
