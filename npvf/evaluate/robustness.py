"""Measure a detector on perturbed videos: `measure_robustness`.

Every labelled video goes through every condition as a real file, and is judged from that file as an analyst would get
it: without phone times or words beside it. One score at a time is made and written down under all that it depends on,
so a run that was stopped loses the video it was at.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.detect.loading import UNTRAINED, predictor_folder
from npvf.detect.predictor import Predictor
from npvf.errors import MissingDependency, NpvfError, Refused
from npvf.evaluate.detection import bootstrap_groups
from npvf.faces.landmarks import Landmarker
from npvf.io.files import sha256
from npvf.io.remote_sources import find_sources_at, on_this_machine
from npvf.io.sources import Source
from npvf.io.urls import Place, as_place
from npvf.metrics.bootstrap import DEFAULT, Bootstrap
from npvf.metrics.detection import auc
from npvf.perturb import get_perturbation
from npvf.perturb.apply import Condition, perturb_video
from npvf.perturb.run import place_of
from npvf.prepare.ingest import DEFAULTS, versions
from npvf.version import __version__

SCORES = "scores.jsonl"
CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one video under one condition; None, with a reason, if the detector abstained."""

    video: str
    label: int
    condition: str
    score: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Robustness:
    """The results for each condition, the score of each video under it, and the videos that were left out.

    `left_out` are the videos without a label, or with a sidecar that cannot be read; they are in no denominator.
    """

    results: list[Result]
    scores: list[Score]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Result:
    """One condition over all videos. `auc` is that of the judged ones; None, with a reason, where a class is missing.

    `auc_all` counts the others too, at 0.5: a video that cannot be judged any more is a loss, not a smaller test.
    """

    condition: str
    group: str  # of perturbations; "clean" for the videos as they are
    kind: str
    level: int  # 0 is clean
    description: str
    real: int
    fake: int
    judged_real: int
    judged_fake: int
    coverage: float
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    auc_all: float
    reasons: str


@dataclass(frozen=True, slots=True)
class RobustnessRecord:
    """Everything that a set of results depends on; `detector_sha256` is of `detector_hash`."""

    detector_sha256: str
    seed: int
    bootstrap: Bootstrap
    npvf: str = __version__
    versions: Mapping[str, str] = field(default_factory=versions)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_robustness(
    videos: Place,
    predictor: Predictor,
    identity: str,
    out: Path,
    conditions: Sequence[Condition],
    keep: bool = False,
    bootstrap: Bootstrap = DEFAULT,
    on_score: Callable[[int, int], object] = lambda done, total: None,
) -> Robustness:
    """The detector's AUC on the videos as they are and under every condition.

    Args:
        videos: a folder, a URL or a CSV list of videos with labels 0 and 1. One at a URL is fetched for each condition.
        predictor: what is measured.
        identity: what tells this detector from another, such as `detector_hash`.
        out: for `scores.jsonl`, the scores so far; one that is there already is not made again.
        conditions: of the suite.
        keep: leave the perturbed videos in `out/videos` instead of throwing each away when it is judged.
        bootstrap: of the intervals, which draw people, or videos where not all people are known.
        on_score: told how many scores of how many there are.

    Raises:
        NpvfError: no video, or not both labels among them.
    """
    found = find_sources_at(as_place(videos), skip=out).items
    sources = [source for source in found if source.annotation.label is not None]
    labels = Counter(source.annotation.label for source in sources)
    if not (labels[REAL] and labels[FAKE]):
        raise NpvfError(
            f"{videos} has {labels[REAL]} real and {labels[FAKE]} fake videos: add some of the kind that is missing."
        )
    hashes = {s.video: _hash(s) for s in sources}
    scores: list[Score] = []
    total = len(sources) * (1 + len(conditions))
    with _Kept(out / SCORES) as kept, Landmarker(max_faces=DEFAULTS.max_faces) as landmarker:
        for condition in (None, *conditions):
            name = condition.name if condition else CLEAN
            for source in sources:
                recipe = condition.recipe() if condition else None
                key = _key(hashes[source.video], recipe, identity)
                if (said := kept.get(key)) is None:
                    with on_this_machine(source) as here:  # an error of the store is not a score, so it ends the run
                        said = _score(here, condition, predictor, landmarker, out / "videos" if keep else None)
                    kept.add(key, {"video": source.video, "condition": name, "score": said[0], "reason": said[1]})
                scores.append(Score(source.video, int(source.annotation.label == FAKE), name, *said))
                on_score(len(scores), total)
    left_out = [source.video for source in found if source.annotation.label is None]
    return Robustness(results(scores, sources, conditions, bootstrap), scores, left_out)


