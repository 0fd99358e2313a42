"""`Predictor`: the base class of detectors, localizers and baselines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal, Self

from npvf.clip import Clip, ClipMeta, PhoneSource, Verdict
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore, aggregate
from npvf.detect.conditions import ConditionSettings, file_warnings, measure
from npvf.detect.evidence import ClipEvidence
from npvf.detect.known_person import ClipMotion, KnownPerson
from npvf.detect.quality import Look, look
from npvf.detect.verdict import Judgement, build_verdict
from npvf.faces.landmarks import Landmarker
from npvf.media.recording import Notify, open_recording
from npvf.models.batch import InputSpec
from npvf.models.hub import upload
from npvf.prepare.ingest import DEFAULTS, clips_of
from npvf.speech.gate import Gate

PhoneChoice = PhoneSource | Literal["auto"]
Progress = Callable[[str, float, float], None]
"""Is called with a step ("frames", "audio", "clips"), the time reached in the video, and its declared duration, in
seconds."""


class Predictor(ABC):
    """Scores clips, and gives a verdict on a video.

    A subclass defines `settings` and `score_clip`. It overrides `examine` and `explain` if it has more evidence than a
    score, and `from_pretrained` and `save_pretrained` if it is stored in a folder. `npvf.detect.loading` lists all
    predictors.

    Attributes:
        settings: from logits to a verdict.
        needs_sound: True if a video without audio is refused.
        finds_pixels: True if the evidence contains masks of forged pixels.
        speech_inputs: the inputs of the model that compares lips with audio; None: it does not compare them.
        speech_gate: the gate of the frames in which it compares them; "none": in all frames.
        conditions: the limits of the quality list of a report.
        folder: the folder that `npvf.from_pretrained` loaded; None: it was made in another way.
    """

    settings: DecisionSettings
    needs_sound: ClassVar[bool] = True
    finds_pixels: bool = False
    speech_inputs: InputSpec | None = None
    speech_gate: Gate | None = None
    conditions: ConditionSettings = ConditionSettings()
    folder: Path | None = None

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> Self:
        """Load a folder that `save_pretrained` wrote, or a repository of the hub by its id; `overrides` are settings.

        Raises:
            NpvfError: there is no such folder or repository, or it contains something else, or a setting is unknown.
        """
        raise NotImplementedError(f"{cls.__name__} cannot be loaded from a folder")

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write a folder with weights and settings. `training` describes the training, for people only."""
        raise NotImplementedError(f"{type(self).__name__} cannot be saved to a folder")

    def push_to_hub(
        self, repo_id: str, private: bool | None = None, token: str | None = None, message: str | None = None
    ) -> str:
        """Save into a temporary folder and upload it with the model card; return the repository's address.

        Arguments and errors are as in `npvf.models.hub.upload`; then `from_pretrained(repo_id)` loads it anywhere.
        """
        with TemporaryDirectory() as folder:
            saved = self.save_pretrained(Path(folder) / repo_id.rpartition("/")[2])
            return upload(saved, repo_id, private, token, message)

    @abstractmethod
    def score_clip(self, clip: Clip) -> ClipScore:
        """Return the logits of a clip for which `reason_against` is "". No images are drawn."""

    def reason_against(self, meta: ClipMeta) -> str:
        """Return the reason not to judge a clip, from its metadata; it begins with a code. "": the clip is judged."""
        if meta.no_sound:
            return f"{meta.no_sound}: there is no audio to compare the lips with"
        return "" if meta.is_speaker else "another_speaks: the audio belongs to another face"

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """Yield a score for each clip, in their order; clips are read one after the other."""
        for clip in clips:
            reason = self.reason_against(clip.meta)
            yield not_judged(clip.meta, reason) if reason else self.score_clip(clip)

    def aggregate(self, scores: Sequence[ClipScore]) -> VideoScore:
        """Return the score of one video from those of all its clips."""
        return aggregate(scores, self.settings)

    def segments(self, score: ClipScore) -> list[tuple[int, float]]:
        """Return the segments of a clip: their first frames, and their probabilities of fake."""
        if not score.starts:
            return []
        return list(
            zip(score.starts, self.settings.segment_calibration.probabilities(score.logits).tolist(), strict=True)
        )

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """Return the evidence of a clip: its score, data for the verdict, and with `pictures` images for a report."""
        (score,) = self.score_clips([clip])
        return ClipEvidence.of(clip, score, pictures=pictures)

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """Return one sentence that explains the verdict on a video that was judged."""
        return "its score is " + ("above the threshold" if score.verdict == "fake" else "below the threshold")

    def predict(self, video: str | Path, phones: PhoneChoice = "auto", landmarker: Landmarker | None = None) -> Verdict:
        """Return the verdict on one video file, without images for a report; arguments and errors are as in `judge`."""
        return self.judge(video, phones, landmarker, pictures=False).verdict

    __call__ = predict

    def judge(
        self,
        video: str | Path,
        phones: PhoneChoice = "auto",
        landmarker: Landmarker | None = None,
        pictures: bool = True,
        notify: Progress | None = None,
        known: KnownPerson | None = None,
    ) -> Judgement:
        """Return the verdict on one video file, with its evidence.

        Args:
            video: a file.
            phones: the phone source by name, or "auto".
            landmarker: a landmarker that is shared by several videos; None: open one for this video.
            pictures: draw images for a report.
            notify: is called while the video is judged; an exception that it raises ends the work.
            known: genuine videos of the person who is shown, to compare the motion of the face with.

        Raises:
            Refused: the video cannot be judged.
        """
        if landmarker is None:
            with Landmarker(max_faces=DEFAULTS.max_faces) as opened:
                return self.judge(video, phones, opened, pictures, notify, known)
        settings = replace(DEFAULTS, phones=phones, need_sound=self.needs_sound)
        with open_recording(video, track=settings.audio_track) as recording:
            media = recording.info
            tell: Notify = lambda step, seconds: notify and notify(step, seconds, media.duration)  # noqa: E731
            recording.notify = tell
            clips = clips_of(recording, landmarker, settings=settings)
            judgement = self.judge_clips(_followed(clips, tell), str(video), media.duration, pictures, known)
        judgement.file = Path(video)
        judgement.verdict.warnings = [*judgement.verdict.warnings, *file_warnings(media)]
        return judgement

    def judge_clips(
        self,
        clips: Iterable[Clip],
        video: str,
        seconds: float,
        pictures: bool = True,
        known: KnownPerson | None = None,
    ) -> Judgement:
        """Return the same as `judge` for a video of `seconds` from its clips, at least one."""
        evidence: list[ClipEvidence] = []
        looks: list[Look] = []
        motion = ClipMotion()
        for clip in clips:
            evidence.append(self.examine(clip, pictures))
            if known is not None:
                motion.add(clip)
            if pictures:
                looks.append(look(clip, evidence[-1].conditions or measure(clip, self.conditions)))
            meta = clip.meta
        score = self.aggregate([item.score for item in evidence])
        reason = score.reason or self.explain(score, evidence)
        verdict = build_verdict(evidence, score, self.settings, reason, video, seconds)
        verdict.known_person = None if known is None else known.compare(motion.windows())
        verdict.changed = meta.media.get("changed", [])
        masks = [item.mask for item in evidence if item.mask is not None]
        for item in evidence:
            item.mask = None  # `masks` has it now; each mask keeps a temporary file open
        return Judgement(
            verdict,
            evidence,
            seconds,
            meta.source_sha256,
            masks=masks,
            size=meta.source_size,
            fps=meta.source_fps,
            looks=looks,
        )


def _followed(clips: Iterable[Clip], notify: Notify) -> Iterator[Clip]:
    for clip in clips:
        notify("clips", clip.meta.span[0])
        yield clip


def not_judged(meta: ClipMeta, reason: str) -> ClipScore:
    """Return the result for a clip that is not judged: a reason, and no logits."""
    return ClipScore(meta.key, meta.video, meta.track, reason=reason)
