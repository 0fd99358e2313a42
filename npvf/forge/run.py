"""`npvf forge`: make forgeries of real videos, and a line of forge.jsonl for each."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from npvf.clip import FAKE, FPS, REAL
from npvf.errors import NpvfError, Reason, Refused
from npvf.forge.kinds import COPIED, COPY, KINDS, Kind
from npvf.forge.sound_swap import find_donors
from npvf.forge.source_video import CRF, SourceVideo, write_forged
from npvf.io.files import write_lines
from npvf.io.sources import Source, find_sources
from npvf.io.workers import in_processes
from npvf.media.probe import probe


@dataclass(frozen=True)
class Summary:
    """The result of a run: the lines of forge.jsonl, one for each file, written or refused."""

    lines: list[dict[str, Any]]

    def count(self, status: str) -> Counter[str]:
        """Count the files with this status ("written" or "refused") by kind."""
        return Counter(line["manipulation"] for line in self.lines if line["status"] == status)


def forge(
    src: Path | str,
    out: Path | str,
    kinds: Sequence[str] = tuple(KINDS),
    per_clip: int = 1,
    seed: int = 0,
    copies: bool = False,
    workers: int = 1,
    crf: float = CRF,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Make `per_clip` forgeries of each kind from every real video in `src` (a folder or a CSV list).

    Each forgery is `<kind>/<video>-<kind>-<n>.mp4` with `.meta.json`, `.phones.json` if the phones of the audio are
    known, and `.mask.npz` if the forged pixels are known (`npvf.io.masks`). `copies` adds each original as kind
    "none" with label 0, and the unforged twin of kinds that have one. All files have the same decoding, cut and
    encoding, so that only the forgery tells them apart. `forge.jsonl` has one line for each file, with the reason if it
    was refused.

    Raises NpvfError for an unknown kind or quality, or if nothing can be made.
    """
    if unknown := sorted(set(kinds) - set(KINDS) - {COPY}):
        raise NpvfError(f"unknown kind of forgery {unknown[0]!r}; there are {', '.join([*KINDS, COPY])}")
    if not 0 <= crf <= 51:
        raise NpvfError(f"x264 has the qualities 0 (lossless) to 51, not {crf:g}")
    if per_clip < 1:
        raise ValueError("per_clip must be at least 1")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    sources = [video for item in find_sources(Path(src), skip=out).items if (video := _source_video(item, lines))]
    wanted = [_Wanted(name, n) for name in KINDS if name in kinds for n in range(per_clip)]
    if copies or COPY in kinds:
        wanted += [_Wanted(COPY, 0), *(replace(w, twin=True) for w in wanted if KINDS[w.kind].twin)]
    jobs = [
        (source, w, seed, find_donors(source, sources), w.made.donors(source, sources), out, crf)
        for source in sources
        for w in wanted
    ]
    _check_names(sources, wanted)
    for done, line in enumerate(in_processes(_forge_one, jobs, workers), 1):
        lines.append(line)
        if progress:
            progress(done, len(jobs))
    lines.sort(key=lambda line: (line["original"], line["manipulation"], line["video"] or ""))
    write_lines(out / "forge.jsonl", lines)
    if not any(line["status"] == "written" for line in lines):
        raise NpvfError(f"nothing could be made out of {src}: {lines[0]['sentence'] if lines else 'no videos'}")
    return Summary(lines)


def _source_video(source: Source, lines: list[dict[str, Any]]) -> SourceVideo | None:
    """Open a source as a `SourceVideo`; if it cannot be used, return None and a line with the reason."""
    try:
        if source.problem is not None:
            raise source.problem
        if source.annotation.label == FAKE:
            raise NpvfError(f"{source.video} is itself a forgery (label 1)")
        info = probe(source.path)
        if info.video is None:
            raise Refused(Reason.NO_VIDEO, f"{source.video} has no video stream.")
        if info.audio is None:
            raise Refused(Reason.NO_AUDIO, f"{source.video} has no sound.")
        length = info.video.duration or info.duration
    except NpvfError as error:
        lines.append(_refusal(source.video, None, error))
        return None
    return SourceVideo(source.video, source.path, source.annotation, round(length * FPS) / FPS)


def _check_names(sources: list[SourceVideo], wanted: Sequence[_Wanted]) -> None:
    """Raise NpvfError if two sources, such as a.mp4 and a.mpg, would be written to one file."""
    for job in wanted[:1]:
        seen: dict[str, str] = {}
        for source in sources:
            other = seen.setdefault(job.name(source.video), source.video)
            if other != source.video:
                raise NpvfError(f"{other} and {source.video} would be forged into one file; rename one of them")


@dataclass(frozen=True)
class _Wanted:
    """One file to make of each source: the n-th of a kind, or the unforged twin of one."""

    kind: str
    n: int
    twin: bool = False

    @property
    def made(self) -> Kind:
        """The kind of forgery."""
        return COPIED if self.kind == COPY else KINDS[self.kind]

    @property
    def manipulation(self) -> str | None:
        """Return the manipulation in sidecars; None: the file is real."""
        return None if self.twin or self.kind == COPY else self.kind

    def name(self, video: str) -> str:
        """Return the path of the file, relative to the folder of all forgeries."""
        original = PurePosixPath(video)
        stem = f"{original.stem}-{COPY}-{self.kind}-{self.n}" if self.twin else f"{original.stem}-{self.kind}-{self.n}"
        # A list may contain absolute paths, or paths outside its folder, but forgeries must stay in OUT.
        folders = ["_" if part == ".." else part for part in original.parent.parts if part != original.anchor]
        return str(PurePosixPath(self.manipulation or COPY, *folders, f"{stem}.mp4"))


def _forge_one(
    source: SourceVideo,
    wanted: _Wanted,
    seed: int,
    sounds: list[SourceVideo],
    donors: list[SourceVideo],
    out: Path,
    crf: float,
) -> dict[str, Any]:
    """Make one file and its line."""
    # A swap of the audio may need a cut. All kinds are cut alike, so that an early end does not give a forgery away.
    seeds = [seed, zlib.crc32(source.video.encode()), wanted.n]
    rng = np.random.default_rng(seeds)
    sounds = [sounds[k] for k in rng.permutation(len(sounds))]
    frames = min([source.frames] + [d.frames for d in sounds[:1]])
    own = np.random.default_rng([*seeds, zlib.crc32(wanted.kind.encode())])
    made = wanted.made
    lent = sounds if made.donors is find_donors else [donors[k] for k in own.permutation(len(donors))]
    make = made.twin if wanted.twin and made.twin else made.make
    labels = (made.audio_label, made.video_label) if wanted.manipulation else (REAL, REAL)
    name = wanted.name(source.video)
    try:
        forged = make(source, frames, lent, own)
        write_forged(forged, source, wanted.manipulation, out / name, labels, crf)
    except NpvfError as error:
        return _refusal(source.video, wanted.manipulation or COPY, error)
    line = {"video": name, "original": source.video, "manipulation": wanted.manipulation or COPY, "status": "written"}
    return line | ({"sound": forged.heard.video} if forged.heard else {}) | {"recipe": forged.recipe}


def _refusal(original: str, kind: str | None, error: NpvfError) -> dict[str, Any]:
    reason = str(error.reason) if isinstance(error, Refused) else "impossible"
    sentence = error.sentence if isinstance(error, Refused) else str(error)
    line = {"video": None, "original": original, "manipulation": kind or "any", "status": "refused"}
    return line | {"reason": reason, "sentence": sentence}
