"""Turn phones into a moving mouth: one target shape for each phone, blended by dominance, with full closures.

Co-articulation follows Cohen & Massaro (1993): each phone pulls the mouth with a dominance that falls off exponentially
before and after it, and the mouth is the dominance-weighted mean of the targets. A mean would prevent
contact of the lips at m, b, p and of lip and teeth at f, v. These are added as gestures with short ramps of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npvf.clip import FPS, Phone, Phones
from npvf.speech.inventory import CRITICAL, LABIODENTAL
from npvf.synth.mouth import MouthShape
from npvf.synth.voice import STOPS

PARAMETERS = ("upper", "lower", "jaw", "width", "tongue")

# (upper, lower, jaw, width, tongue) of MouthShape; the lower lip goes down with the jaw, so `lower` contains it.
_TARGETS = {
    "sil": (0.00, 0.00, 0.00, 0.84, 0.0),
    "spn": (0.06, 0.16, 0.08, 0.84, 0.2),
    "aa": (0.12, 0.60, 0.50, 0.84, 0.0),
    "ae": (0.16, 0.50, 0.40, 0.96, 0.1),
    "ah": (0.09, 0.30, 0.22, 0.84, 0.1),
    "ao": (0.12, 0.52, 0.42, 0.70, 0.0),
    "aw": (0.13, 0.50, 0.40, 0.80, 0.0),
    "ay": (0.14, 0.50, 0.38, 0.90, 0.1),
    "eh": (0.14, 0.36, 0.26, 0.94, 0.2),
    "er": (0.12, 0.20, 0.14, 0.72, 0.3),
    "ey": (0.13, 0.28, 0.18, 0.98, 0.3),
    "hh": (0.08, 0.24, 0.18, 0.86, 0.0),
    "ih": (0.12, 0.20, 0.12, 0.92, 0.3),
    "iy": (0.13, 0.14, 0.06, 1.04, 0.4),
    "ow": (0.12, 0.30, 0.22, 0.64, 0.0),
    "oy": (0.12, 0.38, 0.28, 0.68, 0.0),
    "uh": (0.11, 0.18, 0.12, 0.68, 0.0),
    "uw": (0.10, 0.10, 0.06, 0.59, 0.0),
    "w": (0.08, 0.06, 0.04, 0.58, 0.0),
    "y": (0.11, 0.13, 0.06, 0.96, 0.4),
    "r": (0.12, 0.12, 0.08, 0.68, 0.3),
    "l": (0.11, 0.22, 0.14, 0.86, 0.9),
    "th": (0.10, 0.16, 0.08, 0.86, 0.9),
    "dh": (0.10, 0.15, 0.08, 0.86, 0.9),
    "t": (0.10, 0.13, 0.05, 0.88, 0.8),
    "d": (0.10, 0.14, 0.06, 0.88, 0.8),
    "n": (0.10, 0.14, 0.06, 0.88, 0.8),
    "s": (0.12, 0.11, 0.02, 0.94, 0.4),
    "z": (0.12, 0.11, 0.02, 0.94, 0.4),
    "sh": (0.16, 0.15, 0.03, 0.66, 0.3),
    "zh": (0.16, 0.15, 0.03, 0.66, 0.3),
    "ch": (0.16, 0.15, 0.03, 0.66, 0.4),
    "jh": (0.16, 0.15, 0.03, 0.66, 0.4),
    "k": (0.09, 0.20, 0.14, 0.86, 0.1),
    "g": (0.09, 0.20, 0.14, 0.86, 0.1),
    "ng": (0.09, 0.20, 0.14, 0.86, 0.2),
    "f": (0.10, 0.02, 0.02, 0.86, 0.0),
    "v": (0.10, 0.02, 0.02, 0.86, 0.0),
    "m": (0.02, 0.04, 0.03, 0.82, 0.0),
    "b": (0.02, 0.04, 0.03, 0.82, 0.0),
    "p": (0.02, 0.04, 0.03, 0.82, 0.0),
}
_CLOSED = {"upper": -0.035, "lower": -0.035}
_LIP_TO_TEETH = {"upper": 0.15, "lower": -0.05}

# Seconds over which a phone has an effect before and after itself, and its dominance for each parameter.
_BEFORE, _AFTER = 0.075, 0.060
_ROUNDED = frozenset({"uw", "w", "ow", "oy", "ao", "sh", "zh", "ch", "jh", "r", "uh"})
_SHORTEST_CLOSURE = 0.065
_RAMP_IN, _RAMP_OUT = 0.055, 0.045


@dataclass(frozen=True)
class MouthTrack:
    """The mouth over time: values_TP (T, 5) at 25 fps, columns as PARAMETERS."""

    values_TP: np.ndarray

    def __len__(self) -> int:
        return len(self.values_TP)

    def __getitem__(self, frame: int) -> MouthShape:
        return MouthShape(*map(float, self.values_TP[frame]))

    @property
    def aperture_T(self) -> np.ndarray:
        """Return the gap between the inner lips, (T,), in face units. It drives the frames."""
        return np.clip(self.values_TP[:, 0] + self.values_TP[:, 1], 0, None)


def articulate(phones: Phones, frames: int, effort: float = 1.0, closures: Phones | None = None) -> MouthTrack:
    """Return the mouth that says `phones`, sampled at `frames` frame times.

    Args:
        phones: they determine the vowels and open consonants, and the closures unless `closures` is given.
        frames: T.
        effort: how wide this person opens the mouth; 1 is usual.
        closures: the phones whose m, b and p close the lips. If they differ from `phones`, the lips close at these and
            stay open at the m, b and p of `phones`: the mouth of a calibrated forgery.
    """
    closing = phones if closures is None else closures
    blended = [p for p in phones.items if closures is None or p.phone not in CRITICAL]
    blended += [p for p in closing.items if closures is not None and p.phone in CRITICAL]
    time = np.arange(frames) / FPS
    values = _blend(sorted(blended, key=lambda p: p.start), time)
    values[:, :3] *= effort
    for phone in blended:
        if phone.phone in LABIODENTAL:
            _overlay(values, time, phone.start, phone.end, _LIP_TO_TEETH)
    for phone in closing.items:
        if phone.phone in CRITICAL:
            _overlay(values, time, *_closed_span(phone), _CLOSED)
    return MouthTrack(values)


def _blend(phones: list[Phone], time: np.ndarray) -> np.ndarray:
    """Return the dominance-weighted mean of the targets, (T, 5)."""
    rest = np.array(_TARGETS["sil"])
    total = np.full((len(time), 5), 1e-4)
    values = total * rest
    for item in phones:
        target = np.array(_TARGETS[item.phone])
        early = np.clip(item.start + 0.25 * (item.end - item.start) - time, 0, None)
        late = np.clip(time - item.end + 0.25 * (item.end - item.start), 0, None)
        reach = np.ones(5)
        if item.phone in _ROUNDED:
            reach[3] = 1.7  # rounding begins well before its phone
        strength = np.full(5, 0.35 if item.phone == "sil" else 1.0)
        strength[3] = 1.6 if item.phone in _ROUNDED else 0.7
        strength[4] = 1.5 if target[4] > 0.6 else 1.0
        distance = (early / _BEFORE + late / _AFTER)[:, None] / reach
        dominance = strength * np.exp(-(distance**1.3) * 1.6)
        values += dominance * target
        total += dominance
    return values / total


def _closed_span(phone: Phone) -> tuple[float, float]:
    """Return the time for which the lips touch: all of an m, and b or p up to its release."""
    share = 0.7 if phone.phone in STOPS else 1.0
    length = max(share * (phone.end - phone.start), _SHORTEST_CLOSURE)
    return phone.start, phone.start + length


def _overlay(values: np.ndarray, time: np.ndarray, start: float, end: float, gesture: dict[str, float]) -> None:
    """Move the mouth into `gesture` for [start, end], with smooth ramps around it."""
    ramp = np.clip(np.minimum((time - start) / _RAMP_IN, (end - time) / _RAMP_OUT) + 1, 0, 1)
    weight = ramp * ramp * (3 - 2 * ramp)
    for name, target in gesture.items():
        column = values[:, PARAMETERS.index(name)]
        column += weight * (target - column)
    jaw = values[:, PARAMETERS.index("jaw")]
    jaw *= 1 - 0.55 * weight  # lips can close before the jaw arrives
