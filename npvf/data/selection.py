"""Select clips of a corpus by track, label, split, identity or name, and count those that are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from hashlib import sha256
from typing import Literal

from npvf.clip import FAKE, REAL, ClipMeta
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.entries import read_entries
from npvf.io.shards import Sample, read_tar
from npvf.io.urls import Place

Label = Literal["real", "fake", "known", "unforged", "any"]
Part = Literal["train", "val"]

_LABELS: dict[Label, tuple[int | None, ...]] = {
    "real": (REAL,),
    "fake": (FAKE,),
    "known": (REAL, FAKE),
    "unforged": (REAL, None),
    "any": (REAL, FAKE, None),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions on a clip; those left at their default hold for every clip.

    Args:
        speakers_only: only the track whose face speaks; the sound says nothing of the other faces.
        label: "real", "fake", "known" (either), "unforged" (real or unknown) or "any".
        split: `meta.split` must be this.
        videos: the video's id is among these: a part of a split (`npvf.corpora.splits`).
        identities, no_identities: at least one identity of the clip is among the first, none among the second.
        include, exclude: shell patterns on the video's id.
        part, held_out: "train" or "val" of a division by hash in which about this share is "val": of the people, so
            that nobody is in both, and of the videos whose person is unknown.
    """

    speakers_only: bool = True
    label: Label = "any"
    split: str | None = None
    videos: frozenset[str] | None = None
    identities: frozenset[str] | None = None
    no_identities: frozenset[str] = frozenset()
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    part: Part | None = None
    held_out: float = 0.0

    def reason_against(self, meta: ClipMeta) -> str | None:
        """Why a clip does not take part, or None where it does."""
        if not any(fnmatch(meta.video, pattern) for pattern in self.include):
            return "not included"
        if any(fnmatch(meta.video, pattern) for pattern in self.exclude):
            return "excluded"
        if self.speakers_only and meta.no_sound:
            return "no sound"
        if self.speakers_only and not meta.is_speaker:
            return "another face speaks"
        if meta.label not in _LABELS[self.label]:
            return {None: "no label", REAL: "real", FAKE: "fake"}[meta.label]
        if self.split is not None and meta.split != self.split:
            return "another split"
        if self.videos is not None and meta.video not in self.videos:
            return "not in this part of the split"
        if self.identities is not None and not self.identities & people(meta):
            return "another identity"
        if self.no_identities & people(meta):
            return "a held-out identity"
        if self.part is not None and self.part != self._part_of(meta):
            return "another part"
        return None

    def _part_of(self, meta: ClipMeta) -> Part:
        """The part in which a division by hash puts a clip."""
        return "val" if hash_share(meta.person) < self.held_out else "train"


def people(meta: ClipMeta) -> frozenset[str]:
    """Every identity that a clip shows or is driven by."""
    shown = {meta.identity} if meta.identity is not None else set()
    return frozenset(shown | set(meta.identities))


def read_meta(sample: Sample) -> ClipMeta:
    """The meta data of a sample that is still encoded."""
    return sample.meta


def selected_metas(corpus: Corpus, selection: Selection) -> Iterator[ClipMeta]:
    """Yield the meta data of the clips that a selection keeps, from the manifest (`npvf.io.entries.Entry.meta`)."""
    for entry in read_entries(corpus):
        if selection.reason_against(entry.meta) is None:
            yield entry.meta


@contextmanager
def naming(encoded: Sample) -> Iterator[None]:
    """Add the key of the sample to any error."""
    try:
        yield
    except Exception as error:
        place = f"{encoded.shard}, sample {encoded['__key__']!s}"
        raise NpvfError(f"{place} cannot be used: {error}. Prepare the corpus again.") from error


def read_selected(paths: Iterable[Place], selection: Selection, left_out: Counter[str]) -> Iterator[Sample]:
    """Encoded samples that a selection keeps, in order; the others are counted in `left_out` by reason.

    Raises:
        NpvfError: a shard that cannot be read, by name.
    """
    for path in paths:
        for encoded in read_tar(path):
            with naming(encoded):
                reason = selection.reason_against(encoded.meta)
            if reason is None:
                yield encoded
            else:
                left_out[reason] += 1


def check_disjoint(train: Set[str], val: Set[str]) -> None:
    """Raises NpvfError where someone is in both: a detector would be praised for knowing a face."""
    if both := train & val:
        names = ", ".join(sorted(both)[:5]) + (", ..." if len(both) > 5 else "")
        raise NpvfError(
            f"{len(both)} identities are both in training and in validation: {names}. "
            "Split by identity (`split` and `identities` in each video's meta.json or in the list file)."
        )


def describe(left_out: Counter[str]) -> str:
    """For the log: `12 clips left out (8 another face speaks, 4 too little speech)`."""
    if not left_out:
        return "no clip left out"
    parts = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    return f"{left_out.total()} clips left out ({parts})"


def hash_share(name: str) -> float:
    """A fixed place in [0, 1) for the name of a person or video, whatever else the corpus holds."""
    return int.from_bytes(sha256(name.encode()).digest()[:6]) / 2**48
