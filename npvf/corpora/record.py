"""What every corpus is read into: `Record`s, with the facts that tell whether a copy is complete (`Reader`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from npvf.errors import Reason, Refused
from npvf.io.annotations import NOTHING_SAID, Annotation


@dataclass(frozen=True, slots=True)
class Record:
    """One video as its corpus describes it.

    Attributes:
        path: its id, the same in every copy: the path in the corpus, less the folders that copies differ in.
        said: what the corpus says of it. `identity` is whose recording it is, `identities` everybody shown or driving;
            `mask` is relative to the listing's root.
        file: where it lies, relative to the listing's root; None: at `path`.
        audio: the file its sound is in, where that is another one; relative to the root.
        problem: why it cannot be used as the corpus describes it: listed twice, not listed, an unknown value.
        unnamed: somebody had a part in it whom the corpus does not name, so no split can promise to keep them apart.
    """

    path: str
    said: Annotation = NOTHING_SAID
    file: str | None = None
    audio: str | None = None
    problem: Refused | None = None
    unnamed: bool = False

    @property
    def place(self) -> str:
        """Where the file lies, relative to the listing's root."""
        return self.path if self.file is None else self.file


@dataclass(frozen=True, slots=True)
class Listing:
    """A corpus as it lies at `root` (the folder that was found in the one the user gave).

    Attributes:
        root: what the records' files are relative to.
        records: one a video, sorted by path; videos that are listed and not there, or there and not listed, included.
        notes: what else is missing, each a sentence; a copy with notes is not complete.
        repeated: rows that say once more, word for word, what an earlier row said.
    """

    root: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """One corpus: how to read a copy of it, and what a user has to know.

    Attributes:
        name: as `npvf prepare --corpus` takes it.
        title, get, licence, layout: for people. `get` says where it comes from and what one has to sign.
        use: what it is for.
        read: the folder a user gives -> its listing. Raises NpvfError where there is no such corpus.
        counts: videos of each class in a whole copy. Empty: nobody knows.
        class_of: the class of a record.
        editions: classes are named `<edition>/...`, and one whole edition is a whole copy.
        sound: whether its videos have sound.
        people: whose identities these are; corpora made of VoxCeleb2 share its people.
        official: what the corpus calls the parts of its split -> train, val, test. Empty: it has none.
        forgery_of: the kind of forgery, as leave-one-out names it; None: real, or not known.
        doubles: files that every copy lists twice, contradicting itself.
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
    forgery_of: Callable[[Record], str | None] = lambda record: record.said.manipulation
    doubles: int = 0


def listing(root: Path, records: Iterable[Record], notes: Iterable[str] = ()) -> Listing:
    """Sorted, with one record a video. Where two rows contradict each other, the video is refused as listed twice."""
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
    """A video of which the corpus says something that is not known; it becomes a refused line of the manifest."""
    return Record(path, problem=Refused(Reason.BAD_SIDECAR, f"{where}: {sentence}"), **more)


def misnamed(path: str, rule: str, file: str | None = None) -> Record:
    """A video whose name tells nothing, in a corpus that has no list."""
    problem = Refused(Reason.NOT_LISTED, f"{path} does not follow {rule}, so nothing is known of it.")
    return Record(path, file=file, problem=problem)


def not_listed(path: str, list_name: str, file: str | None = None) -> Record:
    """A video that is there and of which the corpus says nothing."""
    problem = Refused(Reason.NOT_LISTED, f"{path} is not in {list_name}, so nothing is known of it.")
    return Record(path, file=file, problem=problem)


def _contradicting(rows: list[Record]) -> Record:
    """What all rows agree on; what they do not stays unknown."""
    first = rows[0].said
    doubtful = [part.name for part in fields(Annotation) if len({repr(getattr(r.said, part.name)) for r in rows}) > 1]
    nothing = {name: getattr(NOTHING_SAID, name) for name in doubtful}
    claims = "; ".join(", ".join(f"{name} {getattr(r.said, name)!r}" for name in doubtful) for r in rows)
    problem = Refused(Reason.LISTED_TWICE, f"{rows[0].path} is listed {len(rows)} times: {claims}.")
    return replace(rows[0], said=replace(first, **nothing), problem=problem, unnamed=any(row.unnamed for row in rows))
