"""Leakage between the parts of a split: the same people, files, audio or faces. It makes results look too good."""

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
from npvf.io.remote_sources import find_sources_at, on_this_machine
from npvf.io.shards import Sample
from npvf.io.urls import Place, as_place
from npvf.media.decode import spool_audio, to_float
from npvf.media.encode import decode_crops, decode_flac
from npvf.media.probe import probe

PICTURES = 8  # frames of a video that are hashed, one each second


@dataclass(frozen=True, slots=True)
class Entry:
    """One video, its part of the split, and the facts that may connect it with other videos."""

    video: str
    part: str
    people: frozenset[str] = frozenset()  # people shown or used as a donor
    original: str | None = None
    sha256: str | None = None
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Twins:
    """Two videos of different parts with the same `file`, `sound` or `face`, or made from each other (`original`).

    If only "face" matches, it is a copy with other audio, or one person in one setting under two names.
    """

    first: str
    second: str
    parts: tuple[str, str]
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leakage:
    """The leakage between the parts of a split.

    Attributes:
        parts: the number of videos in each part; `without_part` are in none and are not compared.
        people: identity -> its parts, for identities that are shown or used as a donor in several parts.
        twins: pairs of near-duplicates in different parts.
        unnamed: the number of videos without an identity, which `people` cannot cover.
        unprinted: the number of videos without audio and face; only their files are compared.
    """

    parts: dict[str, int]
    without_part: int
    people: dict[str, list[str]] = field(default_factory=dict)
    twins: list[Twins] = field(default_factory=list)
    unnamed: int = 0
    unprinted: int = 0

    @property
    def leaks(self) -> bool:
        """True if there is any leakage."""
        return bool(self.people or self.twins)

    def to_json(self) -> dict[str, Any]:
        """Return the content for `npvf audit --json`."""
        return {**asdict(self), "leaks": self.leaks}


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
    """Return the videos of a prepared corpus, including refused ones, and the number that is in no part.

    Args:
        corpus: the prepared corpus.
        parts: video -> part; None: the `split` in the manifest.
        on_clip: called after each clip.
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
    src: Place, parts: Mapping[str, str] | None = None, on_file: Callable[[], object] = lambda: None
) -> tuple[list[Entry], int]:
    """Like `corpus_entries`, for videos that are not prepared: files and audio are compared, faces are not."""
    sources = find_sources_at(as_place(src)).items
    entries = []
    for source in sources:
        on_file()
        part = source.annotation.split if parts is None else parts.get(source.video)
        if part is None:
            continue
        with on_this_machine(source) as here:
            if here.path.is_file():
                facts = {"video": source.video, "sha256": sha256(here.path), **source.annotation.to_json()}
                entries.append(_entry(facts, part, _file_print(here.path)))
    return entries, len(sources) - len(entries)


def _entry(facts: Mapping[str, Any], part: str, fingerprint: Fingerprint | None) -> Entry:
    people = frozenset(filter(None, (facts["identity"], *facts["identities"])))
    return Entry(facts["video"], part, people, facts["original"], facts["sha256"], fingerprint)


def _print(sample: Sample, silent: bool) -> Fingerprint:
    """Compute the fingerprint of the first clip of the speaker of a video."""
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
    """Yield all pairs of near-duplicates, with everything that they share."""
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
    """Pair a forgery with its original, or two forgeries of one original."""
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
