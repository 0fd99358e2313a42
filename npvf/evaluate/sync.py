"""The synchrony protocol on a prepared corpus: a pre-trained model, and beside it baselines that learn nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from npvf.clip import Clip
from npvf.data.selection import Selection, read_meta
from npvf.errors import NpvfError
from npvf.evaluate.detection import Grouping, bootstrap_groups
from npvf.evaluate.video_scores import selected_lines
from npvf.faces.speaking import energy_envelope, lip_aperture
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.metrics.sync_embeddings import CorrelatedCurves, FramewiseFeatures, Streams
from npvf.metrics.sync_protocol import Settings, SynchronyReport, measure_synchrony

# A clip's picture and sound as unit vectors (T, D), and the frames inside the model's phone gate (T,).
Embedder = Callable[[Clip], tuple[Tensor, Tensor, Tensor]]

UNFORGED = Selection(label="unforged")
SETTINGS = Settings()


@dataclass(slots=True)
class _Heard:
    """What is kept of the clips measured: identities, videos, features and curves, one entry a clip."""

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
            # The stronger one: by level all sentences are alike, which begin and end with closed lips and silence.
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
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the protocol on the speakers' clips of the videos that are not forged; each file counts once.

    Args:
        corpus: prepared.
        embed: the model; None measures the baseline alone.
        selection: which clips; forged ones never take part.
        baseline: also measure lip aperture against sound energy on the same clips, by level and by change.
        group: what the bootstrap draws as a whole, see `npvf.evaluate.detection.detection_report`.
        settings: of the protocol.
        on_clip: called after each clip.

    Returns:
        The report: counts of videos, and the protocol's figures for "model" (all frames), "model_gated" (frames inside
        the phone gate), "baseline" and "baseline_change". And a row for each clip, with its best offset by each.

    Raises:
        NpvfError: no clip is left, or none is long enough.
    """
    lines = selected_lines(corpus, selection)
    first = {line["sha256"]: line["video"] for line in reversed(lines) if line["status"] == "prepared"}
    chosen = set(first.values())
    heard = _Heard()
    for sample in corpus.samples:
        meta = read_meta(sample)
        if meta.is_speaker and meta.video in chosen and selection.reason_against(meta) is None:
            heard.add(decode_clip(sample), embed)
            on_clip()
    if not heard.keys:
        raise NpvfError(f"{corpus.folder} holds no clip for the synchrony protocol in this selection")
    groups, grouping = bootstrap_groups(list(zip(heard.identities, heard.videos, strict=True)), group)
    refused = sum(line["status"] == "refused" for line in lines)
    content: dict[str, Any] = {
        "protocol": "synchrony",
        "group": grouping,
        "groups": len(set(groups)),
        "videos": len(lines),
        "videos_refused": refused,
        "videos_duplicate": len(lines) - refused - len(chosen),
        "coverage": len(set(heard.videos)) / (refused + len(chosen)),
    }
    reports: dict[str, SynchronyReport] = {}
    for name, streams in heard.streams(baseline or embed is None).items():
        try:
            reports[name] = measure_synchrony(streams, heard.identities, groups, settings)
        except ValueError as error:
            raise NpvfError(f"the synchrony protocol ({name}) cannot run: {error}") from error
        content[name] = reports[name].to_json()
    return content, [_row(heard, index, reports) for index in range(len(heard.keys))]


def _row(heard: _Heard, index: int, reports: dict[str, SynchronyReport]) -> dict[str, Any]:
    row = {"key": heard.keys[index], "video": heard.videos[index], "identity": heard.identities[index]}
    offsets = {f"offset_{name}": report.offsets.get(index) for name, report in reports.items()}
    return {**row, "frames": len(heard.aperture[index]), **offsets}
