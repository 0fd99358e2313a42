"""Fitting `MouthMotion` on prepared corpora of genuine and generated talking faces, with each generator held out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import torch

from npvf.clip import FAKE
from npvf.data.selection import Selection
from npvf.detect.calibration import Calibration
from npvf.detect.mouth_motion import MouthMotionDetector, MouthMotionSettings, MouthWindows
from npvf.errors import NpvfError
from npvf.evaluate.fit_fusion import clips_by_video
from npvf.io.corpus import Corpus
from npvf.metrics.detection import auc
from npvf.models.motion.mouth_motion import MouthMotion, mouth_motion

FOLDS = 4
FALSE_ALARMS = 0.05


@dataclass(slots=True)
class SeenMouth:
    """One clip in which a mouth moves: its windows, whether a generator drew it, by which generator, and the person."""

    windows: MouthWindows
    fake: bool
    generator: str
    person: str


@dataclass(slots=True)
class SeenMouths:
    """The mouths of some corpora. `left_out` counts by reason the clips of which there is none."""

    items: list[SeenMouth] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def collect_mouths(
    corpora: Sequence[Corpus],
    detector: MouthMotionDetector,
    selection: Selection,
) -> SeenMouths:
    """Measure every clip that the selection keeps."""
    found = SeenMouths()
    videos = chain.from_iterable(clips_by_video(corpus, selection) for corpus in corpora)
    for clip in chain.from_iterable(videos):
        windows = detector.windows(clip)
        if windows is None:
            found.left_out["too short, or the mouth hardly moves"] += 1
            continue
        fake = clip.meta.label == FAKE
        generator = (clip.meta.manipulation or "unknown") if fake else ""
        found.items.append(SeenMouth(windows, fake, generator, clip.meta.person))
    return found


def fit_motion(model: MouthMotion, items: Sequence[SeenMouth]) -> MouthMotion:
    """Fit the model in place. All genuine people count alike, and a generator by the root of the number of its clips.

    Raises:
        NpvfError: there are not both genuine and generated mouths.
    """
    clips = Counter((item.fake, item.generator if item.fake else item.person) for item in items)
    weights = [clips[True, i.generator] ** -0.5 if i.fake else 1 / clips[False, i.person] for i in items]
    counts = [len(item.windows.starts) for item in items]
    per_window_N = torch.tensor([w / n for w, n in zip(weights, counts, strict=True) for _ in range(n)])
    fake_N = torch.tensor([item.fake for item, n in zip(items, counts, strict=True) for _ in range(n)])
    try:
        return model.fit(
            torch.cat([item.windows.motion_KM for item in items]),
            torch.cat([item.windows.agreement_KA for item in items]),
            fake_N,
            per_window_N,
        )
    except (ValueError, RuntimeError) as error:
        raise NpvfError(f"the mouths of {len(items)} clips cannot be fitted: {error}") from error


def calibrated(detector: MouthMotionDetector, items: Sequence[SeenMouth]) -> MouthMotionSettings:
    """Return the settings of a fitted detector with a calibration on the same clips: it has few parameters."""
    scores = [_score(detector.model, item) for item in items]
    found = Calibration.fit(scores, [int(item.fake) for item in items])
    people = len({item.person for item in items if not item.fake})
    return replace(detector.settings, calibration=found, segment_calibration=found, people=people)


def held_out_generators(items: Sequence[SeenMouth], repeats: int = 4, seed: int = 0) -> list[dict[str, Any]]:
    """Measure each generator with a model that has seen neither it nor the genuine people it is compared with.

    Generators whose names begin alike (`wav2lip`, `wav2lip_or_sadtalker`) are held out together. The genuine people
    are divided into four parts, anew in each repeat.

    Returns:
        One row a generator, the worst first: `generator`, `clips`, `auc` (mean and lowest of the repeats), `found`,
        the share that is found at 5 % of false alarms.
    """
    people = sorted({item.person for item in items if not item.fake})
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for repeat in range(repeats):
        order = np.random.default_rng(seed + repeat).permutation(len(people))
        part = {person: int(order[k]) % FOLDS for k, person in enumerate(people)}
        for number, generator in enumerate(sorted({item.generator for item in items if item.fake})):
            asked = [i for i in items if i.generator == generator or (not i.fake and part[i.person] == number % FOLDS)]
            kept = [
                i for i in items if not (_alike(i.generator, generator) if i.fake else part[i.person] == number % FOLDS)
            ]
            if len({i.fake for i in kept}) == 2 and len({i.fake for i in asked}) == 2:
                rows[generator].append(_measured(fit_motion(MouthMotion(mouth_motion()), kept), asked))
    clips = Counter(item.generator for item in items)
    table = [
        {
            "generator": name,
            "clips": clips[name],
            "auc": float(np.mean([a for a, _ in values])),
            "auc_lowest": min(a for a, _ in values),
            "found": float(np.mean([f for _, f in values])),
        }
        for name, values in rows.items()
    ]
    return sorted(table, key=lambda row: row["auc"])


def _measured(model: MouthMotion, asked: Sequence[SeenMouth]) -> tuple[float, float]:
    """Return AUC, and the share of fakes above the score that 95 % of genuine clips do not exceed."""
    scores_N = np.array([_score(model, item) for item in asked])
    fake_N = np.array([i.fake for i in asked])
    limit = np.quantile(scores_N[~fake_N], 1 - FALSE_ALARMS)
    return auc(scores_N, fake_N.astype(int)), float((scores_N[fake_N] > limit).mean())


def _score(model: MouthMotion, item: SeenMouth) -> float:
    """Return the mean logit of the windows of a clip."""
    return float(model(item.windows.motion_KM, item.windows.agreement_KA).mean())


def _alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
