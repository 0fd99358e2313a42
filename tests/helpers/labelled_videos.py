"""A prepared corpus that holds everything `npvf evaluate` can measure, and a detector that says what it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logit

from npvf.clip import FAKE, FPS, SEGMENT_FRAMES, Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.predictor import Predictor
from npvf.io.annotations import cut_label
from npvf.io.corpus import Corpus
from tests.helpers.tiny_corpus import blob_clip, write_corpus

FRAMES = 75
FORGED = ((1.0, 2.0),)
PEOPLE = [(f"p{i}", {"gender": "women" if i % 2 else "men", "race": "ABC"[i % 3]}) for i in range(8)]
CATEGORIES = {"swap": "B", "shift": "C"}


def line(video: str, label: int | None, **more: Any) -> dict[str, Any]:
    """A line of the manifest."""
    unknown = dict.fromkeys(("reason", "manipulation", "identity", "original", "split", "category"))
    said = {"status": "prepared", "sha256": video, "identities": [], "attributes": {}, "intervals": []}
    return {"video": video, "label": label, **said, **unknown, **more}


def make_corpus(folder: Path, lines: list[dict[str, Any]], clips: list[Clip]) -> Corpus:
    write_corpus(folder, clips)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return Corpus(folder)


def people_corpus(folder: Path, silence: int = 0, missing: bool = True) -> Corpus:
    """Of each of eight people a real video, a swap and a shift; forged in one second.

    Fakes begin with `silence` silent frames. Two files were not there (`missing`).
    """
    lines, clips = [], []
    for n, (person, attributes) in enumerate(PEOPLE):
        who = {"identity": person, "identities": [person], "attributes": attributes, "split": "test"}
        for kind in (None, "swap", "shift"):
            video = f"{person}-{kind or 'real'}"
            intervals = FORGED if kind else ()
            said = {"manipulation": kind, "category": CATEGORIES.get(kind or "", "A"), "intervals": intervals}
            lines.append(line(video, FAKE if kind else 0, original=f"{person}-real" if kind else None, **who, **said))
            label, inside = cut_label(FAKE if kind else 0, intervals, 0, FRAMES / FPS)
            clip = blob_clip(video, seed=n, frames=FRAMES, label=label, intervals=inside)
            rng = np.random.default_rng(n)
            clip.audio_N = rng.normal(0, 0.1, len(clip.audio_N)).astype(np.float32).clip(-1, 1)
            clip.audio_N[: 640 * silence * bool(kind)] = 0
            clips.append(clip)
    if missing:
        gone = {"status": "refused", "reason": "not_found", "sha256": None}
        lines += [line("gone-real", 0, identity="p0", split="test", **gone)]
        lines += [line("gone-fake", 1, identity="p1", split="test", manipulation="swap", category="B", **gone)]
    return make_corpus(folder, lines, clips)


class Teller(Predictor):
    """Says of each segment how much of it is forged, drowned in `blind` times noise that is fixed for each video."""

    def __init__(self, blind: float = 0.3, seed: int = 0) -> None:
        self.blind, self.seed = blind, seed
        self.settings = DecisionSettings(name="teller", undecided=0.0)
        self.heard: list[tuple[str, int]] = []  # keys and lengths of the clips

    def score_clip(self, clip: Clip) -> ClipScore:
        self.heard.append((clip.meta.key, clip.frames))
        rng = np.random.default_rng([self.seed, *clip.meta.video.encode()])
        starts = [*range(0, clip.frames - SEGMENT_FRAMES + 1, 12)]
        spans = [(s / FPS, (s + SEGMENT_FRAMES) / FPS) for s in starts]
        forged = [
            sum(max(0.0, min(b, end) - max(a, start)) for a, b in clip.meta.intervals) / (end - start)
            for start, end in spans
        ]
        noise = self.blind * rng.normal() + 0.3 * self.blind * rng.normal(size=len(starts))
        p = (0.1 + 0.8 * np.array(forged) + noise).clip(0.01, 0.99)
        named = clip.meta.key, clip.meta.video, clip.meta.track
        return ClipScore(*named, tuple(logit(p).tolist()), tuple(starts))
