"""One of several runs that prepare a corpus together, as the tasks of a Slurm array: `--shard-index`, `--num-shards`.

Each run does every n-th input and leaves its videos in `.work/` of the same folder. A last run without these options
finds all of them finished and seals the shards: byte for byte those of one run. If the folder is a URL, the runs can be
on different machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from npvf.errors import NpvfError
from npvf.io.corpus import DATASET
from npvf.io.files import write_json
from npvf.io.sources import Source
from npvf.io.urls import Place
from npvf.prepare.ledger import Counts, Line, work_path
from npvf.prepare.locks import beside_parts, hold
from npvf.prepare.manifest import check_settings, load_sealed, still_describes
from npvf.prepare.published import WORK, Published


class PartStore:
    """The store of one part: the same methods as `Store`, without shards. Use as a context manager.

    Args:
        out: the prepared corpus, shared by all parts.
        settings: as in `Store`.
        index: the number of this part, from 0.
        parts: the number of parts.
        staging: as in `Store`.
    """

    def __init__(self, out: Place, settings: Line, index: int, parts: int, staging: Path | None = None) -> None:
        """Raises NpvfError where `out` was made with other settings, or this part is running already."""
        if not 0 <= index < parts:
            raise NpvfError(
                f"--shard-index {index} is not between 0 and {parts - 1}, the last of --num-shards {parts}."
            )
        self.published = Published(out, settings, staging)
        self.out, self.work, self.index, self.parts = self.published.folder, self.published.work, index, parts
        with ExitStack() as locks:
            locks.enter_context(hold(self.published, index))
            with beside_parts(self.published):
                self.published.pull()
                check_settings(self.published, settings)
            if not (self.out / DATASET).is_file():
                write_json(self.out / DATASET, {"complete": False, "settings": settings})
                self.published.publish(DATASET)
            self._locks = locks.pop_all()
        self._counts = Counts()

    def __enter__(self) -> PartStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._locks.close()

    def resume(self, sources: Sequence[Source]) -> list[Source]:
        """Return the inputs of this part that are still to do."""
        mine = sources[self.index :: self.parts]
        ledger = load_sealed(self.out, self.work)
        self.published.fetch_waiting((work_path(self.work, source.video).name for source in mine), ".json")
        todo = []
        for source in mine:
            if source.video not in ledger and work_path(self.work, source.video).with_suffix(".json").is_file():
                ledger.wait(source.video)
            line = ledger.read(source.video) if source.video in ledger else None
            if line is not None and still_describes(line, source):
                self._counts.add(line)
            else:
                todo.append(source)
        ledger.close()
        return todo

    def add(self, line: Line) -> None:
        """Take note of a video that a worker has left in `work`. Its line goes last: it says that all is there."""
        self._counts.add(line)
        name = f"{WORK}/{work_path(self.work, line['video']).name}"
        if line["clips"]:
            self.published.publish(f"{name}.tar", keep=False)
        self.published.publish(f"{name}.json")

    def finish(self, facts: Line, complete: bool) -> Line:
        """Return the counts of this part; `complete` is False, since the shards are still to be made."""
        return {**self._counts.to_json(), **facts, "complete": False}
