"""The scores of all videos and segments of a labelled, prepared corpus: the rows of an evaluation.

One row a manifest line. A video that was refused, or that the detector would not judge, stays in the table with its
reason. Clips are judged as they are, and once more without the silence they begin with: in FakeAVCeleb and
AV-Deepfake1M that silence alone nearly parts real from fake (arXiv 2412.00175).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Protocol

from npvf.clip import FAKE, FPS, REAL, SEGMENT_FRAMES, Clip, ClipMeta
from npvf.data.selection import Selection, read_meta
from npvf.detect.detector import ClipScore
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.speech.silence import quiet_start

LABELLED = Selection(label="known")
FORGED_SHARE = 0.25  # of a segment, from which on it is fake; what `npvf.losses.DetectionObjective` trains on


class Scorer(Protocol):
    """The interface of what is measured, such as `npvf.Detector`: a score for each clip, in any order."""

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """Scores of clips, read one after the other."""


@dataclass(slots=True)
class Row:
    """One video of the corpus: its annotation and the result of the detector.

    `score` is the mean fake probability of its speaker's clips, weighted by their length; None where `status` is
    "refused" (not prepared), "abstained" (not judged) or "duplicate" (of an earlier row; in no denominator).
    `silence` is the silence, in seconds, that its first clip begins with; `intervals` are the forged spans in seconds.
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
    score: float | None = None
    category: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    intervals: list[list[float]] = field(default_factory=list)
    seconds: float = 0.0
    silence: float | None = None


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
class JudgedClip:
    """A clip of a speaker, or what is left of it: its meta data, the frames of silence before its first sound."""

    meta: ClipMeta
    silence: int
    said: ClipScore


def score_videos(
    corpus: Corpus, scorer: Scorer, selection: Selection = LABELLED, on_clip: Callable[[], object] = lambda: None
) -> Scores:
    """A row for each labelled manifest line that the selection keeps, in the manifest's order; clips as they are.

    Raises:
        NpvfError: no such line; a video twice with both labels; a score that is not a probability.
    """
    rows = blank_rows(corpus, selection)
    return fill(rows, judge_clips(corpus, scorer, prepared(rows), on_clip))


def blank_rows(corpus: Corpus, selection: Selection = LABELLED) -> list[Row]:
    """The rows of `score_videos` before anybody has judged; duplicates are marked."""
    rows = [_row(line) for line in selected_lines(corpus, selection) if line["label"] is not None]
    if not rows:
        raise NpvfError(f"{corpus.folder} holds no labelled video in this selection: evaluation needs `label` 0 or 1.")
    mark_duplicates(rows)
    return rows


def prepared(rows: Iterable[Row]) -> frozenset[str]:
    """The videos that have clips to judge, each file once."""
    return frozenset(row.video for row in rows if row.status == "prepared")


def judge_clips(
    corpus: Corpus, scorer: Scorer, videos: Container[str], on_clip: Callable[[], object] = lambda: None
) -> dict[str, JudgedClip]:
    """Score the speakers' clips of these videos. Returns scores by key."""
    metas: dict[str, tuple[ClipMeta, int]] = {}

    def clips() -> Iterator[Clip]:
        for sample in corpus.samples:
            meta = read_meta(sample)
            if meta.is_speaker and meta.video in videos:
                clip = decode_clip(sample)
                metas[meta.key] = clip.meta, min(ceil(quiet_start(clip.audio_N) * FPS), clip.frames)
                yield clip

    return {said.key: JudgedClip(*metas[said.key], said) for said in _checked(scorer, clips(), on_clip)}


def judge_trimmed(
    corpus: Corpus, scorer: Scorer, judged: Mapping[str, JudgedClip], on_clip: Callable[[], object] = lambda: None
) -> dict[str, JudgedClip]:
    """The same clips without the silence they begin with; those that begin with sound are not judged again.

    The cut lies on the first frame that begins with sound. What is left of a clip may be too short to judge.
    """
    found = {key: clip for key, clip in judged.items() if not clip.silence}
    metas: dict[str, ClipMeta] = {}

    def clips() -> Iterator[Clip]:
        for sample in corpus.samples:
            key = str(sample["__key__"])
            if key not in judged or key in found:
                continue
            whole, silence = judged[key].meta, judged[key].silence
            left = round((whole.span[1] - whole.span[0]) * FPS) - silence
            if left < SEGMENT_FRAMES:
                said = ClipScore(key, whole.video, whole.track, None, f"too short without its silence: {left / FPS} s")
                found[key] = JudgedClip(whole, silence, said)
            else:
                clip = decode_clip(sample, silence)
                metas[key] = clip.meta
                yield clip

    for said in _checked(scorer, clips(), on_clip):
        found[said.key] = JudgedClip(metas[said.key], 0, said)
    return {key: found[key] for key in judged if key in found}


def fill(rows: Iterable[Row], judged: Mapping[str, JudgedClip]) -> Scores:
    """Return the rows with the scores of their clips, and the rows of the segments."""
    by_video: dict[str, list[JudgedClip]] = defaultdict(list)
    for clip in judged.values():
        by_video[clip.meta.video].append(clip)
    filled = [_filled(row, by_video[row.video]) if row.status == "prepared" else replace(row) for row in rows]
    return Scores(
        filled, [segment for row in filled for clip in by_video[row.video] for segment in _segments(row, clip)]
    )


def selected_lines(corpus: Corpus, selection: Selection) -> list[dict[str, Any]]:
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


def _checked(scorer: Scorer, clips: Iterator[Clip], on_clip: Callable[[], object]) -> Iterator[ClipScore]:
    for said in scorer.score_clips(clips):
        on_clip()
        for p in (said.fake_probability, *said.probabilities):
            if p is not None and not 0 <= p <= 1:
                raise NpvfError(f"the detector returned {p} for {said.key}, which is not a probability")
        yield said


def _filled(row: Row, clips: list[JudgedClip]) -> Row:
    """A prepared row with its score, or with the reason for which it has none."""
    clips = sorted(clips, key=lambda clip: clip.meta.span)
    lengths = [clip.meta.span[1] - clip.meta.span[0] for clip in clips]
    said = [(c.said.fake_probability, s) for c, s in zip(clips, lengths, strict=True)]
    judged = [(p, s) for p, s in said if p is not None]
    row = replace(row, clips=len(clips), seconds=sum(lengths), silence=clips[0].silence / FPS if clips else None)
    if judged:
        score = sum(p * s for p, s in judged) / sum(s for _, s in judged)
        return replace(row, score=score, status="judged", reason="")
    reasons = [clip.said.reason for clip in clips if clip.said.reason]
    reason = reasons[-1] if reasons else row.reason or "no score for any clip of the speaker"
    return replace(row, status="abstained", reason=reason)


def _segments(row: Row, clip: JudgedClip) -> Iterator[SegmentRow]:
    for first, p in zip(clip.said.starts, clip.said.probabilities, strict=True):
        start, end = (clip.meta.span[0] + frame / FPS for frame in (first, first + SEGMENT_FRAMES))
        yield SegmentRow(row.video, clip.meta.key, start, end, _label(row, clip.meta, start, end), p)


def _label(row: Row, clip: ClipMeta, start: float, end: float) -> int:
    """A segment of a forged video is fake; where the forged spans are known, if they cover enough of it.

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
