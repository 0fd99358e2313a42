"""`ListedVideos`: plain videos with their annotations, as a corpus that needs no preparation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npvf.corpora import corpus_sources
from npvf.errors import Reason
from npvf.io.files import sha256
from npvf.io.sources import Source, find_sources

LISTED = "listed"
"""The status of a video that can be given to a detector."""


@dataclass(frozen=True, slots=True)
class ListedVideos:
    """The videos of a folder, of a CSV list or of a public corpus; `manifest` is like that of a prepared corpus.

    Attributes:
        folder: the folder or list.
        manifest: one line for each video. `status` is "listed", or "refused" with the reason: the file is missing, or
            the corpus contradicts itself about it.
        files: the path of each video by its id.
    """

    folder: Path
    manifest: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, place: Path, reader: str | None = None, hashes: bool = True) -> ListedVideos:
        """List the videos.

        Args:
            place: a folder of videos with sidecars, a `.csv` list, or with `reader` the folder of a public corpus.
            reader: the name of a corpus, as `npvf corpora` lists it.
            hashes: read each file to find those that occur twice.

        Raises:
            NpvfError: `place` does not exist or holds no video, or the corpus is not in it.
        """
        sources = (corpus_sources(reader, place) if reader else find_sources(place)).items
        lines = [_line(source, hashes) for source in sources]
        return cls(place, lines, {source.video: source.path for source in sources})


def _line(source: Source, hashes: bool) -> dict[str, Any]:
    """Return what a manifest says of a video. One with a contradiction keeps its label if that is known."""
    there = source.path.is_file()
    problem = "" if source.problem is None else str(source.problem)
    reason = problem or ("" if there else f"{Reason.NOT_FOUND}: there is no such file")
    return {
        **source.annotation.to_json(),
        "video": source.video,
        "sha256": sha256(source.path) if there and hashes else None,
        "status": "refused" if reason else LISTED,
        "reason": reason,
    }
