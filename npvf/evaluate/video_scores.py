"""The scores of all videos and segments of a labelled, prepared corpus: the rows of an evaluation.

A video's score, verdict and abstention are those of `Predictor.aggregate`, as in `npvf detect`. One row a manifest
line: a video that was refused, or that the predictor would not judge, stays in the table with its reason. Clips are
judged as they are, and once more without the silence they begin with: in FakeAVCeleb and AV-Deepfake1M that silence
alone nearly parts real from fake (arXiv 2412.00175).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, isfinite
from typing import Any

from npvf.clip import FAKE, FPS, REAL, SEGMENT_FRAMES, Clip, ClipMeta
from npvf.data.selection import Selection, read_meta
from npvf.detect.aggregate import ClipScore
from npvf.detect.predictor import Predictor, not_judged
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus, HasManifest
from npvf.io.shards import decode_clip
from npvf.speech.silence import quiet_start

LABELLED = Selection(label="known")
NO_LABEL = -1
FORGED_SHARE = 0.25  # of a segment, from which on it is fake; what `npvf.losses.DetectionObjective` trains on


@dataclass(slots=True)
class Row:
    """One video of the corpus: its annotation and the result of the detector.

    `score` is its probability of fake; None where `status` is "refused" (not prepared), "abstained" (not judged) or
    "duplicate" (of an earlier row; in no denominator). `verdict` is "real", "fake", "mismatch" or "abstain"; a video
    that is too close to call has a score and abstains. `reason` says why there is no verdict.
    `silence` is the silence, in seconds, that its first clip begins with; `intervals` are the forged spans in seconds.
    `findings` are the log10 likelihood ratios of a `Detector`, by name.
    """

    video: str
    label: int
    manipulation: str | None
    identity: str | None
    original: str | None
    sha256: str | None
    status: str
    reason: str
    clips: int = 0
    verdict: str = ""
    score: float | None = None
    category: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    intervals: list[list[float]] = field(default_factory=list)
    seconds: float = 0.0
    silence: float | None = None
    findings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """0.96 s of a clip; times are on the clock of the video."""

    video: str
    clip: str
    start: float
    end: float
    label: int
    score: float


@dataclass(slots=True)
class Scores:
    """The scores of all videos, and of all judged segments."""

    rows: list[Row]
    segments: list[SegmentRow]


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """A clip of the corpus with its score: its meta data, and the frames of silence before its first sound.

    `silence` is None for a clip that was not looked at, as one of a face that does not speak.
    """

    meta: ClipMeta
    silence: int | None
    score: ClipScore


def score_videos(
    corpus: Corpus,
    predictor: Predictor,
    selection: Selection = LABELLED,
    on_clip: Callable[[], object] = lambda: None,
) -> Scores:
    """A row for each labelled manifest line that the selection keeps, in the manifest's order; clips as they are.

    Raises:
        NpvfError: no such line; a video twice with both labels; a logit that is not finite.
    """
    rows = blank_rows(corpus, selection)
    return fill(rows, score_corpus(corpus, predictor, prepared(rows), on_clip), predictor)


def blank_rows(corpus: HasManifest, selection: Selection = LABELLED) -> list[Row]:
    """The rows of `score_videos` before anything was judged; duplicates are marked."""
    rows = [_row(line) for line in selected_lines(corpus, selection) if line["label"] is not None]
    if not rows:
        raise NpvfError(f"{corpus.folder} holds no labelled video in this selection: evaluation needs `label` 0 or 1.")
    mark_duplicates(rows)
    return rows


def all_rows(corpus: HasManifest, selection: Selection) -> list[Row]:
    """The rows of all videos of a selection, before anything was judged; without a label it is `NO_LABEL`."""
    rows = [
        _row({**line, "label": NO_LABEL if line["label"] is None else line["label"]})
        for line in selected_lines(corpus, selection)
    ]
    if not rows:
        raise NpvfError(f"{corpus.folder} holds no video in this selection")
    return rows


def prepared(rows: Iterable[Row]) -> frozenset[str]:
    """The videos that have clips to judge, each file once."""
    return frozenset(row.video for row in rows if row.status == "prepared")


def score_corpus(
    corpus: Corpus, predictor: Predictor, videos: Container[str], on_clip: Callable[[], object] = lambda: None
) -> dict[str, ScoredClip]:
    """The scores of all clips of these videos, by key; a clip that will not be judged is not decoded."""
    found: dict[str, ScoredClip] = {}
    metas: dict[str, tuple[ClipMeta, int]] = {}

    def clips() -> Iterator[Clip]:
        for sample in corpus.samples:
            meta = read_meta(sample)
            if meta.video not in videos:
                continue
            if reason := predictor.reason_against(meta):
                found[meta.key] = ScoredClip(meta, None, not_judged(meta, reason))
                on_clip()
            else:
                clip = decode_clip(sample)
                metas[meta.key] = clip.meta, min(ceil(quiet_start(clip.audio_N) * FPS), clip.frames)
                yield clip

    for score in _checked(predictor, clips(), on_clip):
        found[score.key] = ScoredClip(*metas[score.key], score)
    return found


def score_trimmed(
    corpus: Corpus,
    predictor: Predictor,
    scored: Mapping[str, ScoredClip],
    on_clip: Callable[[], object] = lambda: None,
) -> dict[str, ScoredClip]:
    """The same clips without the silence they begin with; those that begin with sound are not judged again.

    The cut lies on the first frame that begins with sound. What is left of a clip may be too short to judge.
    """
    found = {key: clip for key, clip in scored.items() if not clip.silence}
    metas: dict[str, ClipMeta] = {}

    def clips() -> Iterator[Clip]:
        for sample in corpus.samples:
            key = str(sample["__key__"])
            if key not in scored or key in found:
                continue
            whole, silence = scored[key].meta, scored[key].silence
            assert silence is not None  # else it would be found
            left = round((whole.span[1] - whole.span[0]) * FPS) - silence
            if left < SEGMENT_FRAMES:
                score = not_judged(whole, f"too_short: {left / FPS} s are left without its silence")
                found[key] = ScoredClip(whole, silence, score)
            else:
                clip = decode_clip(sample, silence)
                metas[key] = clip.meta
                yield clip

    for score in _checked(predictor, clips(), on_clip):
        found[score.key] = ScoredClip(metas[score.key], 0, score)
    return {key: found[key] for key in scored if key in found}


def fill(rows: Iterable[Row], scored: Mapping[str, ScoredClip], predictor: Predictor) -> Scores:
    """The rows with the scores of their videos, and the rows of the segments."""
    by_video: dict[str, list[ScoredClip]] = defaultdict(list)
    for clip in sorted(scored.values(), key=lambda clip: (clip.meta.span[0], clip.meta.track)):
        by_video[clip.meta.video].append(clip)
    filled = [
        _filled(row, by_video[row.video], predictor) if row.status == "prepared" else replace(row) for row in rows
    ]
    segments = [s for row in filled for clip in by_video[row.video] for s in _segments(row, clip, predictor)]
    return Scores(filled, segments)


def selected_lines(corpus: HasManifest, selection: Selection) -> list[dict[str, Any]]:
    """The manifest lines that a selection of clips keeps, refused ones included."""
    return [line for line in corpus.manifest if selection.reason_against(_meta(line)) is None]


def mark_duplicates(rows: Iterable[Row]) -> None:
    """The second and later rows of one file get the status "duplicate".

    Raises:
        NpvfError: one file has both labels.
    """
    first: dict[str, Row] = {}
    for row in rows:
        if row.sha256 is None or first.setdefault(row.sha256, row) is row:
            continue
        earlier = first[row.sha256]
        if earlier.label != row.label:
            raise NpvfError(f"{earlier.video} and {row.video} are the same file with different labels: correct one.")
        row.status, row.reason = "duplicate", f"same file as {earlier.video}"


def _checked(predictor: Predictor, clips: Iterator[Clip], on_clip: Callable[[], object]) -> Iterator[ClipScore]:
    for score in predictor.score_clips(clips):
        on_clip()
        if wrong := [x for part in (score, *score.parts.values()) for x in part.logits if not isfinite(x)]:
            raise NpvfError(f"{predictor.settings.name} returned {wrong[0]} for {score.key}, which is not finite")
        yield score


def _filled(row: Row, clips: Sequence[ScoredClip], predictor: Predictor) -> Row:
    """A prepared row with its score, or with the reason for which it has none."""
    looked_at = [clip for clip in clips if clip.silence is not None]
    row = replace(
        row,
        clips=len(looked_at),
        seconds=sum(clip.meta.span[1] - clip.meta.span[0] for clip in looked_at),
        silence=(looked_at[0].silence or 0) / FPS if looked_at else None,
    )
    if not clips:
        return replace(
            row, status="abstained", reason=row.reason or "no_clip: the shards hold no clip of it", verdict="abstain"
        )
    found = predictor.aggregate([clip.score for clip in clips])
    status = "abstained" if found.probability is None else "judged"
    ratios: dict[str, float] = {one.name: one.log10_lr for one in found.findings if one.log10_lr is not None}
    row = replace(row, score=found.probability, status=status, findings=ratios)
    return replace(row, reason=found.reason, verdict=found.verdict)


def _segments(row: Row, clip: ScoredClip, predictor: Predictor) -> Iterator[SegmentRow]:
    for first, p in predictor.segments(clip.score):
        start, end = (clip.meta.span[0] + frame / FPS for frame in (first, first + SEGMENT_FRAMES))
        yield SegmentRow(row.video, clip.meta.key, start, end, _label(row, clip.meta, start, end), p)


def _label(row: Row, clip: ClipMeta, start: float, end: float) -> int:
    """Return FAKE for a segment of a forged video; if the forged spans are known, only if they cover enough of it.

    A face that is known to be untouched in a forged video is real.
    """
    if row.label != FAKE or clip.label == REAL:
        return REAL
    forged = sum(max(0.0, min(b, end) - max(a, start)) for a, b in row.intervals)
    return FAKE if not row.intervals or forged >= FORGED_SHARE * (end - start) - 1e-9 else REAL


def _row(line: dict[str, Any]) -> Row:
    known = {name: line[name] for name in ("video", "label", "manipulation", "identity", "original", "sha256")}
    said = {name: line[name] for name in ("category", "attributes", "intervals") if name in line}
    silent = line["status"] == "prepared" and line.get("phone_source", "") is None  # `npvf prepare --pictures-only`
    return Row(**known, **said, status=line["status"], reason=line["reason"] or ("no sound" if silent else ""))


def _meta(line: dict[str, Any]) -> ClipMeta:
    """A manifest line as the selection sees a clip of it."""
    keys = ("label", "manipulation", "identity", "original", "split")
    said = {key: line[key] for key in keys} | {"identities": tuple(line["identities"])}
    return ClipMeta(key="", video=line["video"], source_sha256="", track=0, span=(0, 0), faces=0, **said)
