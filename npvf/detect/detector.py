"""`Detector`: one video in, one `Verdict` out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from npvf.clip import FPS, Clip, PhoneSource, Verdict
from npvf.detect.calibration import Calibration
from npvf.detect.evidence import ClipEvidence, Judgement, build_verdict
from npvf.detect.scoring import ScoringSettings, score_clip
from npvf.errors import NpvfError
from npvf.faces.landmarks import Landmarker
from npvf.media.probe import probe
from npvf.models.npv.npv import NPV
from npvf.models.pretrained import read_config, resolve_folder
from npvf.prepare.ingest import DEFAULTS, IngestSettings, read_clips
from npvf.version import __version__

PhoneChoice = PhoneSource | Literal["auto"]


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What a detector needs beside its weights.

    Args:
        name: as it stands in verdicts.
        scoring: how clips are judged.
        calibration: from a logit to a probability; of a segment, and of the mean logit of a track's segments.
        threshold: a video is fake from this probability on.
        undecided: probabilities closer to the threshold than this are too close to call.
        min_speech: seconds of gated speech that a verdict needs.
    """

    name: str = "npv"
    scoring: ScoringSettings = field(default_factory=ScoringSettings)
    calibration: Calibration = field(default_factory=Calibration)
    threshold: float = 0.5
    undecided: float = 0.05
    min_speech: float = 0.5

    def to_json(self) -> dict[str, Any]:
        """As it stands in `config.json` under "detector"."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> DetectorSettings:
        """Raises NpvfError where a key is unknown."""
        parts = {"scoring": ScoringSettings, "calibration": Calibration}
        try:
            return cls(**{**content, **{name: part(**content[name]) for name, part in parts.items()}})
        except (TypeError, KeyError) as error:
            raise NpvfError(f"this detector is not one of this version of npvf: {error}") from error


@dataclass(frozen=True, slots=True)
class ClipScore:
    """What a detector says of one prepared clip; None, with a reason, where it abstains.

    `starts` are the first frames of the segments of 0.96 s that it judged, `probabilities` theirs of being fake; a
    scorer that knows of no segments leaves both empty.
    """

    key: str
    video: str
    track: int
    fake_probability: float | None
    reason: str
    starts: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()


class Detector:
    """A model with its settings: from a video to a verdict.

    Args:
        model: is put into evaluation mode.
        settings: how to judge, calibration included.
    """

    def __init__(self, model: NPV, settings: DetectorSettings | None = None) -> None:
        self.model = model.eval()
        self.settings = settings or DetectorSettings()

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu") -> Detector:
        """Load a detector folder, or a hub repository's id.

        Raises:
            NpvfError: there is none, or it holds only an encoder, which judges nothing.
        """
        folder = resolve_folder(folder)
        content = read_config(folder)
        if "detector" not in content:
            raise NpvfError(f"{folder} holds an encoder, not a detector: fine-tune it first (npvf finetune)")
        return cls(NPV.from_pretrained(folder).to(device), DetectorSettings.from_json(content["detector"]))

    @property
    def speech(self) -> Detector:
        """The part that compares lips with sound, as `JointDetector` has one: this."""
        return self

    def save(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write the detector folder: `config.json`, calibration included, and `model.safetensors`.

        `training` says how it was trained; nothing reads it but people.
        """
        extra = {"detector": self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return self.model.save_pretrained(folder, extra)

    def __call__(
        self, video: str | Path, phones: PhoneChoice = "auto", landmarker: Landmarker | None = None
    ) -> Verdict:
        """The verdict on one video file; see `judge`."""
        return self.judge(video, phones, landmarker).verdict

    def judge(self, video: str | Path, phones: PhoneChoice = "auto", landmarker: Landmarker | None = None) -> Judgement:
        """The verdict and what it rests on.

        Args:
            video: a file.
            phones: the phone source by name, or "auto".
            landmarker: to use for several videos; one is opened for this video where it is None.

        Raises:
            Refused: the video cannot be used at all.
        """
        if landmarker is None:
            with Landmarker(max_faces=DEFAULTS.max_faces) as opened:
                return self.judge(video, phones, opened)
        settings: IngestSettings = replace(DEFAULTS, phones=phones)
        return self.judge_clips(read_clips(video, landmarker, settings=settings), str(video), probe(video).duration)

    def judge_clips(self, clips: Iterable[Clip], video: str, seconds: float) -> Judgement:
        """The verdict on a video of `seconds` whose clips are read already."""
        evidence, sha256 = [], ""
        critical = frozenset(self.model.config.inputs.critical)
        for clip in clips:
            scored = score_clip(self.model, clip, self.settings.scoring) if clip.meta.is_speaker else None
            evidence.append(ClipEvidence.of(clip, scored, critical))
            sha256 = clip.meta.source_sha256
        return Judgement(build_verdict(evidence, video, seconds, self), evidence, seconds, sha256)

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip, for evaluation."""
        for clip in clips:
            scored = score_clip(self.model, clip, self.settings.scoring)
            speech = float(scored.gate_T.sum()) / FPS
            named = clip.meta.key, clip.meta.video, clip.meta.track
            if not len(scored.logits_K) or speech < self.settings.min_speech:
                yield ClipScore(*named, None, f"too little speech: {speech:.1f} s")
            else:
                calibration = self.settings.calibration
                yield ClipScore(
                    *named,
                    calibration.probability(float(scored.logits_K.mean())),
                    "",
                    tuple(scored.starts_K.tolist()),
                    tuple(calibration.probabilities(scored.logits_K).tolist()),
                )
