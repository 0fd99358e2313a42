"""Comparison of two detectors on the same videos: the scores of two runs of `npvf evaluate`, paired and tested."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.errors import NpvfError
from npvf.evaluate.detection import Grouping, bootstrap_groups
from npvf.metrics.paired import PairedTest, delong, paired_bootstrap

NEEDED = ("video", "label", "identity", "original", "manipulation", "sha256", "status", "score")


@dataclass(frozen=True, slots=True)
class Scored:
    """One video as a run scored it; `score` is None where it was not judged."""

    video: str
    label: int
    identity: str | None
    original: str | None
    manipulation: str | None
    sha256: str | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A video as both runs scored it."""

    a: Scored
    b: Scored

    @property
    def judged(self) -> bool:
        return self.a.score is not None and self.b.score is not None


@dataclass(frozen=True, slots=True)
class PairsTest:
    """The tests of one set of videos: by bootstrap and by DeLong; `missing` says why there are none."""

    real: int
    fake: int
    groups: int
    group: str
    bootstrap: PairedTest | None = None
    delong: PairedTest | None = None
    missing: str = ""

    def to_json(self) -> dict[str, Any]:
        counts = {"real": self.real, "fake": self.fake, "groups": self.groups, "group": self.group}
        if self.bootstrap is None or self.delong is None:
            return counts | {"missing": self.missing}
        found = {"delong_ci": list(self.delong.interval), "delong_p": self.delong.p}
        return counts | self.bootstrap.to_json() | found


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs on their common videos: AUC of run A less that of run B.

    Attributes:
        a, b: the folders of the runs.
        silence: "kept" or "trimmed", as in the report of the runs.
        only_in_a, only_in_b: videos that the other run does not have; they are left out.
        videos: in both runs; `judged_by_a` and `judged_by_b` of them have a score.
        resamples, seed: of the bootstrap.
        judged: over the videos that both judged.
        all: over all videos; a video without a score has the score 0.5.
        by_manipulation: the fakes of each manipulation against all reals, of those that both judged.
    """

    a: str
    b: str
    silence: str
    only_in_a: int
    only_in_b: int
    videos: int
    judged_by_a: int
    judged_by_b: int
    resamples: int
    seed: int
    judged: PairsTest
    all: PairsTest
    by_manipulation: Mapping[str, PairsTest]

    def to_json(self) -> dict[str, Any]:
        content = {name: getattr(self, name) for name in self.__slots__}
        content |= {"judged": self.judged.to_json(), "all": self.all.to_json()}
        return content | {"by_manipulation": {kind: test.to_json() for kind, test in self.by_manipulation.items()}}


def read_scores(folder: Path, trimmed: bool = False) -> dict[str, Scored]:
    """The videos of a detection run by name, each file once.

    Raises:
        NpvfError: the folder holds no such scores.
    """
    path = folder / ("scores_trimmed.csv" if trimmed else "scores.csv")
    if not path.is_file():
        raise NpvfError(f"{path} does not exist. Make it with `npvf evaluate CORPUS --detector DIR --out {folder}`.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(NEEDED) <= set(rows[0]):
        raise NpvfError(f"{path} has no scores of videos: compare runs of the detection protocol")
    return {row["video"]: _scored(row) for row in rows if row["status"] != "duplicate"}


def compare_runs(
    a: Path, b: Path, trimmed: bool = False, group: Grouping = "auto", n: int = 2000, seed: int = 0
) -> Comparison:
    """Test the difference of two runs of the detection protocol on the videos that both have.

    Raises:
        NpvfError: no video in common; a video with two labels or two contents; a class is missing.
    """
    scores_a, scores_b = read_scores(a, trimmed), read_scores(b, trimmed)
    pairs = [Pair(scores_a[video], scores_b[video]) for video in scores_a if video in scores_b]
    _check(pairs, a, b)
    judged = [pair for pair in pairs if pair.judged]
    whole = _test(judged, group, n, seed)
    if whole.missing:
        raise NpvfError(f"these runs cannot be compared: {whole.missing}")
    kinds = sorted({_kind(pair) for pair in judged if pair.a.label == FAKE})
    of_kind = {k: [pair for pair in judged if pair.a.label == REAL or _kind(pair) == k] for k in kinds}
    return Comparison(
        a=str(a),
        b=str(b),
        silence="trimmed" if trimmed else _silence(a),
        only_in_a=len(scores_a) - len(pairs),
        only_in_b=len(scores_b) - len(pairs),
        videos=len(pairs),
        judged_by_a=sum(pair.a.score is not None for pair in pairs),
        judged_by_b=sum(pair.b.score is not None for pair in pairs),
        resamples=n,
        seed=seed,
        judged=whole,
        all=_test(pairs, group, n, seed),
        by_manipulation={kind: _test(chosen, group, n, seed) for kind, chosen in of_kind.items()},
    )


def _test(pairs: Sequence[Pair], group: Grouping, n: int, seed: int) -> PairsTest:
    """Both tests of one set of pairs, or why there are none."""
    scores_a, scores_b = ([0.5 if s.score is None else s.score for s in run] for run in _runs(pairs))
    labels = [pair.a.label for pair in pairs]
    groups, grouping = bootstrap_groups([(p.a.identity, p.a.original or p.a.video) for p in pairs], group)
    result = PairsTest(labels.count(REAL), labels.count(FAKE), len(set(groups)), grouping)
    try:
        drawn = paired_bootstrap(scores_a, scores_b, labels, groups, n, seed)
        return replace(result, bootstrap=drawn, delong=delong(scores_a, scores_b, labels))
    except ValueError as error:
        return replace(result, missing=str(error))


def _kind(pair: Pair) -> str:
    return pair.a.manipulation or "unknown"


def _runs(pairs: Sequence[Pair]) -> tuple[list[Scored], list[Scored]]:
    return [pair.a for pair in pairs], [pair.b for pair in pairs]


def _check(pairs: Sequence[Pair], a: Path, b: Path) -> None:
    if not pairs:
        raise NpvfError(f"{a} and {b} have no video in common: evaluate both detectors on the same corpus")
    for pair in pairs:
        if pair.a.label != pair.b.label:
            raise NpvfError(f"{pair.a.video} has two labels, {pair.a.label} in {a} and {pair.b.label} in {b}")
        if pair.a.sha256 != pair.b.sha256:
            raise NpvfError(f"{pair.a.video} is not the same file in {a} and in {b}: evaluate both on one corpus")


def _scored(row: dict[str, str]) -> Scored:
    said = {name: row[name] or None for name in ("identity", "original", "manipulation", "sha256")}
    return Scored(row["video"], int(row["label"]), **said, score=float(row["score"]) if row["score"] else None)


def _silence(folder: Path) -> str:
    """Return "kept" or "trimmed": the clips that `scores.csv` of a run is about."""
    path = folder / "metrics.json"
    return str(json.loads(path.read_text(encoding="utf-8")).get("silence", "kept")) if path.is_file() else "kept"
