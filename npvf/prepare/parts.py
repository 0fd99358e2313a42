"""One of several runs that prepare a corpus together, as the tasks of a Slurm array: `--shard-index`, `--num-shards`.

Each run does every n-th input and leaves its videos in `.work/` of the same folder. A last run without these options
finds all of them finished and seals the shards: byte for byte those of one run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from npvf.errors import NpvfError
from npvf.io.corpus import DATASET
from npvf.io.files import write_json
from npvf.io.sources import Source
from npvf.prepare.manifest import LOCK, Line, check_settings, count_lines, load_sealed, still_describes, work_path


class PartStore:
    """The store of one part: the same methods as `Store`, without shards. Use as a context manager.

    Args:
        out: the prepared folder, shared by all parts.
        settings: as in `Store`.
        index: the number of this part, from 0.
        parts: the number of parts.
    """

    def __init__(self, out: Path, settings: Line, index: int, parts: int) -> None:
        """Raises NpvfError where `out` was made with other settings, or this part is running already."""
        if not 0 <= index < parts:
            raise NpvfError(
                f"--shard-index {index} is not between 0 and {parts - 1}, the last of --num-shards {parts}."
            )
        self.out, self.work, self.index, self.parts = out, out / ".work", index, parts
        self.work.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.work / LOCK).acquire(timeout=10):  # the other parts look here, too
                check_settings(out, settings)
        except Timeout:
            raise NpvfError(f"Another `npvf prepare` is writing to {out}. Wait for it, or stop it.") from None
        if not (out / DATASET).is_file():
            write_json(out / DATASET, {"complete": False, "settings": settings})
        self._lock = FileLock(self.work / f"lock-{index}")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise NpvfError(f"Part {index} of {out} is being prepared by another process.") from None
        self.lines: dict[str, Line] = {}

    def __enter__(self) -> PartStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def resume(self, sources: Sequence[Source]) -> list[Source]:
        """Return the inputs of this part that are still to do."""
        sealed = load_sealed(self.out, self.work)
        todo = []
        for source in sources[self.index :: self.parts]:
            line = sealed.get(source.video) or self._waiting(source.video)
            if line is not None and still_describes(line, source):
                self.lines[source.video] = line
            else:
                todo.append(source)
        return todo

    def add(self, line: Line) -> None:
        """Take note of a video that a worker has left in `work`."""
        self.lines[line["video"]] = line

    def finish(self, facts: Line, complete: bool) -> Line:
        """Return the counts of this part; `complete` is False, since the shards are still to be made."""
        return {**count_lines(list(self.lines.values())), **facts, "complete": False}

    def _waiting(self, video: str) -> Line | None:
        path = work_path(self.work, video).with_suffix(".json")
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
