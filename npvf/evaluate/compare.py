"""Two detectors on the same videos: the scores of two runs of `npvf evaluate`, paired and tested."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.errors import NpvfError
from npvf.evaluate.detection import Grouping, bootstrap_groups
from npvf.metrics.paired import delong, paired_bootstrap

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


def read_scores(folder: Path, trimmed: bool = False) -> dict[str, Scored]:
    """The videos of a detection run by name, each file once.

    Raises:
        NpvfError: the folder holds no such scores.
    """
    path = folder / ("scores_trimmed.csv" if trimmed else "scores.csv")
    if not path.is_file():
        raise NpvfError(f"{path} is not there. Make it with `npvf evaluate CORPUS --detector DIR --out {folder}`.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(NEEDED) <= set(rows[0]):
        raise NpvfError(f"{path} holds no scores of videos: compare runs of the detection protocol")
    return {row["video"]: _scored(row) for row in rows if row["status"] != "duplicate"}


def compare_runs(
    a: Path, b: Path, trimmed: bool = False, group: Grouping = "auto", n: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """AUC of run A less that of run B: over the videos that both judged, over all, and for each manipulation.

    Over all, a video that a run did not judge has the score 0.5 there.

    Raises:
        NpvfError: no video in common; a video with two labels or two contents; a class is missing.
    """
    scores_a, scores_b = read_scores(a, trimmed), read_scores(b, trimmed)
    pairs = [Pair(scores_a[video], scores_b[video]) for video in scores_a if video in scores_b]
    _check(pairs, a, b)
    judged = [pair for pair in pairs if pair.judged]
    whole = _test(judged, group, n, seed)
    if "missing" in whole:
        raise NpvfError(f"these runs cannot be compared: {whole['missing']}")
    kinds = sorted({_kind(pair) for pair in judged if pair.a.label == FAKE})
    return {
        "a": str(a),
        "b": str(b),
        "silence": "trimmed" if trimmed else _silence(a),
        "only_in_a": len(scores_a) - len(pairs),
        "only_in_b": len(scores_b) - len(pairs),
        "videos": len(pairs),
        "judged_by_a": sum(pair.a.score is not None for pair in pairs),
        "judged_by_b": sum(pair.b.score is not None for pair in pairs),
        "resamples": n,
        "seed": seed,
        "judged": whole,
        "all": _test(pairs, group, n, seed),
        "by_manipulation": {
            kind: _test([pair for pair in judged if pair.a.label == REAL or _kind(pair) == kind], group, n, seed)
            for kind in kinds
        },
    }


def _test(pairs: Sequence[Pair], group: Grouping, n: int, seed: int) -> dict[str, Any]:
    """Both tests of one set of pairs, or why there are none."""
    scores_a, scores_b = ([0.5 if s.score is None else s.score for s in run] for run in _runs(pairs))
    labels = [pair.a.label for pair in pairs]
    groups, grouping = bootstrap_groups([(p.a.identity, p.a.original or p.a.video) for p in pairs], group)
    counts = {"real": labels.count(REAL), "fake": labels.count(FAKE), "groups": len(set(groups)), "group": grouping}
    try:
        drawn = paired_bootstrap(scores_a, scores_b, labels, groups, n, seed)
        normal = delong(scores_a, scores_b, labels)
    except ValueError as error:
        return counts | {"missing": str(error)}
    return counts | drawn.to_json() | {"delong_ci": list(normal.interval), "delong_p": normal.p}


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
