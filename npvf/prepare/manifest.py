"""The crash-safe store behind `prepare`: finished videos wait in `.work/` and are sealed into shards in input order.

Three steps, each of which either happened or did not, whatever moment the process is killed at:

1. A worker finishes a video: its clips become `.work/<hash>.tar`, then its manifest line `.work/<hash>.json`.
2. The finished videos at the head of the input order fill a shard: they become `shard-<n>.tar`, then their lines
   `.work/shard-<n>.jsonl`, and what they had in `.work/` goes.
3. All videos are finished: the lines become `manifest.jsonl`, the counts `dataset.json`, and `.work/` goes.

So the bytes of the shards depend on the inputs alone, not on who finished first or how often the work was broken off.
The lines stay on the disk (`npvf.prepare.ledger`). If the corpus is at a URL, each of its files is uploaded as soon as
it is complete (`npvf.prepare.published`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from npvf.errors import NpvfError, Reason
from npvf.io.annotations import NO_ANNOTATION
from npvf.io.corpus import DATASET, MANIFEST
from npvf.io.entries import describe_samples
from npvf.io.files import TEMPORARY, atomic_write, sha256, stamp, write_json, write_lines
from npvf.io.shards import Sample, read_sample, read_tar, write_tar
from npvf.io.sources import Source
from npvf.io.urls import Place, local_copy, url_hash
from npvf.prepare.ledger import Counts, Ledger, Line, work_path
from npvf.prepare.locks import hold, need_no_parts
from npvf.prepare.published import WORK, Published

SHARD_BYTES = 128 * 2**20
"""A shard is sealed at this size: small enough for many readers to share a corpus, big enough to stream."""


class Store:
    """One prepared corpus, open for writing by this process alone. Use as a context manager.

    Args:
        out: its folder or URL.
        settings: of the videos; a corpus that was made with others is not gone on with.
        overwrite: make it anew.
        shard_bytes: a shard is sealed at this size.
        staging: where a corpus at a URL is made (`Published`).

    Attributes:
        work: the folder in which workers leave finished videos.
        ledger: the lines of the videos finished so far.
    """

    def __init__(
        self,
        out: Place,
        settings: Line,
        overwrite: bool = False,
        shard_bytes: int = SHARD_BYTES,
        staging: Path | None = None,
    ) -> None:
        """Raises NpvfError where `out` was made with other settings, holds foreign shards, or is being written."""
        self.published = Published(out, settings, staging)
        self.out, self.work = self.published.folder, self.published.work
        self.settings, self.shard_bytes = settings, shard_bytes
        with ExitStack() as locks:
            locks.enter_context(hold(self.published))
            need_no_parts(self.published)
            self.published.pull()
            if overwrite:
                self.published.clear()
            check_settings(self.published, settings)
            self.ledger = load_sealed(self.out, self.work)
            self._remove_strays()
            self._locks = locks.pop_all()
        self._order: list[str] = []
        self._head = 0  # every video before it in the order is sealed or in the group
        self._group: list[str] = []
        self._group_bytes = 0

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()
        self._locks.close()

    def resume(self, sources: Sequence[Source]) -> list[Source]:
        """Take up what earlier runs finished of `sources`; returns those still to do.

        A video that has changed since is done again.

        Raises:
            NpvfError: a video has changed whose clips are in a shard already.
        """
        self._order = [source.video for source in sources]
        self.published.fetch_waiting((work_path(self.work, video).name for video in self._order), ".json")
        changed, waiting = [], 0
        for source in sources:
            if source.video in self.ledger:
                line = self.ledger.read(source.video)
                if still_describes(line, source):
                    continue
                if line["clips"]:
                    changed.append(source.video)
                self.ledger.forget(source.video)
            path = work_path(self.work, source.video).with_suffix(".json")
            if path.is_file() and still_describes(json.loads(path.read_bytes()), source):
                self.ledger.wait(source.video)
                waiting += 1
        if changed:
            raise NpvfError(
                f"{len(changed)} prepared videos or their annotations have changed since, for example {changed[0]!r}. "
                f"Prepare into a new folder, or give --overwrite to make {self.published.out} anew."
            )
        todo = [source for source in sources if source.video not in self.ledger]
        if todo or waiting:
            self.say({"complete": False})
        return todo

    def add(self, line: Line) -> None:
        """A worker has left this video's clips and line in `work`. Seals a shard when one is full."""
        self.ledger.wait(line["video"])
        self._advance()

    def finish(self, facts: Line, complete: bool) -> Line:
        """Seal the rest, write `manifest.jsonl` and `dataset.json`, and return what the latter says.

        `facts` are put into it. Where videos failed (not `complete`), `.work/` stays for the next run.
        """
        self._advance(over_gaps=True)
        if self._group_bytes:
            self._seal()
        counts = Counts()
        self._write_manifest(counts.over(self.ledger.in_order(self._order)))
        dataset = self.say({"complete": complete, **counts.to_json(), **facts})
        if complete:
            self.remove_work()
        return dataset

    def remove_work(self) -> None:
        """Remove the folder of unfinished videos."""
        self.ledger.close()
        self.published.remove_work()

    def unseal(self, shard: str, videos: Iterable[str], damaged: set[str]) -> None:
        """Take a shard apart: its good videos wait in `work` again, and the damaged ones are to be done again."""
        for video in videos:
            line = self.ledger.read(video)
            self.ledger.forget(video)
            if video in damaged:
                continue
            waiting = work_path(self.work, video)
            places = [(said["offset"], said["size"]) for said in line["samples"]]
            with local_copy(self.published.place(shard)) as tar, atomic_write(waiting.with_suffix(".tar")) as file:
                write_tar(file, (read_sample(tar, *place) for place in places))
            write_json(waiting.with_suffix(".json"), {**line, "shard": None, "samples": []})
        # In this order: a process that is killed before the end leaves the shard in the manifest, or as a stray file.
        self.say({"complete": False})
        self._write_manifest(self.ledger.in_order(()))
        self.published.remove(f"{WORK}/{part.name}" for part in sorted(self.work.glob("shard-*.jsonl")))
        self.published.remove([shard])
        self.ledger.close()
        self.ledger = load_sealed(self.out, self.work)

    def _advance(self, over_gaps: bool = False) -> None:
        """Group the finished videos at the head of the order, and seal the group whenever it is big enough."""
        while self._head < len(self._order):
            video = self._order[self._head]
            if video not in self.ledger and not over_gaps:
                return
            self._head += 1
            if video not in self.ledger or self.ledger.is_sealed(video):
                continue
            self._group.append(video)
            if self.ledger.read(video)["clips"]:
                waiting = work_path(self.work, video)
                self.published.fetch_waiting([waiting.name], ".tar")
                self._group_bytes += waiting.with_suffix(".tar").stat().st_size
            if self._group_bytes >= self.shard_bytes:
                self._seal()

    def _seal(self) -> None:
        name = self._next_name()
        tar, lines = self.out / f"{name}.tar", self.work / f"{name}.jsonl"
        with atomic_write(tar) as file:
            write_tar(file, self._samples())
        write_lines(lines, self._sealed_lines(tar))
        self.published.publish(tar.name, keep=False)
        self.published.publish(f"{WORK}/{lines.name}")
        self.ledger.seal(lines)
        for video in self._group:
            waiting = work_path(self.work, video)
            waiting.with_suffix(".json").unlink()
            waiting.with_suffix(".tar").unlink(missing_ok=True)  # a refused video has none
        self.published.remove_waiting(work_path(self.work, video).name for video in self._group)
        self._group, self._group_bytes = [], 0

    def _sealed_lines(self, tar: Path) -> Iterator[Line]:
        """The lines of the group, with the places of their clips in the shard."""
        described = describe_samples(tar)
        for video in self._group:
            line = self.ledger.read(video)
            line["shard"] = tar.name if line["clips"] else None
            line["samples"] = [described[key] for key in line["clips"]]
            yield line

    def _next_name(self) -> str:
        """Return the first free name: usually the next one, or that of a shard that was taken apart."""
        return next(name for name in map("shard-{:06d}".format, count()) if f"{name}.tar" not in self.ledger.shards)

    def _samples(self) -> Iterator[Sample]:
        for video in self._group:
            if self.ledger.read(video)["clips"]:
                yield from read_tar(work_path(self.work, video).with_suffix(".tar"))

    def say(self, dataset: Line) -> Line:
        """Write `dataset.json`, with the settings. Returns its content."""
        dataset = {**dataset, "settings": self.settings}
        write_json(self.out / DATASET, dataset)
        self.published.publish(DATASET)
        return dataset

    def _write_manifest(self, lines: Iterable[Line]) -> None:
        write_lines(self.out / MANIFEST, lines)
        self.published.publish(MANIFEST)

    def _remove_strays(self) -> None:
        """Remove unfinished files of a killed run, and files that a shard contains by now."""
        self.published.remove(sorted(self.published.shards - self.ledger.shards))
        for path in self.out.glob(f"*{TEMPORARY}"):
            path.unlink()
        left = [path for path in self.work.iterdir() if path.suffix in (".tar", ".json")]
        sealed = {work_path(self.work, video).name for video in self.ledger} if left else set()
        for path in self.work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix == TEMPORARY or path.stem in sealed:
                path.unlink()


