"""A split of a corpus into train, val and test: a JSON file whose hash is part of each result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from npvf.errors import NpvfError
from npvf.io.corpus import HasManifest
from npvf.io.files import write_json

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """The videos of each part, and how they were chosen.

    Attributes:
        corpus: the name of the corpus in `npvf corpora`.
        protocol: the rule; `settings` are its seed and other values.
        parts: part -> ids of videos, sorted.
        people: part -> identified people shown or used as a donor, sorted.
        namespace: the corpus that the identities come from; corpora made from one another share them.
        counts: part -> number of videos of each class.
        left_out: reason -> number of videos that are in no part.
        shared_people: the number of people in more than one part. It is 0 for splits made here, but official splits
            may share people.
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
        """SHA-256 of the corpus and the videos of each part, independent of how they were chosen."""
        content = {"corpus": self.corpus, "parts": {part: list(videos) for part, videos in sorted(self.parts.items())}}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def videos(self, part: str) -> frozenset[str]:
        """Return the ids of one part. Raises NpvfError if the split does not have it."""
        if part not in self.parts:
            raise NpvfError(f"the split has no part {part!r}; choose one of {', '.join(self.parts)}.")
        return frozenset(self.parts[part])

    def describe(self) -> dict[str, Any]:
        """Return the description of the split that results contain."""
        sizes = {part: len(videos) for part, videos in self.parts.items()}
        content = {"corpus": self.corpus, "protocol": self.protocol, **self.settings, "videos": sizes}
        return content | {"left_out": dict(self.left_out), "shared_people": self.shared_people, "hash": self.hash}

    def write(self, path: Path) -> None:
        """Write the split to a file for `read_split`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"hash": self.hash, **asdict(self)})


def part_videos(splits: Iterable[Split], part: str, corpora: Iterable[HasManifest]) -> frozenset[str]:
    """Return the ids of one part of some splits, and check that the manifests contain them, prepared or refused.

    Raises:
        NpvfError: a video is in no manifest. It would be missing from every denominator.
    """
    splits, corpora = list(splits), list(corpora)
    wanted = frozenset().union(*(split.videos(part) for split in splits))
    gone = sorted(wanted - {line["video"] for corpus in corpora for line in corpus.manifest})
    if gone:
        raise NpvfError(
            f"{len(gone)} of the {len(wanted)} videos of the part {part!r} are not in "
            f"{', '.join(str(corpus.folder) for corpus in corpora)}, for example {gone[0]!r}. Prepare all of them with "
            f"`npvf prepare ROOT OUT --corpus {splits[0].corpus}`; missing files are counted as refused."
        )
    return wanted


def read_split(path: str | Path) -> Split:
    """Read a split from its file.

    Raises:
        NpvfError: the file does not exist, is not a split, or its parts were changed by hand.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        written = content.pop("hash")
        for key in ("parts", "people"):
            content[key] = {part: tuple(names) for part, names in content[key].items()}
        split = Split(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NpvfError(f"{path} is not a split file ({error}). Make one with `npvf corpora split`.") from error
    if split.hash != written:
        raise NpvfError(f"{path}: the parts do not fit the hash, so they were changed. Make the file again.")
    return split
