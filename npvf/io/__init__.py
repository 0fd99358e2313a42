"""Formats on disk: annotations, masks, shards, prepared corpora."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.io.annotations import Annotation, read_list, read_sidecar
    from npvf.io.corpus import Corpus
    from npvf.io.files import atomic_write
    from npvf.io.masks import VideoMasks, read_masks, write_masks
    from npvf.io.shards import Sample, decode_clip, encode_clip, read_tar, write_tar
    from npvf.io.sources import Source, Sources, find_sources

__all__ = [
    "Annotation",
    "Corpus",
    "Sample",
    "Source",
    "Sources",
    "VideoMasks",
    "atomic_write",
    "decode_clip",
    "encode_clip",
    "find_sources",
    "read_list",
    "read_masks",
    "read_sidecar",
    "read_tar",
    "write_masks",
    "write_tar",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "annotations": ["Annotation", "read_list", "read_sidecar"],
        "corpus": ["Corpus"],
        "files": ["atomic_write"],
        "masks": ["VideoMasks", "read_masks", "write_masks"],
        "shards": ["Sample", "decode_clip", "encode_clip", "read_tar", "write_tar"],
        "sources": ["Source", "Sources", "find_sources"],
    },
)
