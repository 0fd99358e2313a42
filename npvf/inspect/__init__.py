"""The facts of one file: box tree, streams, Content Credentials, oddities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.inspect.boxes import BoxTree, read_boxes
    from npvf.inspect.credentials import Credentials, Declared, read_credentials
    from npvf.inspect.describe import fact_rows
    from npvf.inspect.facts import FileFacts, inspect_file
    from npvf.inspect.oddities import Oddity
    from npvf.inspect.streams import AudioFacts, StreamFacts, Streams, VideoFacts

__all__ = [
    "AudioFacts",
    "BoxTree",
    "Credentials",
    "Declared",
    "FileFacts",
    "Oddity",
    "StreamFacts",
    "Streams",
    "VideoFacts",
    "fact_rows",
    "inspect_file",
    "read_boxes",
    "read_credentials",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "boxes": ["BoxTree", "read_boxes"],
        "credentials": ["Credentials", "Declared", "read_credentials"],
        "describe": ["fact_rows"],
        "facts": ["FileFacts", "inspect_file"],
        "oddities": ["Oddity"],
        "streams": ["AudioFacts", "StreamFacts", "Streams", "VideoFacts"],
    },
)
