"""Encoders, other people's detectors and plain measures of synchrony side by side, on the same clips.

    python benchmarks/peers.py data/strangers --encoders runs/lips/encoder runs/tiny/encoder runs/conv/encoder \\
        --lr-asd path/to/LR-ASD --swap-reach 7

The protocol is that of `npvf evaluate --pretrained` (docs/evaluation.md): the clips of the speakers in unforged videos,
with their own sound, swapped sound and shifted sound. Each encoder is a folder: npvf's own, the paper's model (pixels
and mel, `npv_tiny` or `npv_nano`), plain convolutions (`conv_two_tower`). Two measures learn nothing: the aperture of
the lips against the energy of the audio, and their changes. LR-ASD is measured if a copy of it is given.

A second table asks a coarser question of the same measures: does anybody here speak? Windows of 1.2 s in which the
recogniser hears speech, with their own sound, are told from the same windows with the speech of another person
(a voice-over on a mouth that speaks), and from windows in which the recogniser hears nothing, with the speech of
another person (a voice-over on a mouth that rests). The movement of the lips alone stands beside them. Time is CPU
seconds for each second of the clip, from a decoded clip to comparable features.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lr_asd import LRASD, JudgedPairs
from machine import device_name, report, seconds

from npvf.clip import FPS, Clip
from npvf.data.selection import Selection
from npvf.detect.scoring import embed_clip
from npvf.evaluate.detection import bootstrap_groups
from npvf.evaluate.sync import UNFORGED, distinct_videos, speaker_clips
from npvf.evaluate.video_scores import selected_lines
from npvf.faces.speaking import energy_envelope, lip_aperture
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import Bootstrap, Estimate
from npvf.metrics.catalogue import estimate_text
from npvf.metrics.detection import auc
from npvf.metrics.sync_embeddings import CorrelatedCurves, FramewiseFeatures, Streams
from npvf.metrics.sync_protocol import Settings, SynchronyMetrics, measure_synchrony
from npvf.models.npv.npv import NPV

WINDOW = 30  # frames of a window of the second table
SPOKEN = 0.6  # share of a window's frames with a phone, from which on it counts as speech
DRAWS = 4  # windows of other people that each window is compared with
CHANGES = "their changes"
METRICS = ("swap_auc", "shift_auc", "halves_agree", "retrieval_r1")


@dataclass
class Method:
    """Something that compares lips with audio.

    Attributes:
        name: of its row.
        embed: what it computes of each clip.
        join: makes comparable streams of what it computed of all clips: "all frames", or also "gated".
        parts: what it computed, clip by clip.
        cost: CPU seconds so far.
    """

    name: str
    embed: Callable[[Clip], Any]
    join: Callable[[Sequence[Any]], dict[str, Streams]]
    parts: list[Any] = field(default_factory=list)
    cost: float = 0.0

    def add(self, clip: Clip) -> None:
        """Compute what it needs of one clip."""
        self.cost += seconds(lambda: self.parts.append(self.embed(clip)))


def main() -> None:
    """Measure all methods, print two tables, write them as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder of `npvf prepare`")
    parser.add_argument("--encoders", nargs="*", default=[], metavar="DIR", help="encoder folders, or shipped weights")
    parser.add_argument("--lr-asd", type=Path, metavar="FOLDER", help="a copy of LR-ASD's repository")
    parser.add_argument("--swap-reach", type=int, default=7, help="as in npvf evaluate (default: %(default)s)")
    parser.add_argument("--segments", type=int, default=60, help="as in npvf evaluate (default: %(default)s)")
    parser.add_argument("--include", nargs="+", default=["*"], metavar="PATTERN", help="only videos with such names")
    parser.add_argument("--bootstrap", type=int, default=1000, help="resamples (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/peers"))
    args = parser.parse_args()
    settings = Settings(args.segments, swap_reach=args.swap_reach, bootstrap=Bootstrap(args.bootstrap))
    methods = [*plain_measures(), *map(encoder, args.encoders)]
    if args.lr_asd:
        methods.append(active_speaker_detector(args.lr_asd))
    clips = Clips()
    for clip in protocol_clips(Corpus(args.corpus), tuple(args.include)):
        clips.add(clip)
        for method in methods:
            method.add(clip)
    if not clips.names:
        raise SystemExit(f"{args.corpus} holds no unforged clip of a speaker in this selection")
    name = f"{args.corpus.name}-{device_name()}.csv"
    report(synchrony_rows(methods, clips, settings), args.out / f"peers-{name}")
    if rows := speaking_rows(methods, clips, settings):
        report(rows, args.out / f"peers-speaking-{name}")
    else:
        print("no two people speak for a whole window, so that voice-overs cannot be told apart")


