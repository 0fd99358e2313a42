"""Simulate the room of a recording: silence around the speech, echo, noise and level."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

from npvf.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Phone, Phones
from npvf.speech.inventory import SILENCE
from npvf.synth.voice import Speech


def record(speech: Speech, seed: int) -> Speech:
    """Record `speech` in a room, with 0.12 to 0.4 s of room tone around it; the length is a whole number of frames.

    The direct sound is not delayed, so the phones move by the silence at the start only.
    """
    rng = np.random.default_rng([seed, 4])
    lead = round(rng.uniform(0.12, 0.4) * SAMPLE_RATE)
    frames = int(np.ceil((lead / SAMPLE_RATE + speech.seconds + rng.uniform(0.12, 0.4)) * FPS))
    audio = np.zeros(frames * SAMPLES_PER_FRAME)
    audio[lead : lead + len(speech.audio_N)] = speech.audio_N
    loud = np.sqrt(np.mean(speech.audio_N.astype(np.float64) ** 2))
    audio = fftconvolve(audio, _echo(rng))[: len(audio)]
    level = 10 ** (rng.uniform(-26, -20) / 20)
    noise = _noise(rng, len(audio)) * level * 10 ** (-rng.uniform(18, 42) / 20)
    heard = audio * (level / loud) + noise
    heard /= max(1.0, float(np.abs(heard).max()) / 0.98)
    return Speech(heard.astype(np.float32), _shifted(speech.phones, lead / SAMPLE_RATE, frames / FPS))


def _echo(rng: np.random.Generator) -> np.ndarray:
    """Return a room impulse response: the direct sound at 0, then an exponential decay (60 dB in 0.12 to 0.45 s)."""
    time = np.arange(int(0.45 * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(0, 1, len(time)) * 10 ** (-3 * time / rng.uniform(0.12, 0.45))
    tail[: int(0.004 * SAMPLE_RATE)] = 0
    tail *= rng.uniform(0.05, 0.35) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return tail


def _noise(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return room tone with unit deviation: white noise through a low-pass of random depth."""
    pole = rng.uniform(0.5, 0.97)
    noise = lfilter([1 - pole], [1, -pole], rng.normal(0, 1, length + 2000))[2000:]
    return noise / noise.std()


def _shifted(phones: Phones, lead: float, seconds: float) -> Phones:
    """Shift phones to the clock of the clip, and fill both ends with silence."""
    items = list(phones.between(0, np.inf, lead).items)
    begin = items.pop(0).end if items[0].phone == SILENCE else lead
    end = items.pop().start if items[-1].phone == SILENCE else items[-1].end
    return Phones((Phone(SILENCE, 0.0, begin), *items, Phone(SILENCE, end, seconds)), phones.source)