def detector_hash(folder: str | Path) -> str:
    """Return one hash of all weights and configurations in a detector's folder; for a baseline, return its name."""
    if str(folder) in UNTRAINED:
        return f"{folder} of npvf {__version__}"
    path = predictor_folder(folder)
    files = sorted(file for file in path.rglob("*") if file.suffix in (".json", ".safetensors"))
    content = "".join(f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in files)
    return hashlib.sha256(content.encode()).hexdigest()


def results(
    scores: Sequence[Score], sources: Sequence[Source], conditions: Sequence[Condition], bootstrap: Bootstrap
) -> list[Result]:
    """One for each condition, the clean one first."""
    said = {source.video: source.annotation for source in sources}
    groups, _ = bootstrap_groups([(a.identity, a.original or video) for video, a in said.items()])
    group_of = dict(zip(said, groups, strict=True))
    found = []
    for condition in (None, *conditions):
        name = condition.name if condition else CLEAN
        item = get_perturbation(condition.kind) if condition else None
        found.append(
            _result(
                [score for score in scores if score.condition == name],
                group_of,
                bootstrap,
                condition=name,
                group=item.group if item else CLEAN,
                kind=item.name if item else CLEAN,
                level=condition.level if condition else 0,
                description=item.describe(condition.level) if item and condition else "as they are",
            )
        )
    return found


def _result(scores: Sequence[Score], group_of: dict[str, Any], bootstrap: Bootstrap, **named: Any) -> Result:
    judged = [score for score in scores if score.score is not None]
    counts = Counter((score.label, score.score is not None) for score in scores)
    value = low = high = None
    if counts[REAL, True] and counts[FAKE, True]:
        values, labels = [float(s.score) for s in judged], [s.label for s in judged]  # type: ignore[arg-type]
        estimate = bootstrap.estimates(
            lambda weights_RN: {"auc": auc(values, labels, weights_RN)}, [group_of[s.video] for s in judged]
        )["auc"]
        value = estimate.value
        low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (None, None)
    reasons = Counter(score.reason.partition(":")[0] for score in scores if score.score is None)
    return Result(
        **named,
        real=counts[REAL, True] + counts[REAL, False],
        fake=counts[FAKE, True] + counts[FAKE, False],
        judged_real=counts[REAL, True],
        judged_fake=counts[FAKE, True],
        coverage=len(judged) / len(scores),
        auc=value,
        auc_low=low,
        auc_high=high,
        auc_all=auc([0.5 if s.score is None else float(s.score) for s in scores], [s.label for s in scores]),
        reasons="; ".join(f"{count} {reason}" for reason, count in reasons.most_common()),
    )


def _score(
    source: Source, condition: Condition | None, predictor: Predictor, landmarker: Landmarker, kept_in: Path | None
) -> tuple[float | None, str]:
    """The score of one video and "", or None and a reason that begins with a code."""
    try:
        with _perturbed(source, condition, kept_in) as path:
            verdict = predictor.predict(path, landmarker=landmarker)
            return verdict.fake_probability, verdict.reason if verdict.fake_probability is None else ""
    except MissingDependency:
        raise  # it would be missing for every other video as well
    except NpvfError as error:
        return None, str(error) if isinstance(error, Refused) else f"error: {error}"


def _hash(source: Source) -> str | None:
    """The hash of a video's content; None if it is missing."""
    if source.remote is not None:
        return None if source.remote.stamp is None else sha256(source.remote.url)
    return sha256(source.path) if source.path.is_file() else None


@contextmanager
def _perturbed(source: Source, condition: Condition | None, kept_in: Path | None) -> Iterator[Path]:
    """The file to judge, alone in a folder: no phone times, words or labels lie beside it."""
    with tempfile.TemporaryDirectory(prefix="npvf-robustness-") as folder:
        if condition is None:
            path = Path(folder) / source.path.name
            path.symlink_to(source.path.resolve())
        else:
            path = Path(folder) / f"{source.path.stem}.mp4"
            if kept_in is not None:
                path = kept_in / place_of(source, condition)
            perturb_video(source.path, path, condition)
        yield path


class _Kept:
    """Scores on disk by their key, one line each, written down as soon as they are known."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]  # a line that was being written when the power went is none
        lines = [json.loads(line) for line in whole.splitlines()]
        self._scores = {line["key"]: (line["score"], line["reason"]) for line in lines}
        self._file = path.open("ab")
        self._file.truncate(len(whole))

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, key: str) -> tuple[float | None, str] | None:
        return self._scores.get(key)

    def add(self, key: str, line: dict[str, Any]) -> None:
        self._scores[key] = line["score"], line["reason"]
        self._file.write(json.dumps({"key": key, **line}).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _key(content: str | None, recipe: dict[str, Any] | None, identity: str) -> str:
    made_of = {"video": content, "condition": recipe, "detector": identity, "versions": versions()}
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