def protocol_clips(corpus: Corpus, include: tuple[str, ...]) -> Iterator[Clip]:
    """The clips of `npvf evaluate --pretrained`."""
    selection = Selection(label=UNFORGED.label, include=include)
    return speaker_clips(corpus, selection, distinct_videos(selected_lines(corpus, selection)))


@dataclass
class Clips:
    """Facts about the clips that all methods see."""

    names: list[str] = field(default_factory=list)
    identities: list[str | None] = field(default_factory=list)
    spoken: list[np.ndarray] = field(default_factory=list)  # (T,) bool: the recogniser hears a phone

    def add(self, clip: Clip) -> None:
        """Note one clip."""
        self.names.append(clip.meta.video)
        self.identities.append(clip.meta.identity)
        spoken_T = np.zeros(clip.frames, bool)
        for phone in clip.phones.items:
            if phone.phone != "sil":
                spoken_T[int(phone.start * FPS) : int(np.ceil(phone.end * FPS))] = True
        self.spoken.append(spoken_T)

    @property
    def groups(self) -> list[str]:
        """The unit that the bootstrap draws, for each clip."""
        return bootstrap_groups(list(zip(self.identities, self.names, strict=True)), "auto")[0]

    @property
    def seconds(self) -> float:
        """The length of all clips together."""
        return sum(map(len, self.spoken)) / FPS


def plain_measures() -> list[Method]:
    """Lip aperture against sound energy, by level and by change."""
    return [
        Method("aperture and energy", partial(curves, change=False), correlated),
        Method(CHANGES, partial(curves, change=True), correlated),
    ]


