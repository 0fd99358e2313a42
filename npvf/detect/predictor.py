"""`Predictor`: what everything that judges a video has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from npvf.clip import Clip, ClipMeta, PhoneSource, Verdict
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore, aggregate
from npvf.detect.evidence import ClipEvidence
from npvf.detect.verdict import Judgement, build_verdict
from npvf.faces.landmarks import Landmarker
from npvf.media.probe import probe
from npvf.models.batch import InputSpec
from npvf.prepare.ingest import DEFAULTS, read_clips

PhoneChoice = PhoneSource | Literal["auto"]


class Predictor(ABC):
    """Scores clips, and gives a verdict on a video.

    A subclass has `settings` and `score_clip`; `examine` and `explain` where it can say more than a score, and
    `from_pretrained` and `save_pretrained` where it is a folder. `npvf.detect.loading` lists all of them.

    Attributes:
        settings: how logits become a verdict.
        needs_sound: whether a video without sound is refused.
        finds_pixels: whether its evidence holds masks of forged pixels.
        speech_inputs: what the model takes that compares lips with sound; None: it does not compare them.
    """

    settings: DecisionSettings
    needs_sound: ClassVar[bool] = True
    finds_pixels: bool = False
    speech_inputs: InputSpec | None = None

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> Self:
        """Load what `save_pretrained` wrote, or a hub repository's id; `overrides` are settings.

        Raises:
            NpvfError: there is none, or it holds something else, or it has no such setting.
        """
        raise NotImplementedError(f"{cls.__name__} is not kept in a folder")

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write a folder with weights and settings. `training` says how it was trained; only people read it."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to keep in a folder")

    @abstractmethod
    def score_clip(self, clip: Clip) -> ClipScore:
        """The logits of a clip that `reason_against` says nothing against. No picture is drawn."""

    def reason_against(self, meta: ClipMeta) -> str:
        """Why a clip is not judged, beginning with a code, as far as that is known without its content; "": it is."""
        if meta.no_sound:
            return f"{meta.no_sound}: there is no sound to compare the lips with"
        return "" if meta.is_speaker else "another_speaks: the sound is another face's"

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """A score for each clip, in their order; clips are read one after the other."""
        for clip in clips:
            reason = self.reason_against(clip.meta)
            yield not_judged(clip.meta, reason) if reason else self.score_clip(clip)

    def aggregate(self, scores: Sequence[ClipScore]) -> VideoScore:
        """The score of one video from those of all its clips."""
        return aggregate(scores, self.settings)

    def segments(self, score: ClipScore) -> list[tuple[int, float]]:
        """The segments of a clip: their first frames, and their probabilities of fake."""
        if not score.starts:
            return []
        return list(
            zip(score.starts, self.settings.segment_calibration.probabilities(score.logits).tolist(), strict=True)
        )

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """The score of a clip and what a verdict shows of it; `pictures` of it are drawn for a report alone."""
        (score,) = self.score_clips([clip])
        return ClipEvidence.of(clip, score, pictures=pictures)

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """One sentence on a video that was judged."""
        return "its score lies " + ("above the threshold" if score.verdict == "fake" else "below the threshold")

    def predict(self, video: str | Path, phones: PhoneChoice = "auto", landmarker: Landmarker | None = None) -> Verdict:
        """The verdict on one video file, without pictures for a report; arguments and errors are those of `judge`."""
        return self.judge(video, phones, landmarker, pictures=False).verdict

    __call__ = predict

    def judge(
        self,
        video: str | Path,
        phones: PhoneChoice = "auto",
        landmarker: Landmarker | None = None,
        pictures: bool = True,
    ) -> Judgement:
        """The verdict on one video file and what it rests on.

        Args:
            video: a file.
            phones: the phone source by name, or "auto".
            landmarker: to use for several videos; one is opened for this video where it is None.
            pictures: draw what a report shows.

        Raises:
            Refused: the video cannot be used at all.
        """
        if landmarker is None:
            with Landmarker(max_faces=DEFAULTS.max_faces) as opened:
                return self.judge(video, phones, opened, pictures)
        settings = replace(DEFAULTS, phones=phones, need_sound=self.needs_sound)
        clips = read_clips(video, landmarker, settings=settings)
        return self.judge_clips(clips, str(video), probe(video).duration, pictures)

    def judge_clips(self, clips: Iterable[Clip], video: str, seconds: float, pictures: bool = True) -> Judgement:
        """The same of a video of `seconds` whose clips are read already; at least one."""
        evidence = []
        for clip in clips:
            evidence.append(self.examine(clip, pictures))
            meta = clip.meta
        score = self.aggregate([item.score for item in evidence])
        reason = score.reason or self.explain(score, evidence)
        verdict = build_verdict(evidence, score, self.settings, reason, video, seconds)
        masks = [item.mask for item in evidence if item.mask is not None]
        for item in evidence:
            item.mask = None  # it holds a temporary file
        return Judgement(
            verdict, evidence, seconds, meta.source_sha256, masks=masks, size=meta.source_size, fps=meta.source_fps
        )


def not_judged(meta: ClipMeta, reason: str) -> ClipScore:
    """The score of a clip that has none."""
    return ClipScore(meta.key, meta.video, meta.track, reason=reason)
