"""Perturbations of the audio alone. The frames are copied unchanged; the new audio is mono and lossless.

Audio is kept on disk and processed in blocks, so memory does not grow with the length of a video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.signal import firwin, lfilter, oaconvolve

from npvf.media.decode import to_float
from npvf.media.transcode import blocks_of
from npvf.perturb.registry import perturbation
from npvf.perturb.video_edit import VideoEdit

# Pink noise by filtering white noise (Kellet's filter as in J. O. Smith, Spectral Audio Signal Processing, 2011).
_PINK_B = np.array([0.049922035, -0.095993537, 0.050612699, -0.004408786])
_PINK_A = np.array([1.0, -2.494956002, 2.017265875, -0.522189400])
_QUIET_DB = 40.0  # a pause is this much below the loudest 20 ms
_PIECE_S, _CONTEXT_S, _FADE_S = 30.0, 1.0, 0.02


@perturbation("sound", (20, 10, 5, 0, -5), "pink noise at {} dB SNR")
def sound_noise(video: VideoEdit, snr_db: float, rng: np.random.Generator) -> VideoEdit:
    """Add noise like that of a street or a fan; the ratio refers to the power of the audio without pauses."""
    audio_N, rate = video.audio()
    scale = (speech_power(audio_N, rate) / 10 ** (snr_db / 10) / _pink_power()) ** 0.5

    def blocks() -> Iterator[np.ndarray]:
        state = lfilter(_PINK_B, _PINK_A, rng.standard_normal(rate), zi=np.zeros(3))[1]
        for block in blocks_of(audio_N, rate):
            pink, state = lfilter(_PINK_B, _PINK_A, rng.standard_normal(len(block)), zi=state)
            yield (block + scale * pink).astype(np.float32)

    return video.with_audio(blocks(), rate)


@perturbation("sound", ((0.2, 8), (0.4, 4), (0.7, 0), (1.1, -3), (1.6, -6)), "RT60 {} s, direct to reverberant {} dB")
def reverberation(video: VideoEdit, room: tuple[float, float], rng: np.random.Generator) -> VideoEdit:
    """Add a room: the direct sound, then noise that decays by 60 dB in RT60. Each video has its own random room."""
    audio_N, rate = video.audio()
    return video.with_audio(convolved(blocks_of(audio_N, rate), impulse_response(*room, rate, rng)), rate)


@perturbation("sound", (6000, 4000, 3000, 2000, 1000), "nothing above {} Hz")
def band_limit(video: VideoEdit, cutoff: float, rng: np.random.Generator) -> VideoEdit:
    """Apply a linear-phase low pass with -60 dB from 1.1 times the cut-off on; its delay is removed."""
    audio_N, rate = video.audio()
    if cutoff >= 0.45 * rate:
        return video.with_audio(blocks_of(audio_N, rate), rate)
    taps = 2 * round(1.8 * rate / (0.1 * cutoff)) + 1
    kernel = firwin(taps, 1.05 * cutoff, fs=rate, window=("kaiser", 5.65))
    return video.with_audio(convolved(blocks_of(audio_N, rate), kernel, delay=taps // 2), rate)


@perturbation("sound", (0.5, 1.0, 2.0, 3.0, 4.0), "{} semitones up or down")
def pitch(video: VideoEdit, semitones: float, rng: np.random.Generator) -> VideoEdit:
    """Change the pitch at the same tempo (librosa's phase vocoder), randomly up or down."""
    import librosa  # takes a second to import

    effects, steps = librosa.effects, semitones * float(rng.choice([-1, 1]))
    audio_N, rate = video.audio()
    blocks = _in_pieces(audio_N, rate, lambda x_N: effects.pitch_shift(x_N, sr=rate, n_steps=steps))
    return replace(video.with_audio(blocks, rate), drawn={"semitones": steps})


@perturbation("sound", (1.05, 1.1, 1.2, 1.35, 1.5), "{} times slower or faster")
def stretch(video: VideoEdit, factor: float, rng: np.random.Generator) -> VideoEdit:
    """Change the tempo of frames and audio at the same pitch, as players do, randomly slower or faster.

    To stretch the audio alone would make a genuine video a badly dubbed one: a forgery, not a perturbation.
    """
    import librosa  # takes a second to import

    factor, effects = factor ** float(rng.choice([-1, 1])), librosa.effects
    audio_N, rate = video.audio()
    blocks = _in_pieces(audio_N, rate, lambda x_N: effects.time_stretch(x_N, rate=1 / factor), factor)
    video = video.with_frames(shown_at=video.fps / factor).with_audio(blocks, rate)
    return replace(video, factor=factor, drawn={"factor": factor})


def speech_power(audio_N: np.ndarray, rate: int) -> float:
    """Return the mean square of the 20 ms frames of (N,) int16 that are not pauses."""
    frame = rate // 50
    whole = len(audio_N) // frame * frame or len(audio_N)
    power_F = np.concatenate(
        [np.mean(block.reshape(-1, min(frame, whole)) ** 2, -1) for block in blocks_of(audio_N[:whole], 50 * frame)]
    )
    return float(power_F[power_F >= power_F.max() / 10 ** (_QUIET_DB / 10)].mean())


def impulse_response(rt60: float, direct_db: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Draw (N,) of unit energy: the direct sound at 0, and from 2.5 ms on noise that decays by 60 dB in `rt60` s."""
    time_N = np.arange(round(rt60 * rate)) / rate
    tail_N = rng.standard_normal(len(time_N)) * 10 ** (-3 * time_N / rt60) * (time_N >= 0.0025)
    tail_N *= 10 ** (-direct_db / 20) / np.linalg.norm(tail_N)
    tail_N[0] = 1.0
    return tail_N / np.linalg.norm(tail_N)


def _pink_power() -> float:
    impulse = np.zeros(1 << 16)
    impulse[0] = 1.0
    return float((lfilter(_PINK_B, _PINK_A, impulse) ** 2).sum())


def convolved(blocks: Iterable[np.ndarray], kernel: np.ndarray, delay: int = 0) -> Iterator[np.ndarray]:
    """Convolve by overlap-add. `delay` samples are removed at the start and added at the end: the length stays."""
    tail = np.zeros(len(kernel) - 1)
    skip, taken, given = delay, 0, 0
    for block in blocks:
        full = oaconvolve(block, kernel)
        full[: len(tail)] += tail
        ready, tail = full[: len(block)], full[len(block) :]
        taken += len(block)
        ready, skip = ready[skip:], max(0, skip - len(ready))
        given += len(ready)
        yield ready.astype(np.float32)
    yield tail[skip:][: taken - given].astype(np.float32)


def _in_pieces(
    audio_N: np.ndarray, rate: int, change: Callable[[np.ndarray], np.ndarray], factor: float = 1.0
) -> Iterator[np.ndarray]:
    """Apply `change`, which multiplies the duration by `factor`, to overlapping half minutes, and cross-fade them."""
    context, fade = round(_CONTEXT_S * rate), round(_FADE_S * rate)
    count = max(1, round(len(audio_N) / (_PIECE_S * rate)))
    ends = np.linspace(0, len(audio_N), count + 1).round().astype(int).tolist()
    rising = np.linspace(0, 1, fade, dtype=np.float32)
    tail = np.zeros(0, np.float32)
    for start, end in pairwise(ends):
        first, last = max(0, start - context), min(len(audio_N), end + context)
        skipped = round(start * factor) - round(first * factor)
        length = round(end * factor) - round(start * factor)
        piece = change(to_float(audio_N[first:last]))[skipped:].astype(np.float32)
        if len(tail):
            piece[:fade] = tail * (1 - rising) + piece[:fade] * rising
        tail = piece[length : length + fade].copy()
        yield piece[:length]