def curves(clip: Clip, change: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lip aperture and the energy of the sound of each frame, (T,) each, or how they change."""
    pair = lip_aperture(clip.landmarks_TN2), energy_envelope(clip.audio_N)[: clip.frames]
    return (np.gradient(pair[0]), np.gradient(pair[1])) if change else pair


def correlated(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, Streams]:
    """Both curves of all clips."""
    aperture, energy = zip(*parts, strict=True)
    return {"all frames": CorrelatedCurves(aperture, energy)}


def encoder(folder: str) -> Method:
    """An encoder of npvf, on all frames and on those inside its phone gate."""
    model = NPV.from_pretrained(folder)
    return Method(f"{model.config.name} ({folder})", torch.no_grad()(partial(embed_clip, model)), features)


def features(parts: Sequence[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> dict[str, Streams]:
    """The unit vectors of all clips."""
    v, a, gate = zip(*parts, strict=True)
    return {"all frames": FramewiseFeatures(v, a), "gated": FramewiseFeatures(v, a, gate)}


def active_speaker_detector(folder: Path) -> Method:
    """LR-ASD. Its time contains no comparison, which takes another run of its back end for each pair."""
    detector = LRASD(folder)
    return Method("LR-ASD", detector.embed, lambda parts: {"all frames": JudgedPairs(detector, parts)})


def synchrony_rows(methods: Sequence[Method], clips: Clips, settings: Settings) -> list[dict[str, Any]]:
    """A row for each method and the frames that it compares."""
    rows = []
    for method in methods:
        for frames, streams in method.join(method.parts).items():
            found = measure_synchrony(streams, clips.identities, clips.groups, settings)
            rows.append(_row(method, frames, found, clips))
    return rows


def _row(method: Method, frames: str, found: SynchronyMetrics, clips: Clips) -> dict[str, Any]:
    row: dict[str, Any] = {"method": method.name, "frames": frames, "clips": found.clips}
    row |= {name: estimate_text(found.estimates.get(name)) for name in METRICS}
    return row | {"cpu_seconds_a_second": round(method.cost / clips.seconds, 3)}


def speaking_rows(methods: Sequence[Method], clips: Clips, settings: Settings) -> list[dict[str, Any]]:
    """A row for each method: how well it tells windows of people who speak from two kinds of voice-over.

    There is none if no two people speak.
    """
    windows = Windows.of(clips, settings.seed)
    if not windows.foreign:
        return []
    aperture_changes = next(method.parts for method in methods if method.name == CHANGES)
    moved = [float(np.std(aperture_changes[clip][0][first : first + WINDOW])) for clip, first in windows.places]
    rows = [_speaking_row("movement of the lips", lambda picture, sound: moved[picture], windows, settings)]
    for method in methods:
        cut = [tuple(x[first : first + WINDOW] for x in method.parts[clip]) for clip, first in windows.places]
        streams = method.join(cut)["all frames"]
        rows.append(_speaking_row(method.name, partial(_best, streams, settings.swap_reach), windows, settings))
    return rows


@dataclass(frozen=True)
class Windows:
    """Windows of 1.2 s and what is compared, as pairs (picture, sound) of their indices.

    Attributes:
        places: clip and first frame of each window.
        people: what the bootstrap draws as a whole, for each window.
        own: windows with speech and their own sound.
        foreign: "a mouth that speaks" or "a mouth that rests", with the speech of other people.
    """

    places: list[tuple[int, int]]
    people: list[str]
    own: list[tuple[int, int]]
    foreign: dict[str, list[tuple[int, int]]]

    @classmethod
    def of(cls, clips: Clips, seed: int) -> Windows:
        """Cut all clips into windows side by side, and draw other people's speech for each."""
        rng = np.random.default_rng(seed)
        cuts = [(n, at) for n, one in enumerate(clips.spoken) for at in range(0, len(one) - WINDOW + 1, WINDOW)]
        shares = [float(clips.spoken[clip][at : at + WINDOW].mean()) for clip, at in cuts]
        kept = [index for index, share in enumerate(shares) if share >= SPOKEN or share == 0]
        places = [cuts[index] for index in kept]
        groups = clips.groups
        people = [groups[clip] for clip, _ in places]
        speaking = [number for number, index in enumerate(kept) if shares[index] >= SPOKEN]
        resting = [number for number, index in enumerate(kept) if shares[index] == 0]

        def with_others(pictures: Sequence[int]) -> list[tuple[int, int]]:
            others = {name: [sound for sound in speaking if people[sound] != name] for name in set(people)}
            return [(n, sound) for n in pictures for sound in rng.permutation(others[people[n]])[:DRAWS].tolist()]

        pairs = {"a mouth that speaks": with_others(speaking), "a mouth that rests": with_others(resting)}
        foreign = {kind: found for kind, found in pairs.items() if found}
        return cls(places, people, [(number, number) for number in speaking], foreign)


def _best(streams: Streams, reach: int, picture: int, sound: int) -> float:
    return float(np.nanmax(streams.curve(picture, sound, reach)))


def _speaking_row(
    name: str, score: Callable[[int, int], float], windows: Windows, settings: Settings
) -> dict[str, Any]:
    row: dict[str, Any] = {"method": name, "windows_with_own_speech": len(windows.own)}
    own = [score(*pair) for pair in windows.own]
    for kind, pairs in windows.foreign.items():
        scores = np.array([*own, *(score(*pair) for pair in pairs)])
        labels = np.repeat([1, 0], [len(own), len(pairs)])
        groups = [windows.people[picture] for picture, _ in (*windows.own, *pairs)]
        row[f"pairs_of_{kind}".replace(" ", "_")] = len(pairs)
        row[f"auc_against_{kind}".replace(" ", "_")] = estimate_text(_auc(scores, labels, groups, settings.bootstrap))
    return row


def _auc(scores: np.ndarray, labels: np.ndarray, groups: list[str], bootstrap: Bootstrap) -> Estimate:
    return bootstrap.estimates(lambda w_RN: {"auc": auc(scores, labels, w_RN)}, groups)["auc"]


if __name__ == "__main__":
    main()
