"""Shift the audio of a clip against its frames."""

from __future__ import annotations

import numpy as np

from npvf.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from npvf.errors import Reason, Refused
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures, room_tone, unforged_masks

LEAST, MOST = 8, 15  # frames: 0.32 to 0.6 s
_FADE = SAMPLE_RATE // 100


def sound_shift(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Shift the audio of the source video 8 to 15 frames early or late, and fill the gap with its own room tone.

    Raises Refused(TOO_SHORT) if less than half of the audio would be left.
    """
    shift = int(rng.integers(LEAST, MOST + 1)) * int(rng.choice([-1, 1]))
    if frames < 2 * MOST:
        raise Refused(Reason.TOO_SHORT, f"{source.video} has {frames} frames; to move its sound sources {2 * MOST}.")
    audio = source.sound(frames)
    tone = room_tone(audio, abs(shift) * SAMPLES_PER_FRAME, rng)
    moved = _joined(tone, audio[: -len(tone)]) if shift > 0 else _joined(audio[len(tone) :], tone)
    seconds, delay = frames / FPS, shift / FPS
    phones = cut_phones(source.phones(), 0.0, seconds)
    said = {"late_s": delay}
    masks = unforged_masks(source, frames)
    return Forged(pictures(source, frames), moved, cut_phones(phones, -delay, seconds), masks=masks, recipe=said)


def _joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Join two pieces of audio, with fades of 10 ms, so that the joint does not click."""
    fade = np.sin(np.linspace(0, np.pi / 2, _FADE, dtype=np.float32))
    return np.concatenate([a[:-_FADE], a[-_FADE:] * fade[::-1], b[:_FADE] * fade, b[_FADE:]])
