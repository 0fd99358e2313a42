"""The gate: phones determine which video frames the viseme and audio streams are compared on."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, floor
from typing import Literal, get_args

import numpy as np

from npvf.clip import FPS, Phones
from npvf.speech.inventory import CRITICAL, SILENCE

Gate = Literal["noncritical", "critical", "all", "none"]
GATE_PAD = 1  # frames on either side of a critical phone: our choice, the paper does not give it

# Times are sums of 10 and 20 ms steps: a rounding error must not move a time across the border of a frame.
_EPSILON = 1e-6


def gate(
    phones: Phones,
    frames: int,
    which: Gate = "noncritical",
    critical: Collection[str] = CRITICAL,
    pad: int = GATE_PAD,
) -> np.ndarray:
    """Return the frames that a gate lets pass, as a boolean mask (T,).

    Frame t shows [t/25, (t+1)/25) s. It is a *speech* frame if its centre, (t + 0.5)/25, lies within a phone other
    than silence. It is *near a closure* if it lies within `pad` frames of a frame that a critical phone overlaps, even
    briefly: lips close before the sound and open after it, and phone times are wrong by a frame or two.

    - `critical`: speech frames near a closure; `noncritical`: the other speech frames (the NPV regions of the paper);
    - `all`: both; `none`: no gate, every frame including silence.

    So `critical` and `noncritical` together are `all`, and silence belongs to neither. Unknown speech (`spn`) is
    non-critical. The paper names the regions (abstract) but not the rule from phones to frames: overlap, centre and
    `pad` are ours.

    Args:
        phones: the phones of the clip, on its clock.
        frames: T, at 25 frames per second.
        which: the gate.
        critical: phones that count as critical, lower-case ARPAbet.
        pad: frames on either side of a critical phone that count as near it.

    Raises:
        ValueError: an unknown gate, or a negative `frames` or `pad`.

    Examples:
        >>> from npvf.clip import Phone
        >>> phones = Phones((Phone("sil", 0.0, 0.08), Phone("m", 0.08, 0.16), Phone("aa", 0.16, 0.32)), "transcript")
        >>> gate(phones, frames=8, which="critical").astype(int)
        array([0, 0, 1, 1, 1, 0, 0, 0])
        >>> gate(phones, frames=8, which="noncritical").astype(int)
        array([0, 0, 0, 0, 0, 1, 1, 1])
    """
    if which not in get_args(Gate):
        raise ValueError(f"gate must be one of {', '.join(get_args(Gate))}, not {which!r}")
    if frames < 0 or pad < 0:
        raise ValueError(f"frames and pad must not be negative: {frames}, {pad}")
    if which == "none":
        return np.ones(frames, dtype=bool)
    speech = np.zeros(frames, dtype=bool)
    near = np.zeros(frames, dtype=bool)
    for phone in phones.items:
        if phone.phone == SILENCE:
            continue
        # t + 0.5 in [start, end) * 25
        speech[_span(phone.start * FPS - 0.5, phone.end * FPS - 0.5)] = True
        if phone.phone in critical:
            # [t, t + 1) meets [start, end) * 25
            first, last = floor(phone.start * FPS + _EPSILON), ceil(phone.end * FPS - _EPSILON)
            near[max(first - pad, 0) : max(last + pad, 0)] = True
    if which == "all":
        return speech
    return speech & (near if which == "critical" else ~near)


def _span(start: float, end: float) -> slice:
    """Return the non-negative integers in [start, end)."""
    return slice(max(ceil(start - _EPSILON), 0), max(ceil(end - _EPSILON), 0))
