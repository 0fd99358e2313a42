"""`npvf forge`: which clips become which forgeries, and the line that says so for each."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from npvf.clip import FAKE, FPS
from npvf.data.files import write_lines
from npvf.data.sources import Source, find_sources
from npvf.errors import NpvfError, Reason, Refused
from npvf.forge.calibrated import calibrated
from npvf.forge.copy import copy
from npvf.forge.mouth_swap import mouth_calibrated, mouth_reanimated
from npvf.forge.sound_shift import sound_shift
from npvf.forge.sound_swap import find_donors, sound_swap
from npvf.forge.take import Forged, Take, write_forged
from npvf.media.probe import probe
from npvf.synth.corpus import in_processes

KINDS: dict[str, Callable[[Take, int, list[Take], np.random.Generator], Forged]] = {
    "sound_swap": sound_swap,
    "sound_shift": sound_shift,
    "calibrated": calibrated,
    "mouth_calibrated": mouth_calibrated,
    "mouth_reanimated": mouth_reanimated,
}
COPY = "none"


@dataclass(frozen=True)
class Summary:
    """What became of the sources: files written and refused of each kind. `lines` are those of forge.jsonl."""

    lines: list[dict[str, Any]]

    def count(self, status: str) -> Counter[str]:
        """Kind -> how many have this status ("written" or "refused")."""
        return Counter(line["manipulation"] for line in self.lines if line["status"] == status)


def forge(
    src: Path | str,
    out: Path | str,
    kinds: Sequence[str] = tuple(KINDS),
    per_clip: int = 1,
    seed: int = 0,
    copies: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Makes `per_clip` forgeries of each kind out of every real video in `src` (a folder or a CSV list).

    Writes `<kind>/<video>-<kind>-<n>.mp4` with `.meta.json`, where the sound's are known `.phones.json`, and where only
    a part of the picture is forged `.mask.npz` (`npvf.data.masks`); `copies` adds each original as kind
    "none", label 0. All go through the same decoding, cut and encoding, so that nothing but the forgery tells them
    apart. `forge.jsonl` has one line for every file, written or refused and why.

    Raises NpvfError for an unknown kind, or where nothing at all can be made.
    """
    if unknown := sorted(set(kinds) - set(KINDS) - {COPY}):
        raise NpvfError(f"unknown kind of forgery {unknown[0]!r}; there are {', '.join([*KINDS, COPY])}")
    if per_clip < 1:
        raise ValueError("per_clip must be at least 1")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    takes = [take for source in find_sources(Path(src), skip=out).items if (take := _take(source, lines))]
    wanted = [(kind, n) for kind in KINDS if kind in kinds for n in range(per_clip)]
    wanted += [(COPY, 0)] if copies or COPY in kinds else []
    jobs = [(take, kind, n, seed, find_donors(take, takes), out) for take in takes for kind, n in wanted]
    for done, line in enumerate(in_processes(_forge_one, jobs, workers), 1):
        lines.append(line)
        if progress:
            progress(done, len(jobs))
    lines.sort(key=lambda line: (line["original"], line["manipulation"], line["video"] or ""))
    write_lines(out / "forge.jsonl", lines)
    if not any(line["status"] == "written" for line in lines):
        raise NpvfError(f"nothing could be made out of {src}: {lines[0]['sentence'] if lines else 'no videos'}")
    return Summary(lines)


def _take(source: Source, lines: list[dict[str, Any]]) -> Take | None:
    """The source as a take, or None and a line that says why not."""
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
    return Take(source.video, source.path, source.annotation, round(length * FPS) / FPS)


def _forge_one(take: Take, kind: str, n: int, seed: int, donors: list[Take], out: Path) -> dict[str, Any]:
    """One file and its line."""
    # The cut is drawn from what a swap needs, and is the same for every kind: an early end gives no forgery away.
    rng = np.random.default_rng([seed, zlib.crc32(take.video.encode()), n])
    donors = [donors[k] for k in rng.permutation(len(donors))]
    frames = min([take.frames] + [d.frames for d in donors[:1]])
    own = np.random.default_rng([seed, zlib.crc32(take.video.encode()), n, zlib.crc32(kind.encode())])
    original = PurePosixPath(take.video)
    name = PurePosixPath(kind) / original.parent / f"{original.stem}-{kind}-{n}.mp4"
    try:
        forged = KINDS.get(kind, copy)(take, frames, donors, own)
        write_forged(forged, take, None if kind == COPY else kind, out / name)
    except NpvfError as error:
        return _refusal(take.video, kind, error)
    line = {"video": str(name), "original": take.video, "manipulation": kind, "status": "written"}
    return line | ({"sound": forged.heard.video} if forged.heard else {})


def _refusal(original: str, kind: str | None, error: NpvfError) -> dict[str, Any]:
    reason = str(error.reason) if isinstance(error, Refused) else "impossible"
    sentence = error.sentence if isinstance(error, Refused) else str(error)
    line = {"video": None, "original": original, "manipulation": kind or "any", "status": "refused"}
    return line | {"reason": reason, "sentence": sentence}
