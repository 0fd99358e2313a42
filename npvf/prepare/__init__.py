"""Preparation: videos become shards of aligned face tracks, audio and phones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.prepare.ingest import IngestSettings, read_clips
    from npvf.prepare.manifest import Store
    from npvf.prepare.pool import Limits
    from npvf.prepare.ray_engine import RayCluster
    from npvf.prepare.resync import SynchroniseSettings, synchronise
    from npvf.prepare.run import Summary, list_sources, prepare, prepare_video

__all__ = [
    "IngestSettings",
    "Limits",
    "RayCluster",
    "Store",
    "Summary",
    "SynchroniseSettings",
    "list_sources",
    "prepare",
    "prepare_video",
    "read_clips",
    "synchronise",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ingest": ["IngestSettings", "read_clips"],
        "manifest": ["Store"],
        "pool": ["Limits"],
        "ray_engine": ["RayCluster"],
        "resync": ["SynchroniseSettings", "synchronise"],
        "run": ["Summary", "list_sources", "prepare", "prepare_video"],
    },
)
