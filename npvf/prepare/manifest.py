"""The crash-safe store behind `prepare`: finished videos wait in `.work/` and are sealed into shards in input order.

Three steps, each of which either happened or did not, whatever moment the process is killed at:

1. A worker finishes a video: its clips become `.work/<hash>.tar`, then its manifest line `.work/<hash>.json`.
2. The finished videos at the head of the input order fill a shard: they become `shard-<n>.tar`, then their lines
   `.work/shard-<n>.jsonl`, and what they had in `.work/` goes.
3. All videos are finished: the lines become `manifest.jsonl`, the counts `dataset.json`, and `.work/` goes.

So the bytes of the shards depend on the inputs alone, not on who finished first or how often the work was broken off.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from npvf.errors import NpvfError, Reason
from npvf.io.annotations import NO_ANNOTATION
from npvf.io.corpus import DATASET, MANIFEST
from npvf.io.entries import describe_samples
from npvf.io.files import TEMPORARY, atomic_write, read_lines, sha256, stamp, write_json, write_lines
from npvf.io.shards import Sample, read_sample, read_tar, write_tar
from npvf.io.sources import Source

Line = dict[str, Any]
LOCK = "lock"
SHARD_BYTES = 128 * 2**20
"""A shard is sealed at this size: small enough for many readers to share a corpus, big enough to stream."""


def work_path(work: Path, video: str) -> Path:
    """Return the path of a finished video without suffix. It is a hash: ids contain slashes and can be too long."""
    return work / hashlib.sha256(os.fsencode(video)).hexdigest()[:32]


class Store:
    """One prepared folder, open for writing by this process alone. Use as a context manager.

    Attributes:
        work: the folder in which workers leave finished videos.
        lines: the manifest lines of the videos finished so far, by video id.
    """

    def __init__(self, out: Path, settings: Line, overwrite: bool = False, shard_bytes: int = SHARD_BYTES) -> None:
        """Raises NpvfError where `out` was made with other settings, holds foreign shards, or is being written."""
        self.out, self.work, self.settings, self.shard_bytes = out, out / ".work", settings, shard_bytes
        self.work.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.work / LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise NpvfError(f"Another `npvf prepare` is writing to {out}. Wait for it, or stop it.") from None
        self._check_parts()
        if overwrite:
            self._clear()
        check_settings(out, settings)
        self.lines = load_sealed(out, self.work)
        self._sealed = set(self.lines)
        self._remove_strays()
        self._order: list[str] = []
        self._head = 0  # every video before it in the order is sealed or in the group
        self._group: list[Line] = []
        self._group_bytes = 0

    def _check_parts(self) -> None:
        """Raise NpvfError if a part of this corpus (`npvf.prepare.parts`) is still being prepared."""
        for path in self.work.glob(f"{LOCK}-*"):
            try:
                with FileLock(path).acquire(timeout=0):
                    pass
            except Timeout:
                raise NpvfError(f"Part {path.name.removeprefix('lock-')} of {self.out} is still prepared.") from None
            path.unlink(missing_ok=True)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def resume(self, sources: Sequence[Source]) -> list[Source]:
        """Take up what earlier runs finished of `sources`; returns those still to do.

        A video that has changed since is done again.

        Raises:
            NpvfError: a video has changed whose clips are in a shard already.
        """
        self._order = [source.video for source in sources]
        changed = []
        for source in sources:
            line = self.lines.get(source.video)
            if line is not None and not still_describes(line, source):
                if line["clips"]:
                    changed.append(source.video)
                del self.lines[source.video]
                self._sealed.remove(source.video)
            waiting = work_path(self.work, source.video).with_suffix(".json")
            if source.video not in self.lines and waiting.is_file():
                line = json.loads(waiting.read_text(encoding="utf-8"))
                if still_describes(line, source):
                    self.lines[source.video] = line
        if changed:
            raise NpvfError(
                f"{len(changed)} prepared videos or their annotations have changed since, for example {changed[0]!r}. "
                f"Prepare into a new folder, or give --overwrite to make {self.out} anew."
            )
        todo = [source for source in sources if source.video not in self.lines]
        if todo or len(self.lines) > len(self._sealed):
            write_json(self.out / DATASET, {"complete": False, "settings": self.settings})
        return todo

    def add(self, line: Line) -> None:
        """A worker has left this video's clips and line in `work`. Seals a shard when one is full."""
        self.lines[line["video"]] = line
        self._advance()

    def finish(self, facts: Line, complete: bool) -> Line:
        """Seal the rest, write `manifest.jsonl` and `dataset.json`, and return what the latter says.

        `facts` are put into it. Where videos failed (not `complete`), `.work/` stays for the next run.
        """
        self._advance(over_gaps=True)
        if self._group_bytes:
            self._seal()
        lines = self._in_order()
        write_lines(self.out / MANIFEST, lines)
        dataset = {"complete": complete, **count_lines(lines), **facts, "settings": self.settings}
        write_json(self.out / DATASET, dataset)
        if complete:
            self.remove_work()
        return dataset

    def remove_work(self) -> None:
        """Remove the folder of unfinished videos."""
        shutil.rmtree(self.work)

    def unseal(self, shard: str, damaged: set[str]) -> None:
        """Take a shard apart: its good videos wait in `work` again, and the damaged ones are to be done again."""
        for video, line in list(self.lines.items()):
            if line["shard"] != shard:
                continue
            if video not in damaged:
                waiting = work_path(self.work, video)
                with atomic_write(waiting.with_suffix(".tar")) as file:
                    places = [(said["offset"], said["size"]) for said in line["samples"]]
                    write_tar(file, (read_sample(self.out / shard, *place) for place in places))
                write_json(waiting.with_suffix(".json"), {**line, "shard": None, "samples": []})
            del self.lines[video]
            self._sealed.remove(video)
        # In this order: a process that is killed before the end leaves the shard in the manifest, or as a stray file.
        write_json(self.out / DATASET, {"complete": False, "settings": self.settings})
        write_lines(self.out / MANIFEST, self._in_order())
        for part in self.work.glob("shard-*.jsonl"):
            part.unlink()
        (self.out / shard).unlink(missing_ok=True)

    def _advance(self, over_gaps: bool = False) -> None:
        """Group the finished videos at the head of the order, and seal the group whenever it is big enough."""
        while self._head < len(self._order):
            video = self._order[self._head]
            line = self.lines.get(video)
            if line is None and not over_gaps:
                return
            self._head += 1
            if line is None or video in self._sealed:
                continue
            self._group.append(line)
            if line["clips"]:
                self._group_bytes += work_path(self.work, video).with_suffix(".tar").stat().st_size
            if self._group_bytes >= self.shard_bytes:
                self._seal()

    def _seal(self) -> None:
        name = self._next_name()
        with atomic_write(self.out / f"{name}.tar") as file:
            write_tar(file, self._samples(self._group))
        described = describe_samples(self.out / f"{name}.tar")
        for line in self._group:
            line["shard"] = f"{name}.tar" if line["clips"] else None
            line["samples"] = [described[key] for key in line["clips"]]
        write_lines(self.work / f"{name}.jsonl", self._group)
        for line in self._group:
            waiting = work_path(self.work, line["video"])
            waiting.with_suffix(".json").unlink()
            waiting.with_suffix(".tar").unlink(missing_ok=True)  # a refused video has none
            self._sealed.add(line["video"])
        self._group, self._group_bytes = [], 0

    def _next_name(self) -> str:
        """Return the first free name: usually the next one, or that of a shard that was taken apart."""
        taken = self._shards()
        return next(name for name in map("shard-{:06d}".format, count()) if f"{name}.tar" not in taken)

    def _samples(self, lines: list[Line]) -> Iterator[Sample]:
        for line in lines:
            if line["clips"]:
                yield from read_tar(work_path(self.work, line["video"]).with_suffix(".tar"))

    def _shards(self) -> set[str]:
        return {line["shard"] for video, line in self.lines.items() if video in self._sealed and line["shard"]}

    def _in_order(self) -> list[Line]:
        """All lines: those of this run's inputs in their order, then those of inputs that are gone."""
        known = dict.fromkeys([*self._order, *self.lines])
        lines = [self.lines[video] for video in known if video in self.lines]
        first: dict[str, str] = {}
        for line in lines:
            if line["sha256"] is not None:
                original = first.setdefault(line["sha256"], line["video"])
                line["duplicate_of"] = original if original != line["video"] else None
        return lines

    def _remove_strays(self) -> None:
        """Remove unfinished files of a killed run, and files that a shard contains by now."""
        shards, sealed = self._shards(), {work_path(self.work, video).name for video in self._sealed}
        for path in self.out.glob(f"*{TEMPORARY}"):
            path.unlink()
        for path in self.out.glob("shard-*.tar"):
            if path.name not in shards:
                path.unlink()
        for path in self.work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix == TEMPORARY or path.stem in sealed:
                path.unlink()

    def _clear(self) -> None:
        for path in [*self.out.glob("shard-*.tar"), self.out / MANIFEST, self.out / DATASET]:
            path.unlink(missing_ok=True)
        for path in self.work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


