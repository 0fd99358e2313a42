"""A split: which videos of a corpus train, validate and test. A small JSON file whose hash stands in every result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.files import write_json

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Videos by part, and how they came there.

    Attributes:
        corpus: its name, as `npvf corpora` has it.
        protocol: the rule; `settings` are its seed and the like.
        parts: part -> ids of videos, sorted.
        people: part -> everybody shown or driving there whom the corpus names, sorted.
        namespace: whose names these are: corpora made of one another share them.
        counts: part -> videos of each class.
        left_out: reason -> videos of the corpus that are in no part.
        shared_people: how many people are in more than one part. 0 in every split that is made here; official ones
            are what they are.
    """

    corpus: str
    protocol: str
    settings: Mapping[str, Any]
    parts: Mapping[str, tuple[str, ...]]
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    namespace: str = ""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    shared_people: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of the corpus and who is in which part: the same for the same videos, however they were chosen."""
        content = {"corpus": self.corpus, "parts": {part: list(videos) for part, videos in sorted(self.parts.items())}}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def videos(self, part: str) -> frozenset[str]:
        """The ids of one part. Raises NpvfError where it has no such part."""
        if part not in self.parts:
            raise NpvfError(f"the split has no part {part!r}; its parts are {', '.join(self.parts)}.")
        return frozenset(self.parts[part])

    def describe(self) -> dict[str, Any]:
        """What a result says of the split that it was measured on."""
        sizes = {part: len(videos) for part, videos in self.parts.items()}
        said = {"corpus": self.corpus, "protocol": self.protocol, **self.settings, "videos": sizes}
        return said | {"left_out": dict(self.left_out), "shared_people": self.shared_people, "hash": self.hash}

    def write(self, path: Path) -> None:
        """To a file for `read_split`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"hash": self.hash, **asdict(self)})


def part_videos(splits: Iterable[Split], part: str, corpora: Iterable[Corpus]) -> frozenset[str]:
    """The ids of one part of some splits, all of which have a line in the corpora's manifests, prepared or refused.

    Raises:
        NpvfError: one has no line. Left out in silence, it would be missing from every denominator.
    """
    splits, corpora = list(splits), list(corpora)
    wanted = frozenset().union(*(split.videos(part) for split in splits))
    gone = sorted(wanted - {line["video"] for corpus in corpora for line in corpus.manifest})
    if gone:
        raise NpvfError(
            f"{len(gone)} of the {len(wanted)} videos of the part {part!r} are not in "
            f"{', '.join(str(corpus.folder) for corpus in corpora)}, {gone[0]!r} for one. Prepare all of them, with "
            f"`npvf prepare ROOT OUT --corpus {splits[0].corpus}`: those whose files are missing are counted there."
        )
    return wanted


def read_split(path: str | Path) -> Split:
    """A split out of its file.

    Raises:
        NpvfError: there is none, it is no split, or somebody has changed its parts since it was written.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        written = content.pop("hash")
        for key in ("parts", "people"):
            content[key] = {part: tuple(names) for part, names in content[key].items()}
        split = Split(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NpvfError(f"{path} is no split ({error}). `npvf corpora split` makes one.") from error
    if split.hash != written:
        raise NpvfError(f"{path}: its parts are not those that its hash stands for. Make it again.")
    return split
