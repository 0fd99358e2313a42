"""A prepared corpus while it is made: in its folder, or in a folder of this machine for a URL.

At a URL, whatever is complete is uploaded at once and whole: a shard, then its lines; in the end the manifest and
`dataset.json`. A run on any machine goes on by what is there. Videos that no shard contains yet are in the folder of
the machine that prepared them; those of parts (`npvf.prepare.parts`) are uploaded, since another machine makes shards
of them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from npvf.faces.model_file import cache_folder
from npvf.io.corpus import DATASET, MANIFEST
from npvf.io.urls import Place, download, is_url, join, list_files, remove, upload

WORK = ".work"


class Published:
    """A prepared corpus and the folder it is made in; of a local corpus they are one, and publishing does nothing.

    Args:
        out: path or URL of the corpus.
        settings: of its videos: work of other settings is in another folder.
        staging: the folder of this machine for a corpus at a URL, by default in npvf's cache.

    Attributes:
        folder: where it is made. It exists, with a folder `WORK` in it.
        shards: names of the shards that are there.
        check: called before the corpus is changed; raises NpvfError where it must not be (`npvf.prepare.locks`).
    """

    def __init__(self, out: Place, settings: dict[str, Any], staging: Path | None = None) -> None:
        self.out = out
        self.url = str(out) if is_url(out) else None
        self.folder = Path(out)
        self._waiting: set[str] = set()
        if self.url is not None:
            name = hashlib.sha256(json.dumps([self.url, settings], sort_keys=True).encode()).hexdigest()[:16]
            self.folder = (staging or cache_folder() / "staging") / name
        self.work = self.folder / WORK
        self.work.mkdir(parents=True, exist_ok=True)
        self.shards: set[str] = set()
        self.check: Callable[[], None] = lambda: None

    def pull(self) -> None:
        """Look at what is there. From a URL, fetch the lines of earlier runs."""
        if self.url is None:
            self.shards = {path.name for path in self.folder.glob("shard-*.tar")}
            return
        for stale in (*self.folder.glob("shard-*.tar"), *self.work.glob("shard-*.jsonl")):
            stale.unlink()
        for name in (DATASET, MANIFEST):
            (self.folder / name).unlink(missing_ok=True)
        files = list_files(self.url, recursive=False)
        work = list_files(f"{self.url}/{WORK}", recursive=False)
        self.shards = {name for name in files if _is_shard(name)}
        self._waiting = {name for name in work if not name.startswith("shard-")}
        self._fetch([name for name in (DATASET, MANIFEST) if name in files])
        self._fetch([f"{WORK}/{name}" for name in sorted(work) if name.startswith("shard-")])

    def publish(self, *names: str, keep: bool = True) -> None:
        """Upload files, in this order. Those that need not stay on this machine are removed from it."""
        for name in names if self.url is not None else ():
            self.check()
            upload(self.folder / name, f"{self.url}/{name}")
            if not keep:
                (self.folder / name).unlink()

    def place(self, name: str) -> Place:
        """The path or URL of a file of the corpus."""
        return join(self.out, name)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files of the corpus, where they are there."""
        names = list(names)
        self.check()
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        if self.url is not None:
            remove([f"{self.url}/{name}" for name in names])

    def fetch_waiting(self, stems: Iterable[str], suffix: str) -> None:
        """Fetch files of videos that wait at the URL for a shard, unless they are on this machine."""
        names = [f"{stem}{suffix}" for stem in stems if f"{stem}{suffix}" in self._waiting]
        self._fetch([f"{WORK}/{name}" for name in names if not (self.work / name).is_file()])

    def remove_waiting(self, stems: Iterable[str]) -> None:
        """Remove videos from the URL that a shard contains by now."""
        names = [f"{stem}{suffix}" for stem in stems for suffix in (".json", ".tar")]
        self.remove(f"{WORK}/{name}" for name in names if name in self._waiting)

    def remove_work(self) -> None:
        """Remove everything of unfinished work, here and there."""
        self.check()
        shutil.rmtree(self.work if self.url is None else self.folder)
        if self.url is not None:
            remove([f"{self.url}/{WORK}/{name}" for name in list_files(f"{self.url}/{WORK}")])

    def clear(self) -> None:
        """Remove the corpus and all work on it, to make it anew."""
        self.remove([*sorted(self.shards), MANIFEST, DATASET])
        if self.url is not None:
            self.remove([f"{WORK}/{name}" for name in list_files(f"{self.url}/{WORK}")])
        for path in self.work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith("lock"):
                path.unlink()
        self.shards, self._waiting = set(), set()

    def _fetch(self, names: list[str]) -> None:
        by_folder: dict[Path, list[str]] = {}
        for name in names:
            by_folder.setdefault((self.folder / name).parent, []).append(f"{self.url}/{name}")
        for folder, urls in by_folder.items():
            download(urls, folder)


def _is_shard(name: str) -> bool:
    return name.startswith("shard-") and name.endswith(".tar")
