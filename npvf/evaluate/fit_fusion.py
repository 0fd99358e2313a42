"""Fitting the fusion of NPV and ST-DDL on a prepared corpus of people that neither was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from npvf.clip import FAKE, REAL, Clip, ClipMeta
from npvf.data.selection import Selection, read_meta
from npvf.detect.fused import FusedDetector
from npvf.detect.fusion import Fusion, Opinion, fusion_figures
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.shards import Sample, decode_clip


@dataclass(slots=True)
class Opinions:
    """The speaking face of each video: scores of both methods, label, and identity.

    `left_out` counts by reason the videos of which there are not two opinions.
    """

    opinions: list[Opinion] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def collect_opinions(
    corpus: Corpus, detector: FusedDetector, selection: Selection, on_clip: Callable[[], object] = lambda: None
) -> Opinions:
    """Ask both methods about every labelled video that the selection keeps."""
    found = Opinions()
    for clips in clips_by_video(corpus, selection, on_clip):
        metas: list[ClipMeta] = []
        both = {
            track: said
            for track, said in detector.opinions([*detector.score_clips(_noting(clips, metas))]).items()
            if said.both
        }
        if not both:
            found.left_out[metas[0].no_sound or "too_little_speech"] += 1
            continue
        track = max(both, key=lambda number: detector.fusion.probability(both[number]))
        shown = [meta for meta in metas if meta.track == track]
        found.opinions.append(both[track])
        found.labels.append(FAKE if any(meta.label == FAKE for meta in shown) else REAL)
        found.people.append(shown[0].person)
    return found


def fit_fusion(found: Opinions) -> tuple[Fusion, dict[str, Any]]:
    """The fusion, and what was measured with it.

    Raises:
        NpvfError: there are not both real and fake videos of which both methods have an opinion.
    """
    reals, fakes = found.labels.count(REAL), found.labels.count(FAKE)
    if not reals or not fakes:
        raise NpvfError(
            f"both methods have an opinion of {reals} real and {fakes} fake videos: a fusion needs both. "
            "Choose others with --split, or prepare more."
        )
    figures = fusion_figures(found.opinions, found.labels, found.people)
    return Fusion.fit(found.opinions, found.labels, found.people), {
        "real": reals,
        "fake": fakes,
        **figures,
        "left_out": dict(found.left_out),
    }


def clips_by_video(
    corpus: Corpus, selection: Selection, on_clip: Callable[[], object] = lambda: None
) -> Iterator[Iterator[Clip]]:
    """The clips of each video that a selection keeps, decoded one at a time; in shards a video's clips are together."""

    def decoded(samples: Iterable[Sample]) -> Iterator[Clip]:
        for sample in samples:
            yield decode_clip(sample)
            on_clip()

    chosen = (s for s in corpus.samples if selection.reason_against(read_meta(s)) is None)
    for _, samples in groupby(chosen, key=lambda sample: read_meta(sample).video):
        yield decoded(samples)


def _noting(clips: Iterator[Clip], metas: list[ClipMeta]) -> Iterator[Clip]:
    for clip in clips:
        metas.append(clip.meta)
        yield clip
