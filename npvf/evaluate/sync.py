"""The synchrony protocol on a prepared corpus: a pre-trained model, and two baselines that learn nothing."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any

import numpy as np
from torch import Tensor

from npvf.clip import Clip
from npvf.data.selection import Selection, hash_share, read_meta
from npvf.errors import NpvfError
from npvf.evaluate.detection import Grouping, bootstrap_groups
from npvf.evaluate.results import SynchronyReport
from npvf.evaluate.video_scores import selected_lines
from npvf.faces.speaking import energy_envelope, lip_aperture
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.metrics.sync_embeddings import CorrelatedCurves, Embedder, FramewiseFeatures, Streams
from npvf.metrics.sync_protocol import Settings, SynchronyMetrics, measure_synchrony

UNFORGED = Selection(label="unforged")
SETTINGS = Settings()
MAX_VIDEOS = 5000


@dataclass(slots=True)
class _ClipStreams:
    """The parts of each measured clip that are kept: identity, video, features and curves."""

    identities: list[str | None] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    features: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
    aperture: list[np.ndarray] = field(default_factory=list)
    energy: list[np.ndarray] = field(default_factory=list)

    def add(self, clip: Clip, embed: Embedder | None) -> None:
        self.identities.append(clip.meta.identity)
        self.videos.append(clip.meta.video)
        self.keys.append(clip.meta.key)
        self.aperture.append(lip_aperture(clip.landmarks_TN2))
        self.energy.append(energy_envelope(clip.audio_N)[: clip.frames])
        if embed is not None:
            v_TD, a_TD, gate_T = embed(clip)
            self.features.append((v_TD.cpu(), a_TD.cpu(), gate_T.cpu()))

    def streams(self, baseline: bool) -> dict[str, Streams]:
        streams: dict[str, Streams] = {}
        if self.features:
            v, a, gate = (list(part) for part in zip(*self.features, strict=True))
            streams["model"] = FramewiseFeatures(v, a)
            streams["model_gated"] = FramewiseFeatures(v, a, gate)
        if baseline:
            streams["baseline"] = CorrelatedCurves(self.aperture, self.energy)
            # The stronger one: all sentences begin and end with closed lips and silence, so their levels are alike.
            changes = ([np.gradient(curve_T) for curve_T in curves] for curves in (self.aperture, self.energy))
            streams["baseline_change"] = CorrelatedCurves(*changes)
        return streams


def evaluate_synchrony(
    corpus: Corpus,
    embed: Embedder | None,
    selection: Selection = UNFORGED,
    baseline: bool = True,
    group: Grouping = "auto",
    settings: Settings = SETTINGS,
    on_clip: Callable[[], object] = lambda: None,
    max_videos: int = MAX_VIDEOS,
) -> tuple[SynchronyReport, list[dict[str, Any]]]:
    """Run the protocol on the speakers' clips of the videos that are not forged; each file counts once.

    Args:
        corpus: prepared.
        embed: the model; None measures the baseline alone.
        selection: which clips; forged ones never take part.
        baseline: also measure lip aperture against sound energy on the same clips, by level and by change.
        group: what the bootstrap draws as a whole, see `npvf.evaluate.detection.detection_metrics_of`.
        settings: of the protocol.
        on_clip: called after each clip.
        max_videos: measure at most this many videos, chosen by a hash of their ids. The features of all their clips
            are compared, so they stay in memory: 0.8 MB for 8 s at width 512.

    Returns:
        The report, and a row for each clip with its best offset by each column of the report.

    Raises:
        NpvfError: no clip is left, or none is long enough.
    """
    lines = selected_lines(corpus, selection)
    distinct = distinct_videos(lines)
    chosen = set(nsmallest(max_videos, distinct, key=hash_share))
    measured = _ClipStreams()
    for clip in speaker_clips(corpus, selection, chosen):
        measured.add(clip, embed)
        on_clip()
    if not measured.keys:
        raise NpvfError(f"{corpus.folder} holds no clip for the synchrony protocol in this selection")
    groups, grouping = bootstrap_groups(list(zip(measured.identities, measured.videos, strict=True)), group)
    refused = sum(line["status"] == "refused" for line in lines)
    columns: dict[str, SynchronyMetrics] = {}
    for name, streams in measured.streams(baseline or embed is None).items():
        try:
            columns[name] = measure_synchrony(streams, measured.identities, groups, settings)
        except ValueError as error:
            raise NpvfError(f"the synchrony protocol ({name}) cannot run: {error}") from error
    report = SynchronyReport(
        group=grouping,
        groups=len(set(groups)),
        videos=len(lines),
        refused=refused,
        duplicates=len(lines) - refused - len(distinct),
        beyond_limit=len(distinct) - len(chosen),
        coverage=len(set(measured.videos)) / (refused + len(chosen)),
        columns=columns,
    )
    return report, [_row(measured, index, columns) for index in range(len(measured.keys))]


def distinct_videos(lines: Iterable[dict[str, Any]]) -> set[str]:
    """Return the prepared videos among some lines of a manifest; of several with the same content, the first."""
    return set(
        {line["sha256"]: line["video"] for line in reversed(list(lines)) if line["status"] == "prepared"}.values()
    )


def speaker_clips(corpus: Corpus, selection: Selection, videos: Container[str]) -> Iterator[Clip]:
    """Yield the clips that the protocol measures: those of a selection, of some videos, that show who speaks."""
    for sample in corpus.samples:
        meta = read_meta(sample)
        if meta.is_speaker and meta.video in videos and selection.reason_against(meta) is None:
            yield decode_clip(sample)


def _row(measured: _ClipStreams, index: int, columns: dict[str, SynchronyMetrics]) -> dict[str, Any]:
    row = {"key": measured.keys[index], "video": measured.videos[index], "identity": measured.identities[index]}
    offsets = {f"offset_{name}": found.offsets.get(index) for name, found in columns.items()}
    return {**row, "frames": len(measured.aperture[index]), **offsets}