def load_sealed(out: Path, work: Path) -> Ledger:
    """Return the lines of all videos that are in shards, or refused."""
    ledger = Ledger(work)
    for path in (out / MANIFEST, *sorted(work.glob("shard-*.jsonl"))):
        if path.is_file():
            ledger.seal(path)
    return ledger


def check_settings(published: Published, settings: Line) -> None:
    """Raise NpvfError if a corpus was made with other settings, or contains shards of something else."""
    out, path = published.out, published.folder / DATASET
    if not path.is_file():
        if published.shards or (published.folder / MANIFEST).exists():
            raise NpvfError(f"{out} holds shards of something else. Prepare into a new folder.")
        return
    made_with = json.loads(path.read_text(encoding="utf-8"))["settings"]
    if made_with != settings:
        keys = sorted(key for key in {*made_with, *settings} if made_with.get(key) != settings.get(key))
        differ = ", ".join(f"{key} was {made_with.get(key)!r}, now {settings.get(key)!r}" for key in keys)
        raise NpvfError(
            f"{out} was prepared with other settings ({differ}). "
            "Prepare into a new folder, or give --overwrite to make it anew."
        )


def still_describes(line: Line, source: Source) -> bool:
    """True if a line of the manifest is still valid for its input. Lines of earlier versions lack newer keys."""
    said, nothing = source.annotation.to_json(), NO_ANNOTATION.to_json()
    if (
        source.problem is not None
        or line["reason"] in (Reason.BAD_SIDECAR, Reason.LISTED_TWICE, Reason.NOT_LISTED)
        or any(line.get(key, nothing[key]) != said[key] for key in said)
    ):
        return False
    if source.remote is None and line.get("mask_sha256") != mask_hash(source):
        return False
    size_and_time = source_stamp(source)
    if [line["size_bytes"], line["mtime_ns"]] == list(size_and_time):
        return True
    return line["sha256"] is not None and size_and_time[0] is not None and line["sha256"] == source_hash(source)


def source_stamp(source: Source) -> tuple[int, int] | tuple[None, None]:
    """Return the `stamp` of the video together with its audio file; in an object store, that of the listing."""
    if source.remote is not None:
        return source.remote.stamp or (None, None)
    (size, time), (more, later) = stamp(source.path), stamp(source.audio) if source.audio is not None else (0, 0)
    if size is None or time is None or more is None or later is None:
        return None, None
    return size + more, max(time, later)


def source_hash(source: Source) -> str:
    """Hash the content of the video, together with its audio file if it has one."""
    if source.remote is not None and not source.path.is_file():  # not fetched
        return url_hash(source.remote.url)
    if source.audio is None:
        return sha256(source.path)
    return hashlib.sha256((sha256(source.path) + sha256(source.audio)).encode()).hexdigest()


def mask_hash(source: Source) -> str | None:
    """Hash the mask of a source; None if there is none."""
    return sha256(source.mask) if source.mask is not None and source.mask.is_file() else None
