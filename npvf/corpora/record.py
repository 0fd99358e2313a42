"""`Record`, one video of a corpus, and `Reader`, which reads a corpus and knows what a complete copy contains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from npvf.errors import Reason, Refused
from npvf.io.annotations import NO_ANNOTATION, Annotation


@dataclass(frozen=True, slots=True)
class Record:
    """One video as its corpus describes it.

    Attributes:
        path: the id, the same in each copy: the path in the corpus without the folders in which copies differ.
        annotation: the annotation of the corpus. `identity` is the person of the recording, `identities` are all people
            shown or used as a donor; `mask` is relative to the root of the listing.
        file: the path relative to the root of the listing; None: the same as `path`.
        audio: the file with the audio if it is not in the video, relative to the root.
        problem: the reason to refuse the video: listed twice, not listed, an unknown value.
        unnamed: a person in the video or a donor is not identified, so identity-disjoint splits leave the video out.
    """

    path: str
    annotation: Annotation = NO_ANNOTATION
    file: str | None = None
    audio: str | None = None
    problem: Refused | None = None
    unnamed: bool = False

    @property
    def place(self) -> str:
        """The path of the file, relative to the root of the listing."""
        return self.path if self.file is None else self.file


@dataclass(frozen=True, slots=True)
class Listing:
    """All videos of a copy of a corpus.

    Attributes:
        root: the folder of the corpus, found in the folder that the user gave; paths of records are relative to it.
        records: one for each video, sorted by path, including videos that are missing or not listed.
        notes: sentences about other missing things; a copy with notes is not complete.
        repeated: the number of rows that repeat an earlier row exactly.
    """

    root: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """One corpus: how to read a copy of it, and what a user needs to know.

    Attributes:
        name: the value of `npvf prepare --corpus`.
        title, get, licence, layout: texts for people. `get` tells where to get the corpus and what to sign.
        use: its purpose.
        read: maps the folder that a user gives to its listing. Raises NpvfError if the corpus is not in it.
        counts: the number of videos of each class in a complete copy. Empty: unknown.
        class_of: returns the class of a record.
        editions: classes are named `<edition>/...`, and a copy with one complete edition is complete.
        sound: True if its videos have audio.
        people: the namespace of its identities; corpora made from VoxCeleb2 share its people.
        official: maps the official parts to train, val, test. Empty: there is no official split.
        forgery_of: returns the kind of forgery for leave-one-out; None: real, or unknown.
        doubles: the number of files that each copy lists twice, with different facts.
    """

    name: str
    title: str
    use: Literal["pre-training", "detection", "any"]
    get: str
    licence: str
    layout: str
    read: Callable[[Path], Listing]
    counts: Mapping[str, int] = field(default_factory=dict)
    class_of: Callable[[Record], str] = lambda record: "videos"
    editions: bool = False
    sound: bool = True
    people: str = ""
    official: Mapping[str, str] = field(default_factory=dict)
    forgery_of: Callable[[Record], str | None] = lambda record: record.annotation.manipulation
    doubles: int = 0


def listing(root: Path, records: Iterable[Record], notes: Iterable[str] = ()) -> Listing:
    """Sort records and merge those of one video. If two of them contradict each other, the video is refused."""
    by_path: dict[str, list[Record]] = {}
    repeated = 0
    for record in records:
        known = by_path.setdefault(record.path, [])
        if record in known:
            repeated += 1
        else:
            known.append(record)
    merged = [rows[0] if len(rows) == 1 else _contradicting(rows) for rows in by_path.values()]
    return Listing(root, tuple(sorted(merged, key=lambda r: r.path)), tuple(notes), repeated)


def bad_value(path: str, where: str, sentence: str, **more: Any) -> Record:
    """Return a record with an unknown value in its corpus; it becomes a refused line of the manifest."""
    return Record(path, problem=Refused(Reason.BAD_SIDECAR, f"{where}: {sentence}"), **more)


def misnamed(path: str, rule: str, file: str | None = None) -> Record:
    """Return a refused record: a video whose name does not follow the rule of a corpus without a list."""
    problem = Refused(Reason.NOT_LISTED, f"{path} does not follow {rule}, so nothing is known about it.")
    return Record(path, file=file, problem=problem)


def not_listed(path: str, list_name: str, file: str | None = None) -> Record:
    """Return a refused record: a file that the list of its corpus does not contain."""
    problem = Refused(Reason.NOT_LISTED, f"{path} is not in {list_name}, so nothing is known about it.")
    return Record(path, file=file, problem=problem)


def _contradicting(rows: list[Record]) -> Record:
    """Merge rows: keep the values on which all agree; other values become unknown."""
    first = rows[0].annotation
    doubtful = [
        part.name for part in fields(Annotation) if len({repr(getattr(r.annotation, part.name)) for r in rows}) > 1
    ]
    nothing = {name: getattr(NO_ANNOTATION, name) for name in doubtful}
    claims = "; ".join(", ".join(f"{name} {getattr(r.annotation, name)!r}" for name in doubtful) for r in rows)
    problem = Refused(Reason.LISTED_TWICE, f"{rows[0].path} is listed {len(rows)} times: {claims}.")
    return replace(
        rows[0], annotation=replace(first, **nothing), problem=problem, unnamed=any(row.unnamed for row in rows)
    )
