"""`inspect_file`: everything that is known of a file before any score."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from npvf.errors import Reason, Refused
from npvf.inspect.boxes import BoxTree, read_boxes
from npvf.inspect.container import Container, describe_container
from npvf.inspect.credentials import Credentials, read_credentials
from npvf.inspect.oddities import Oddity, oddities
from npvf.inspect.packets import read_packets
from npvf.inspect.streams import Streams, describe_streams
from npvf.io.files import sha256
from npvf.media.container import open_media


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The facts of a file. None of them says whether it is real or fake."""

    path: Path
    size: int
    sha256: str
    container: Container
    streams: Streams
    credentials: Credentials
    oddities: tuple[Oddity, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all facts, the path as given."""
        return {
            "video": str(self.path),
            "bytes": self.size,
            "sha256": self.sha256,
            "oddities": [asdict(oddity) for oddity in self.oddities],
            "credentials": asdict(self.credentials),
            "streams": self.streams.to_json(),
            "container": self.container.to_json(),
        }


def inspect_file(path: str | Path, trust: Path | None = None) -> FileFacts:
    """Return the facts of a file. One frame of each video stream is decoded.

    Args:
        path: a media file, or a folder of JPEG images.
        trust: a file of PEM certificates; Content Credentials signed by one of them are trusted.

    Raises:
        Refused: NOT_FOUND; UNDECODABLE if FFmpeg does not open it or its first frame cannot be decoded; NO_VIDEO if it
            holds neither video nor audio; MEMORY_LIMIT.
        MissingDependency: `trust` is given, but c2pa-python is not installed.
        NpvfError: `trust` cannot be used.
    """
    path = Path(path)
    try:
        described, streams = _describe(path)
    except MemoryError as error:  # a damaged file can declare a table of any size
        raise Refused(Reason.MEMORY_LIMIT, f"{path.name} asks for more memory than there is.") from error
    if not (streams.video or streams.audio):
        raise Refused(Reason.NO_VIDEO, f"{path.name} holds neither video nor audio.")
    return FileFacts(
        path=path,
        size=sum(part.stat().st_size for part in (path.iterdir() if path.is_dir() else [path])),
        sha256=sha256(path),
        container=described,
        streams=streams,
        credentials=read_credentials(path, trust),
        oddities=oddities(path.name, described, streams),
    )


def _describe(path: Path) -> tuple[Container, Streams]:
    with open_media(path) as container:
        packets = read_packets(container)
        tree = read_boxes(path) if path.is_file() else BoxTree(path)
        return describe_container(container, tree), describe_streams(path, container, packets)
