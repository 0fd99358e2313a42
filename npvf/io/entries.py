"""An index of a prepared corpus: the place, the labels and the length of every sample, from the manifest alone.

`npvf prepare` writes this into `manifest.jsonl`: each line has `samples`, one object for each of its `clips`. It holds
what may differ between the clips of a video; the rest is in the line itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from npvf.clip import ClipMeta
from npvf.io.corpus import MANIFEST, Corpus
from npvf.io.files import iter_lines, open_place
from npvf.io.shards import SamplePlace, sample_places
from npvf.io.urls import Place

_OF_CLIP = ("track", "span", "is_speaker", "no_sound", "label", "audio_label", "video_label")
_OF_VIDEO = ("faces", "manipulation", "identity", "original", "split", "category")


@dataclass(slots=True)
class Entry:
    """One sample of a corpus.

    Attributes:
        shard: the name of its tar.
        offset, size: its place there in bytes (`npvf.io.shards.read_sample`).
        meta: what is known of the clip. Facts about the source file, `settings`, `attributes` and `intervals` are not
            filled in; read the sample for these.
        has_mask: whether the forged pixels are known.
    """

    shard: str
    offset: int
    size: int
    meta: ClipMeta
    has_mask: bool


def describe_samples(shard: Place) -> dict[str, dict[str, Any]]:
    """Describe each clip of a shard, by key, as a manifest line does in `samples`."""
    with open_place(shard) as file:
        return {place.key: _described(place, file) for place in sample_places(shard)}


def _described(place: SamplePlace, file: BinaryIO) -> dict[str, Any]:
    file.seek(place.offset)
    return {
        "offset": place.offset,
        "size": place.size,
        "sha256": hashlib.sha256(file.read(place.size)).hexdigest(),
        "mask": "mask.npz" in place.parts,
        **{name: place.meta.get(name) for name in _OF_CLIP},
    }


def read_entries(corpus: Corpus) -> Iterator[Entry]:
    """Every sample of a corpus, in the manifest's order; one line of it is in memory at a time.

    Where a line was written before manifests described samples, the headers of its shard are read.
    """
    described = lru_cache(maxsize=4)(describe_samples)
    for line in iter_lines(corpus.place(MANIFEST)):
        for number, key in enumerate(line["clips"]):
            said = line["samples"][number] if "samples" in line else described(corpus.place(line["shard"]))[key]
            yield Entry(line["shard"], said["offset"], said["size"], _meta(line, key, said), said["mask"])


def _meta(line: dict[str, Any], key: str, said: dict[str, Any]) -> ClipMeta:
    facts: dict[str, Any] = {name: line.get(name) for name in _OF_VIDEO} | {name: said[name] for name in _OF_CLIP}
    facts |= {"span": tuple(said["span"]), "identities": tuple(line["identities"])}
    return ClipMeta(key=key, video=line["video"], source_sha256=line["sha256"], **facts)
