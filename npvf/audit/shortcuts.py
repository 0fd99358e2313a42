"""Measure how well each trait alone separates fakes from reals: a detector may learn it instead of the forgery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control, mannwhitneyu

from npvf.audit.traits import TRAITS, Trait, VideoTraits, corpus_traits
from npvf.clip import FAKE, REAL
from npvf.data.selection import Selection
from npvf.evaluate.detection import LABELLED, bootstrap_groups
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Interval, Statistic
from npvf.metrics.categories import category_auc, category_p_value
from npvf.metrics.detection import auc

SHORTCUT_AUC = 0.6
"""A trait with at least this AUC is called a shortcut if chance is an unlikely explanation."""
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The AUC of one trait alone between fakes and reals.

    Attributes:
        name: the name of the trait.
        auc: the AUC in the better direction, so at least 0.5; None if the trait is known for too few videos.
        interval: of the AUC in this direction, by a bootstrap over people (or source videos, if people are unknown).
        typical_real, typical_fake: medians with units, or the most frequent categories with their shares.
        coverage: the share of videos for which the trait is known; `real` and `fake` count them.
        p: the probability of such a difference by chance, corrected for the number of traits.
        is_shortcut: the AUC is at least `SHORTCUT_AUC`, its interval lies above 0.5, and `p` is below 0.05.
        advice: what to do about it.
    """

    name: str
    auc: float | None
    interval: Interval | None
    typical_real: str
    typical_fake: str
    coverage: float
    real: int
    fake: int
    p: float | None
    is_shortcut: bool
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Return the content for `npvf audit --json`."""
        ends = None if self.interval is None else [self.interval.low, self.interval.high]
        content = {name: value for name, value in asdict(self).items() if name != "interval"}
        return {**content, "auc_ci": ends}

    @property
    def sentence(self) -> str:
        """A sentence for people: the AUC, and what to do."""
        finding = f"{self.name} alone gives AUC {self.auc:.2f} (real: {self.typical_real}; fake: {self.typical_fake})"
        return f"{finding}: {self.advice}"


def shortcuts(corpus: Corpus, selection: Selection = LABELLED, bootstrap: Bootstrap = DEFAULT) -> list[Shortcut]:
    """Measure all traits of a prepared corpus, the strongest first.

    Raises:
        NpvfError: the selection contains no labelled video.
    """
    return rank_traits(corpus_traits(corpus, selection), bootstrap)


def rank_traits(videos: Sequence[VideoTraits], bootstrap: Bootstrap = DEFAULT) -> list[Shortcut]:
    """Measure all traits of these videos, the strongest first, unknown ones last."""
    groups, _ = bootstrap_groups([(video.identity, video.original or video.video) for video in videos])
    measured = [_measure(trait, videos, groups, bootstrap) for trait in TRAITS]
    p_values = [one.p for one in measured if one.p is not None]
    corrected = iter(false_discovery_control(p_values) if p_values else ())
    judged = [one if one.p is None else _judge(one, float(next(corrected))) for one in measured]
    return sorted(judged, key=lambda one: -(one.auc or 0))


def by_manipulation(videos: Sequence[VideoTraits], bootstrap: Bootstrap = DEFAULT) -> dict[str, list[Shortcut]]:
    """Call `rank_traits` for the fakes of each manipulation: a trait of one method is hard to see among all fakes."""
    kinds = sorted({video.manipulation or "unknown" for video in videos if video.label == FAKE})
    return {
        kind: rank_traits([v for v in videos if v.label == REAL or (v.manipulation or "unknown") == kind], bootstrap)
        for kind in kinds
    }


def _measure(trait: Trait, videos: Sequence[VideoTraits], groups: Sequence[Any], bootstrap: Bootstrap) -> Shortcut:
    known = [i for i, video in enumerate(videos) if video.values.get(trait.name) is not None]
    values = [videos[i].values[trait.name] for i in known]
    labels_N = np.array([videos[i].label for i in known], dtype=int)
    fake = int((labels_N == FAKE).sum())
    result = Shortcut(
        trait.name, None, None, "unknown", "unknown", len(known) / len(videos), len(known) - fake, fake, None, False,
        trait.advice,
    )  # fmt: skip
    if not 0 < fake < len(known):
        return result
    here = [groups[i] for i in known]
    if trait.unit is None:
        statistic, p = category_auc(values, labels_N, here), category_p_value(values, labels_N)
    else:
        statistic, p = _numbers(np.array(values, float), labels_N)
    estimate = bootstrap.estimates(lambda weights_RN: {"auc": statistic(weights_RN)}, here)["auc"]
    typical = [_typical([v for v, y in zip(values, labels_N, strict=True) if y == c], trait.unit) for c in (REAL, FAKE)]
    return replace(
        result, auc=max(0.5, estimate.value), interval=estimate.interval, p=p, typical_real=typical[0],
        typical_fake=typical[1],
    )  # fmt: skip


def _numbers(values_N: np.ndarray, labels_N: np.ndarray) -> tuple[Statistic, float]:
    """Return the AUC of a numeric trait in the direction in which it is at least 0.5, and its p value."""
    sign = 1.0 if auc(values_N, labels_N) >= 0.5 else -1.0
    p = mannwhitneyu(values_N[labels_N == FAKE], values_N[labels_N == REAL]).pvalue
    return lambda weights_RN: auc(sign * values_N, labels_N, weights_RN), float(np.nan_to_num(p, nan=1.0))


def _judge(shortcut: Shortcut, p: float) -> Shortcut:
    above = shortcut.interval is None or shortcut.interval.low > 0.5
    is_shortcut = shortcut.auc is not None and shortcut.auc >= SHORTCUT_AUC and p < FALSE_DISCOVERIES and above
    return replace(shortcut, p=p, is_shortcut=is_shortcut)


def _typical(values: Sequence[Any], unit: str | None) -> str:
    if unit is None:
        (value, count), *_ = Counter(values).most_common(1)
        return f"{value} ({count / len(values):.0%})"
    return f"{np.median(values):.4g} {unit}"
