"""Any CSV list: column `path` and any of the sidecar's keys."""

from __future__ import annotations

from pathlib import Path

from npvf.corpora.folder import as_record, class_of
from npvf.corpora.record import Listing, Reader, listing
from npvf.errors import NpvfError
from npvf.io.sources import find_sources


def read(root: Path) -> Listing:
    """Read the list as `npvf prepare LIST.csv` does."""
    if root.suffix.lower() != ".csv":
        raise NpvfError(f"{root} is not a .csv file: give the list itself.")
    return listing(root.parent, (as_record(source, root.parent) for source in find_sources(root).items))


READER = Reader(
    name="csv",
    title="any CSV list",
    use="any",
    get="",
    licence="",
    layout="a .csv with the column path, and label, identities, split, ... (docs/architecture.md)",
    read=read,
    class_of=class_of,
)
