"""`npvf perturb`: apply perturbations to videos, and write a line of perturb.jsonl for each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from npvf.errors import MissingDependency, NpvfError, Refused
from npvf.io.files import sha256, write_json, write_lines
from npvf.io.sources import Source, find_sources
from npvf.io.workers import in_processes
from npvf.perturb.apply import Condition, perturb_video
from npvf.perturb.sidecars import carry_over

MANIFEST = "perturb.jsonl"
RECORD = ".perturb.json"


@dataclass(frozen=True)
class Summary:
    """The result of a run. `lines` are those of perturb.jsonl; `new` is the number of files written in this run."""

    lines: list[dict[str, Any]]
    new: int

    def count(self, status: str) -> Counter[str]:
        """Count the files with this status ("written" or "refused") by condition."""
        return Counter(line["condition"] for line in self.lines if line["status"] == status)


def perturb(
    src: Path | str,
    out: Path | str,
    conditions: Sequence[Condition],
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Apply every condition to every video of `src` (a folder, a file or a CSV list).

    Each result is `<condition>/<video>.mp4` with the sidecars of the original and with `<stem>.perturb.json`, which
    describes the change. `perturb.jsonl` has a line for each file, with the reason if it was refused. A file is either
    complete or absent. Existing results of the same video and recipe are kept, so that the same command continues a
    stopped run.

    Raises NpvfError if there is no video or condition, or if nothing can be written.
    """
    if not conditions:
        raise NpvfError("no perturbation was asked for: name one with --kind or --route, or give --all")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(source, condition, out) for source in find_sources(Path(src), skip=out).items for condition in conditions]
    taken = Counter(str(place_of(source, condition)) for source, condition, _ in jobs)
    if doubled := [name for name, count in taken.items() if count > 1]:
        raise NpvfError(f"{taken[doubled[0]]} videos would be written to {doubled[0]}: rename them")
    lines: list[dict[str, Any]] = []
    for line in in_processes(_perturb_one, jobs, workers):
        lines.append(line)
        if progress:
            progress(len(lines), len(jobs))
    new = sum(line.pop("new", False) for line in lines)
    lines.sort(key=lambda line: (line["condition"], line["source"]))
    write_lines(out / MANIFEST, lines)
    if not any(line["status"] == "written" for line in lines):
        raise NpvfError(f"nothing could be written out of {src}: {lines[0]['sentence']}")
    return Summary(lines, new)


def place_of(source: Source, condition: Condition) -> PurePosixPath:
    """Return the path of the perturbed video in the output folder, also if a list names a video outside the source."""
    inside = [part for part in PurePosixPath(source.video).parts if part not in ("/", "..")]
    return PurePosixPath(condition.name, *inside).with_suffix(".mp4")


def _perturb_one(source: Source, condition: Condition, out: Path) -> dict[str, Any]:
    """Make one file and its line."""
    place = place_of(source, condition)
    line: dict[str, Any] = {"video": str(place), "source": source.video, "condition": condition.name}
    target = out / place
    try:
        if source.problem is not None:
            raise source.problem
        content = sha256(source.path) if source.path.is_file() else ""
        record = condition.recipe() | {"source": source.video, "source_sha256": content}
        record |= {"annotation": source.annotation.to_json()}
        if _is_done(target, record):
            return line | {"status": "written"}
        made = target.with_name(f".{target.stem}.made.mp4")
        try:
            applied = perturb_video(source.path, made, condition)
            target.unlink(missing_ok=True)  # made by another recipe: the sidecars of this one must not lie beside it
            carry_over(source, made, target, applied)
            write_json(target.with_suffix(RECORD), record | asdict(applied))
            made.replace(target)
        finally:
            made.unlink(missing_ok=True)
    except MissingDependency:
        raise  # it would be missing for all other videos, too
    except NpvfError as error:
        reason = str(error.reason) if isinstance(error, Refused) else "impossible"
        sentence = error.sentence if isinstance(error, Refused) else str(error)
        return line | {"video": None, "status": "refused", "reason": reason, "sentence": sentence}
    return line | {"status": "written", "new": True}


def _is_done(target: Path, record: dict[str, Any]) -> bool:
    beside = target.with_suffix(RECORD)
    if not (target.is_file() and beside.is_file()):
        return False
    made = json.loads(beside.read_text(encoding="utf-8"))
    return all(made.get(key) == value for key, value in record.items())
