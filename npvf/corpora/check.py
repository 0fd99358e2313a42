"""Check that a copy of a corpus is complete, by the number of videos and by the files in its list."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from npvf.corpora.record import Listing, Reader
from npvf.errors import Reason


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check.

    Attributes:
        rows: (class, videos found, videos of a complete copy or None if unknown).
        missing: listed videos that do not exist.
        faults: code -> videos that cannot be used as the corpus describes them.
        notes: sentences about other missing things.
        repeated: the number of rows that repeat another one.
        complete: True if nothing is missing. None: no missing file was found, but the full size is unknown.
    """

    rows: tuple[tuple[str, int, int | None], ...]
    missing: tuple[str, ...]
    faults: dict[str, list[str]]
    notes: tuple[str, ...]
    repeated: int
    complete: bool | None


def check(reader: Reader, listing: Listing) -> Check:
    """Compare a copy with a complete one. Files are not opened."""
    found: Counter[str] = Counter()
    missing, faults = [], defaultdict(list)
    for record in listing.records:
        if record.problem is not None:
            faults[record.problem.reason.value].append(record.problem.sentence)
        if not Path(listing.root, record.place).exists():
            missing.append(record.path)
        elif record.problem is None or record.problem.reason == Reason.LISTED_TWICE:
            found[reader.class_of(record)] += 1
    rows: list[tuple[str, int, int | None]] = [
        (name, found.pop(name, 0), count) for name, count in reader.counts.items()
    ]
    rows += [(name, count, None) for name, count in sorted(found.items())]
    if len(faults[Reason.LISTED_TWICE]) <= reader.doubles:
        del faults[Reason.LISTED_TWICE]
    clean = not (missing or faults or listing.notes)
    complete = clean and _is_whole(reader, rows) if reader.counts else None if clean else False
    return Check(tuple(rows), tuple(missing), dict(faults), listing.notes, listing.repeated, complete)


def _is_whole(reader: Reader, rows: list[tuple[str, int, int | None]]) -> bool:
    """True if each class has its full count; with editions, only the editions that exist at all are checked."""
    if not reader.editions:
        return all(count == known for _, count, known in rows)
    there = {name.partition("/")[0] for name, count, _ in rows if count}
    return bool(there) and all(count == known for name, count, known in rows if name.partition("/")[0] in there)
