"""Whoever, or whatever, stands on both sides of a split: a detector is then praised for knowing it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from npvf.audit.fingerprint import Fingerprint, face_hash, same_face, same_sound, sound_codes
from npvf.clip import FPS
from npvf.data.selection import read_meta
from npvf.errors import Refused
from npvf.io.corpus import Corpus
from npvf.io.files import sha256
from npvf.io.shards import Sample
from npvf.io.sources import find_sources
from npvf.media.decode import spool_audio, to_float
from npvf.media.encode import decode_crops, decode_flac
from npvf.media.probe import probe

PICTURES = 8  # a video that are hashed, one each second


@dataclass(frozen=True, slots=True)
class Entry:
    """One video, the part of the split it is in, and what may connect it with others."""

    video: str
    part: str
    people: frozenset[str] = frozenset()  # shown or driven by
    original: str | None = None
    sha256: str | None = None
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Twins:
    """Two videos of different parts with the same `file`, `sound` or `face`, or made from each other: `original`.

    "face" alone is a copy with another sound, or one person in one setting under two names.
    """

    first: str
    second: str
    parts: tuple[str, str]
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leakage:
    """What two parts have in common.

    Attributes:
        parts: videos in each part; `without_part` are in none and are not looked at.
        people: identity -> the parts in which somebody shows or is driven by it, where these are several.
        twins: videos that are one another's near-duplicates.
        unnamed: videos with no identity, of which `people` can say nothing.
        unprinted: videos with neither sound nor face to compare; only their files were.
    """

    parts: dict[str, int]
    without_part: int
    people: dict[str, list[str]] = field(default_factory=dict)
    twins: list[Twins] = field(default_factory=list)
    unnamed: int = 0
    unprinted: int = 0

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self.people or self.twins)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `npvf audit --json`."""
        return {**asdict(self), "found": self.found}


def find_leakage(entries: Sequence[Entry], without_part: int = 0) -> Leakage:
    """Compare every part with every other one."""
    by_part: dict[str, list[Entry]] = defaultdict(list)
    parts_of: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        by_part[entry.part].append(entry)
        for person in entry.people:
            parts_of[person].add(entry.part)
    return Leakage(
        parts={part: len(found) for part, found in by_part.items()},
        without_part=without_part,
        people={person: sorted(parts) for person, parts in sorted(parts_of.items()) if len(parts) > 1},
        twins=[twins for a, b in combinations(by_part, 2) for twins in _twins(by_part[a], by_part[b])],
        unnamed=sum(not entry.people for entry in entries),
        unprinted=sum(entry.fingerprint is None for entry in entries),
    )


def corpus_entries(
    corpus: Corpus, parts: Mapping[str, str] | None = None, on_clip: Callable[[], object] = lambda: None
) -> tuple[list[Entry], int]:
    """The videos of a prepared corpus, refused ones included, and how many are in no part.

    Args:
        corpus: prepared.
        parts: video -> part; None: the manifest's `split`.
        on_clip: called for each clip that is looked at.
    """
    lines = {line["video"]: line for line in corpus.manifest}
    part_of = {v: line["split"] for v, line in lines.items()} if parts is None else parts
    known = [video for video in lines if part_of.get(video) is not None]
    prints: dict[str, Fingerprint] = {}
    for sample in corpus.samples:
        meta = read_meta(sample)
        usable = meta.is_speaker or meta.no_sound is not None
        if part_of.get(meta.video) is not None and meta.video not in prints and usable:
            prints[meta.video] = _print(sample, silent=meta.no_sound is not None)
            on_clip()
    entries = [_entry(lines[video], str(part_of[video]), prints.get(video)) for video in known]
    return entries, len(lines) - len(known)


def file_entries(
    src: str | Path, parts: Mapping[str, str] | None = None, on_file: Callable[[], object] = lambda: None
) -> tuple[list[Entry], int]:
    """As `corpus_entries`, of videos that are not prepared: files and sounds are compared, faces are not."""
    sources = find_sources(Path(src)).items
    entries = []
    for source in sources:
        on_file()
        part = source.annotation.split if parts is None else parts.get(source.video)
        if part is not None and source.path.is_file():
            said = {"video": source.video, "sha256": sha256(source.path), **source.annotation.to_json()}
            entries.append(_entry(said, part, _file_print(source.path)))
    return entries, len(sources) - len(entries)


def _entry(said: Mapping[str, Any], part: str, fingerprint: Fingerprint | None) -> Entry:
    people = frozenset(filter(None, (said["identity"], *said["identities"])))
    return Entry(said["video"], part, people, said["original"], said["sha256"], fingerprint)


def _print(sample: Sample, silent: bool) -> Fingerprint:
    """Of the first clip of a video's speaker."""
    meta = read_meta(sample)
    frames = round((meta.span[1] - meta.span[0]) * FPS)
    pictures = [
        decode_crops(cast(bytes, sample["face.mp4"]), start, 1)[0] for start in range(0, frames, FPS)[:PICTURES]
    ]
    sound_N = decode_flac(cast(bytes, sample["audio.flac"]))
    return Fingerprint(sound_codes(sound_N[: 0 if silent else None]), face_hash(pictures))


def _file_print(path: Path) -> Fingerprint | None:
    try:
        return Fingerprint(sound_codes(to_float(spool_audio(path))), None) if probe(path).audio else None
    except Refused:
        return None


def _twins(first: Sequence[Entry], second: Sequence[Entry]) -> Iterator[Twins]:
    """Every pair of near-duplicates, with all that they have in common."""
    same: dict[tuple[str, str], list[str]] = defaultdict(list)
    for what, pairs in (
        ("file", _same_file),
        ("original", _same_original),
        ("sound", _alike(same_sound)),
        ("face", _alike(same_face)),
    ):
        for a, b in pairs(first, second):
            same[a.video, b.video].append(what)
    parts = (first[0].part, second[0].part)
    return (Twins(a, b, parts, tuple(shared)) for (a, b), shared in same.items())


Pairs = Iterator[tuple[Entry, Entry]]


def _same_file(first: Iterable[Entry], second: Iterable[Entry]) -> Pairs:
    files = defaultdict(list)
    for a in first:
        files[a.sha256].append(a)
    return ((a, b) for b in second if b.sha256 for a in files[b.sha256])


def _same_original(first: Iterable[Entry], second: Iterable[Entry]) -> Pairs:
    """A forgery and its original, or two forgeries of one."""
    sources = defaultdict(list)
    for a in first:
        sources[a.original or a.video].append(a)
    return ((a, b) for b in second for a in sources[b.original or b.video])


def _alike(
    compare: Callable[[Sequence[Fingerprint], Sequence[Fingerprint]], Iterator[tuple[int, int]]],
) -> Callable[[Sequence[Entry], Sequence[Entry]], Pairs]:
    def pairs(first: Sequence[Entry], second: Sequence[Entry]) -> Pairs:
        a, b = ([entry for entry in side if entry.fingerprint] for side in (first, second))
        found = compare(*([cast(Fingerprint, entry.fingerprint) for entry in side] for side in (a, b)))
        return ((a[i], b[j]) for i, j in found)

    return pairs
