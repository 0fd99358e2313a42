"""Everything that a result depends on: versions, and hashes of the corpus, of the chosen videos and of the weights."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from npvf.data.selection import Selection
from npvf.detect.reproduce import model_hashes, versions
from npvf.evaluate.results import CorpusRecord, Provenance, VideosRecord
from npvf.evaluate.video_scores import selected_lines
from npvf.io.corpus import DATASET, MANIFEST, Corpus, HasManifest
from npvf.io.files import sha256


class Video(Protocol):
    """A video that provenance can identify."""

    @property
    def video(self) -> str: ...
    @property
    def label(self) -> int | None: ...
    @property
    def sha256(self) -> str | None: ...


class ManifestVideo(NamedTuple):
    """A video of a corpus by its manifest line."""

    video: str
    label: int | None
    sha256: str | None


def selected_videos(corpus: HasManifest, selection: Selection) -> list[ManifestVideo]:
    """The videos that a selection keeps, for `provenance`."""
    return [
        ManifestVideo(*(line[name] for name in ManifestVideo._fields)) for line in selected_lines(corpus, selection)
    ]


def provenance(corpus: HasManifest, videos: Sequence[Video], model: str | None) -> Provenance:
    """Collect everything that a run depends on. `model`: a folder of npvf, or a file of scores.

    The manifest's hash changes with any video, label or refusal of the corpus; the hash of `videos` only with the
    names, labels and contents of the selected videos.
    """
    return Provenance(
        versions=versions(),
        platform=platform.platform(),
        corpus=_corpus_record(corpus),
        videos=VideosRecord(len(videos), videos_hash(videos)),
        model=None if model is None else _model_hashes(model),
    )


def videos_hash(videos: Sequence[Video]) -> str:
    """One hash for a set of labelled videos: two runs with the same hash are on the same split."""
    lines = sorted(f"{one.video}\t{one.label}\t{one.sha256 or ''}\n" for one in videos)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _model_hashes(model: str) -> dict[str, str]:
    if Path(model).is_file():
        return {"folder": model, Path(model).name: sha256(Path(model))}
    return model_hashes(model)


def _corpus_record(corpus: HasManifest) -> CorpusRecord:
    if not isinstance(corpus, Corpus):
        return CorpusRecord(str(corpus.folder))
    return CorpusRecord(
        folder=str(corpus.folder),
        manifest_sha256=sha256(corpus.place(MANIFEST)),
        dataset_sha256=sha256(corpus.place(DATASET)),
        prepared_with=corpus.dataset.get("versions", {}),
    )
