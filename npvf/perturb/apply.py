"""`perturb_video` applies one perturbation to one video."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from npvf.errors import NpvfError
from npvf.io.files import sha256
from npvf.perturb.registry import get_perturbation
from npvf.perturb.video_edit import VideoEdit
from npvf.version import __version__


@dataclass(frozen=True, slots=True)
class Condition:
    """A perturbation at one level. The seed decides all random choices: noise, rooms, directions."""

    kind: str
    level: int = 1
    seed: int = 0

    @property
    def name(self) -> str:
        """Return `blur-3`, or the name of a route, which has one level."""
        return self.kind if len(get_perturbation(self.kind).levels) == 1 else f"{self.kind}-{self.level}"

    def recipe(self) -> dict[str, Any]:
        """Return all that decides the result, as JSON; results are stored with it."""
        item = get_perturbation(self.kind)
        passes = [asdict(change.__self__) for change in item.passes if hasattr(change, "__self__")]
        setting = item.setting(self.level)
        return {
            "kind": self.kind,
            "level": self.level,
            "setting": list(setting) if isinstance(setting, tuple) else setting,
            "seed": self.seed,
            "passes": passes,
            "npvf": __version__,
            "av": av.__version__,
        }


@dataclass(frozen=True, slots=True)
class Applied:
    """The effect of a perturbation on the clock of a video, and the random numbers that were drawn."""

    factor: float  # the factor of its duration
    delay: float  # seconds by which its audio is later
    drawn: dict[str, float]


def perturb_video(source: Path, target: Path, condition: Condition) -> Applied:
    """Write `source`, perturbed, as the MP4 file `target`; the same video, condition and seed give the same bytes.

    Random choices depend on the content of the video, not on its name or its position in a list.

    Raises:
        NpvfError: an unknown perturbation or level; `target` would overwrite `source`.
        Refused: the video cannot be decoded, or does not have the stream to change.
    """
    item = get_perturbation(condition.kind)
    setting = item.setting(condition.level)
    if target.resolve() == source.resolve():
        raise NpvfError(f"{target} is the video itself: choose another place for the perturbed one")
    target.parent.mkdir(parents=True, exist_ok=True)
    content = int(sha256(source)[:16], 16)
    factor, delay, current = 1.0, 0.0, source
    drawn: dict[str, float] = {}
    steps = [target.with_name(f".{target.stem}.{number}.mp4") for number in range(1, len(item.passes))]
    try:
        for number, (change, made) in enumerate(zip(item.passes, [*steps, target], strict=True)):
            own = [condition.seed, content, zlib.crc32(condition.kind.encode()), condition.level, number]
            video = change(VideoEdit.open(current), setting, np.random.default_rng(own))
            video.write(made)
            factor, delay, drawn, current = factor * video.factor, delay + video.delay, {**drawn, **video.drawn}, made
    finally:
        for step in steps:
            step.unlink(missing_ok=True)
    return Applied(factor, delay, drawn)
