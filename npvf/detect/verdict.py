"""Write a `Verdict`, for people and scripts, from the score of a video and the evidence of its clips.

The score, the threshold and the abstention are decided in `npvf.detect.aggregate`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from npvf.clip import FPS, SEGMENT_FRAMES, PhoneEvidence, SegmentVerdict, TrackVerdict, Verdict
from npvf.detect.aggregate import DecisionSettings, VideoScore
from npvf.detect.evidence import ClipEvidence, most_suspicious
from npvf.detect.paste import MaskPiece
from npvf.detect.quality import Look
from npvf.detect.scoring import ScoredClip
from npvf.errors import NpvfError, Reason, Refused

FORGED_AREA = 1.0  # percent of a face; a smaller area is a few pixels called forged by chance
# The refusals that mean that a file is broken. Others mean that the content cannot be judged.
BROKEN = frozenset({Reason.NOT_FOUND, Reason.UNDECODABLE, Reason.BAD_SIDECAR, Reason.MEMORY_LIMIT})


@dataclass(slots=True)
class Judgement:
    """A verdict and its evidence.

    Attributes:
        verdict: the verdict.
        evidence: the evidence of each clip.
        seconds: the duration of the video; 0: unknown.
        sha256: the hash of the source file; "": unknown.
        broken: True if the file could not be read.
        masks: the masks of the clips, if a localizer judged them and images were requested.
        size, fps: width and height in pixels, and frame rate, of the source video.
        looks: the measurements of each clip for the quality list, if images were requested.
        file: the file that was judged, if it is known; the report embeds a copy and lists its facts.
    """

    verdict: Verdict
    evidence: list[ClipEvidence] = field(default_factory=list)
    seconds: float = 0.0
    sha256: str = ""
    broken: bool = False
    masks: list[MaskPiece] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    fps: float = FPS
    looks: list[Look] = field(default_factory=list)
    file: Path | None = None

    @classmethod
    def abstain(cls, video: str, error: NpvfError, detector: str) -> Judgement:
        """Return the verdict on a video that cannot be judged. Its reason is the code and sentence of the refusal.

        An error that is not a refusal has the code "error". It marks the file as broken, like the refusals in `BROKEN`.
        """
        return cls(
            Verdict(
                video=video,
                fake_probability=None,
                verdict="abstain",
                reason=str(error) if isinstance(error, Refused) else f"error: {error}",
                audio_offset_s=None,
                tracks=[],
                phone_source=None,
                coverage=0.0,
                detector=detector,
            ),
            broken=not isinstance(error, Refused) or error.reason in BROKEN,
            file=Path(video),
        )

    def suspects(self, count: int) -> list[tuple[PhoneEvidence, ClipEvidence]]:
        """Return the phones of the video with the lowest agreement, the worst first, each with its clip."""
        found = [(s, item) for item in self.evidence for s in most_suspicious(item.sounds, count)]
        return sorted(found, key=lambda pair: pair[0].agreement)[:count]


def build_verdict(
    evidence: Sequence[ClipEvidence],
    score: VideoScore,
    settings: DecisionSettings,
    reason: str,
    video: str = "",
    seconds: float = 0.0,
) -> Verdict:
    """Return the verdict on a video of `seconds` from its score and the evidence of its clips; `reason` explains it."""
    scored = [item for item in evidence if item.scored is not None]
    return Verdict(
        video=video,
        fake_probability=score.probability,
        verdict=score.verdict,
        reason=reason,
        audio_offset_s=_offset(scored),
        tracks=[_track(number, items, score, settings) for number, items in by_track(evidence).items()],
        phone_source=scored[0].phones.source if scored else None,
        coverage=_coverage(evidence, seconds),
        detector=settings.name,
        threshold=settings.threshold,
        parts=list(score.parts) if score.parts else None,
        people=settings.people,
        findings=list(score.findings),
        measurements=dict(score.measurements),
        warnings=list(score.warnings),
    )


def by_track(evidence: Sequence[ClipEvidence]) -> dict[int, list[ClipEvidence]]:
    """Return the clips of each track, sorted by the number of the track."""
    tracks: dict[int, list[ClipEvidence]] = defaultdict(list)
    for item in evidence:
        tracks[item.track].append(item)
    return dict(sorted(tracks.items()))


def words_of_speech(fake: bool) -> str:
    """Tell in words whether lips and audio evolve together."""
    return "lips and audio do not evolve together" if fake else "lips and audio evolve together"


def words_of_picture(area: float, usual: float, faces: int) -> tuple[str, bool]:
    """Describe the marked percentage of a face, and tell if it is evidence for a forgery.

    Args:
        area: the percentage of this face that is marked as forged.
        usual: the percentage that 9 of 10 real faces do not exceed; 0 without `faces`: not measured.
        faces: number of real faces that `usual` was measured on; 0: unknown.
    """
    count = f"{faces} faces" if faces else "an unknown number of faces"
    of_genuine = f"at most {usual:.0f} % on 9 of 10 real faces, measured on {count}"
    if area < FORGED_AREA:
        return "no part of the face is marked as forged", False
    if not (usual or faces):
        return f"{area:.0f} % of the face is marked as forged; what is normal for a real face was not measured", True
    if area <= usual:
        return f"{area:.0f} % of the face is marked as forged, which is normal for a real face ({of_genuine})", False
    return f"{area:.0f} % of the face is marked as forged, more than is normal for a real face ({of_genuine})", True


def marked_area(items: Sequence[ClipEvidence]) -> float | None:
    """Return the marked percentage of a face, the mean over the frames of its clips; None without a localizer."""
    areas = [item.picture.area_T for item in items if item.picture]
    return 100 * float(np.concatenate(areas).mean()) if areas else None


def _track(number: int, items: Sequence[ClipEvidence], score: VideoScore, settings: DecisionSettings) -> TrackVerdict:
    segments = [s for item in items if item.scored for s in _segments(item, item.scored, settings)]
    span = min(item.span[0] for item in items), max(item.span[1] for item in items)
    probability = score.tracks[number].probability if number in score.tracks else None
    return TrackVerdict(number, span, probability, segments, marked_area(items))


def _segments(item: ClipEvidence, scored: ScoredClip, settings: DecisionSettings) -> list[SegmentVerdict]:
    shift = item.span[0]
    segments = []
    for start, logit in zip(scored.starts_K.tolist(), scored.logits_K.tolist(), strict=True):
        frames = slice(start, start + SEGMENT_FRAMES)
        begin, end = shift + start / FPS, shift + (start + SEGMENT_FRAMES) / FPS
        segments.append(
            SegmentVerdict(
                start=begin,
                end=end,
                fake_probability=settings.segment_calibration.probability(logit),
                agreement=float(scored.agreement_T[frames][scored.compared_T[frames]].mean()),
                phones=[s for s in item.sounds if s.end - item.offset_s > begin and s.start - item.offset_s < end],
            )
        )
    return segments


def _offset(scored: Sequence[ClipEvidence]) -> float | None:
    """Return the audio offset of the longest clip that has one."""
    known = [item for item in scored if item.scored and item.scored.offset is not None]
    if not known:
        return None
    longest = max(known, key=lambda item: item.span[1] - item.span[0])
    return longest.scored.offset_s if longest.scored else None


def _coverage(evidence: Sequence[ClipEvidence], seconds: float) -> float:
    """Return the share of the video that was judged."""
    seen_T = np.zeros(max(1, round(seconds * FPS)), dtype=bool)
    for item in evidence:
        for frames in _judged_frames(item):
            seen_T[frames] = True
    return float(seen_T.mean())


def _judged_frames(item: ClipEvidence) -> Iterator[slice]:
    """Yield the judged frames: the whole clip if a localizer saw it or a score has no segments, else each segment."""
    begin, end = (round(time * FPS) for time in item.span)
    for score in item.score.parts.values() or (item.score,):
        if item.picture is not None or (score.logits and not score.starts):
            yield slice(begin, end)
        for first in score.starts:
            yield slice(begin + first, begin + first + SEGMENT_FRAMES)
