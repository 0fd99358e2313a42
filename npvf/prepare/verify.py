"""Re-read a prepared corpus: `npvf prepare --verify`.

Every sample is compared with its hash in the manifest, and every count with the lines. A damaged shard is taken apart:
its good videos wait in `.work/` again, its damaged ones are forgotten, and the next `npvf prepare` makes the same shard
anew from both.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from npvf.errors import NpvfError
from npvf.io.corpus import DATASET, MANIFEST
from npvf.io.files import read_json
from npvf.io.shards import read_sample
from npvf.io.urls import Place, as_place, exists, join, local_copy
from npvf.prepare.ledger import Line, count_lines
from npvf.prepare.manifest import Store
from npvf.prepare.published import WORK


@dataclass(slots=True)
class Verified:
    """The result of `verify`.

    Attributes:
        samples: number of samples that were read and are right.
        damage: one sentence for each damaged shard or count; empty: the corpus is right.
        to_prepare: the videos that the next `npvf prepare` has to do again.
        complete: False if the corpus is not finished, before or after the repair.
    """

    samples: int = 0
    damage: list[str] = field(default_factory=list)
    to_prepare: list[str] = field(default_factory=list)
    complete: bool = True


def verify(out: Place, staging: Path | None = None) -> Verified:
    """Read every shard of a prepared corpus, compare hashes and counts, and repair what can be repaired.

    Shards at a URL are fetched one by one. `staging` is the folder of this machine that `prepare` used for them.

    Raises:
        NpvfError: `out` is not a prepared corpus, or its `dataset.json` or `manifest.jsonl` cannot be read.
    """
    out = as_place(out)
    dataset = _read_dataset(out)
    unfinished = not dataset["complete"] or (isinstance(out, Path) and (out / WORK).exists())
    found = Verified(complete=dataset["complete"])
    try:
        store = Store(out, dataset["settings"], staging=staging)
    except json.JSONDecodeError as error:
        raise NpvfError(f"a manifest in {out} cannot be read ({error}). Prepare it again with --overwrite.") from error
    with store:
        for shard, videos in sorted(_by_shard(store).items()):
            damaged = _damaged_videos(store, shard, videos, found)
            if damaged is None:
                continue
            found.to_prepare += damaged
            found.damage.append(f"{shard}: {len(damaged)} of {len(videos)} videos are damaged")
            store.unseal(shard, videos, set(damaged))
            found.complete = False
        if found.complete:
            _repair_counts(dataset, store, found)
        if found.complete and not unfinished:
            store.remove_work()
    return found


def _read_dataset(out: Place) -> Line:
    path, manifest = join(out, DATASET), join(out, MANIFEST)
    try:
        dataset: Line = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        raise NpvfError(
            f"{out} is not a prepared corpus: it has no {DATASET}. Prepare it again with --overwrite."
        ) from None
    except ValueError as error:
        raise NpvfError(f"{path} cannot be read ({error}). Prepare {out} again with --overwrite.") from error
    if dataset["complete"] and not (manifest.is_file() if isinstance(manifest, Path) else exists(manifest)):
        raise NpvfError(f"{out} has no {MANIFEST}. Prepare it again with --overwrite.")
    return dataset


def _by_shard(store: Store) -> dict[str, list[str]]:
    """Return the videos in each shard."""
    shards: dict[str, list[str]] = defaultdict(list)
    for video in store.ledger:
        if shard := store.ledger.read(video)["shard"]:
            shards[shard].append(video)
    return shards


def _damaged_videos(store: Store, shard: str, videos: list[str], found: Verified) -> list[str] | None:
    """Return the videos of a shard with a damaged sample; None if the whole file is right."""
    try:
        with local_copy(store.published.place(shard)) as path:
            return _compare(path, map(store.ledger.read, videos), found)
    except FileNotFoundError:
        return videos


def _compare(path: Path, lines: Iterable[Line], found: Verified) -> list[str] | None:
    damaged = []
    end = 0
    for line in lines:
        good = sum(_is_good(path, key, said) for key, said in zip(line["clips"], line["samples"], strict=True))
        found.samples += good
        end = max(end, *(said["offset"] + said["size"] for said in line["samples"]))
        if good < len(line["clips"]):
            damaged.append(line["video"])
    return damaged if damaged or not _ends_well(path, end) else None


def _is_good(path: Path, key: str, said: Line) -> bool:
    """Compare a sample with its hash. Corpora of earlier versions have no hashes: there it must be readable."""
    with path.open("rb") as file:
        file.seek(said["offset"])
        content = file.read(said["size"])
    if "sha256" in said:
        return hashlib.sha256(content).hexdigest() == said["sha256"]
    try:
        return read_sample(path, said["offset"], said["size"])["__key__"] == key
    except NpvfError:
        return False


def _ends_well(path: Path, end: int) -> bool:
    """Return True if at least two empty blocks, and nothing else, follow the last sample."""
    with path.open("rb") as file:
        file.seek(end)
        rest = file.read()
    return len(rest) >= 1024 and not any(rest)


def _repair_counts(dataset: Line, store: Store, found: Verified) -> None:
    counts = count_lines(map(store.ledger.read, store.ledger))
    wrong = sorted(name for name, value in counts.items() if dataset.get(name) != value)
    if wrong:
        found.damage.append(f"{DATASET}: {', '.join(wrong)} did not fit the manifest and were written anew")
        store.say({**dataset, **counts})