def load_sealed(out: Path, work: Path) -> dict[str, Line]:
    """Return the lines of all videos that are in shards, or refused, by video id."""
    files = [path for path in (out / MANIFEST, *sorted(work.glob("shard-*.jsonl"))) if path.is_file()]
    return {line["video"]: line for path in files for line in read_lines(path)}


def check_settings(out: Path, settings: Line) -> None:
    """Raise NpvfError if `out` was made with other settings, or contains shards of something else."""
    path = out / DATASET
    if not path.is_file():
        if next(out.glob("shard-*.tar"), None) or (out / MANIFEST).exists():
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
    if line.get("mask_sha256") != mask_hash(source):
        return False
    size_and_time = source_stamp(source)
    if [line["size_bytes"], line["mtime_ns"]] == list(size_and_time):
        return True
    return line["sha256"] is not None and size_and_time[0] is not None and line["sha256"] == source_hash(source)


def count_lines(lines: list[Line]) -> Line:
    """Summarise the lines of the manifest for `dataset.json`."""
    prepared = [line for line in lines if line["status"] == "prepared"]
    refused = Counter(line["reason"] for line in lines if line["status"] == "refused")
    return {
        "shards": sorted({line["shard"] for line in prepared}),
        "inputs": len(lines),
        "prepared": len(prepared),
        "refused": dict(sorted(refused.items())),
        "duplicates": sum(line["duplicate_of"] is not None for line in lines),
        "clips": sum(len(line["clips"]) for line in prepared),
        "hours": sum(line["seconds"] for line in prepared) / 3600,
        "phone_sources": dict(sorted(Counter(filter(None, (line["phone_source"] for line in prepared))).items())),
    }


def source_stamp(source: Source) -> tuple[int, int] | tuple[None, None]:
    """Return the `stamp` of the video together with its audio file."""
    (size, time), (more, later) = stamp(source.path), stamp(source.audio) if source.audio is not None else (0, 0)
    if size is None or time is None or more is None or later is None:
        return None, None
    return size + more, max(time, later)


def source_hash(source: Source) -> str:
    """Hash the content of the video, together with its audio file if it has one."""
    if source.audio is None:
        return sha256(source.path)
    return hashlib.sha256((sha256(source.path) + sha256(source.audio)).encode()).hexdigest()


def mask_hash(source: Source) -> str | None:
    """Hash the mask of a source; None if there is none."""
    return sha256(source.mask) if source.mask is not None and source.mask.is_file() else None
