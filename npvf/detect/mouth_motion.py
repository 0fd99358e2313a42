"""`MouthMotionDetector`: does a mouth move as a person's does, or as a generator draws it? It needs no audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from npvf.clip import FPS, Clip, ClipMeta
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore
from npvf.detect.card import write_card
from npvf.detect.evidence import ClipEvidence
from npvf.detect.loading import folder_with
from npvf.detect.predictor import Predictor, not_judged
from npvf.detect.scoring import ClipEncoder
from npvf.errors import NpvfError, Reason, Refused
from npvf.faces.mouth_geometry import mouth_geometry
from npvf.faces.mouth_motion import WINDOW, motion_statistics, mouth_travel
from npvf.metrics.sync import offset_curve
from npvf.models.motion.mouth_motion import AGREEMENT_STATISTICS, MouthMotion
from npvf.models.npv.npv import NPV
from npvf.models.pretrained import read_config
from npvf.version import __version__

KEY = "mouth_motion"  # of `config.json`
MAX_OFFSET = 15  # frames; as far as the audio is moved to find where it fits the lips
_NEAR = 2  # frames; offsets as near to the best one as this belong to its peak


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthMotionSettings(DecisionSettings):
    """The settings beside the weights.

    Attributes:
        hop: frames between the starts of windows.
        least_frames: a shorter clip is not judged: the genuine clips with the highest scores are short ones.
        least_travel: a window counts if the mouth's opening deviates by this much over time, in distances of the eyes.
            Below 0.01, the tracker's jitter is a large part of what is seen.
        encoder: the folder of the encoder that compares lips with audio, relative to this predictor's folder, or
            absolute. None: the motion is judged alone.
    """

    name: str = "mouth_motion"
    sharpness: float = 0.0
    hop: int = WINDOW // 2
    least_frames: int = 3 * WINDOW // 2
    least_travel: float = 0.01
    encoder: str | None = None


@dataclass(frozen=True, slots=True)
class MouthWindows:
    """The windows of a clip in which the mouth moves: first frames (K,) and the inputs of `MouthMotion`."""

    starts: tuple[int, ...]
    motion_KM: torch.Tensor
    agreement_KA: torch.Tensor


class MouthMotionDetector(Predictor):
    """Judges every face whose mouth moves, also without audio.

    Args:
        model: from statistics of a window to a logit.
        settings: from clips to a verdict.
        encoder: measures how closely the lips follow the audio; None: the motion is judged alone.
    """

    settings: MouthMotionSettings
    needs_sound = False

    def __init__(
        self, model: MouthMotion, settings: MouthMotionSettings | None = None, encoder: NPV | None = None
    ) -> None:
        self.model = model.eval()
        self.settings = settings or MouthMotionSettings()
        self.encoder = None if encoder is None else ClipEncoder(encoder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> MouthMotionDetector:
        """Load a folder, or a hub repository's id; `overrides` are fields of `MouthMotionSettings`.

        Raises:
            NpvfError: there is no such folder or repository, or it contains something else, or its encoder is missing.
        """
        folder = folder_with(KEY, folder)
        settings = MouthMotionSettings.from_json(read_config(folder)[KEY]).configured(**overrides)
        encoder = None if settings.encoder is None else NPV.from_pretrained(folder / settings.encoder).to(device)
        return cls(MouthMotion.from_pretrained(folder), settings, encoder)

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write `config.json`, `model.safetensors` and the model card. The encoder stays where `settings.encoder` says.

        Raises:
            NpvfError: there is an encoder, and `settings.encoder` does not say where it is.
        """
        if self.encoder is not None and self.settings.encoder is None:
            raise NpvfError("say in settings.encoder where the encoder's folder is: its weights are not stored here")
        extra = {KEY: self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return write_card(self.model.save_pretrained(folder, extra)).parent

    def reason_against(self, meta: ClipMeta) -> str:
        """Return "": every clip has a mouth to look at."""
        return ""

    def score_clip(self, clip: Clip) -> ClipScore:
        """Return a logit for each window of 48 frames in which the mouth moves."""
        if clip.frames < self.settings.least_frames:
            seconds = (
                f"{self.settings.least_frames / FPS:.1f} s of one face are needed, and there are {clip.seconds:.1f} s"
            )
            return not_judged(clip.meta, f"{Reason.TOO_SHORT}: {seconds}")
        windows = self.windows(clip)
        if windows is None:
            return not_judged(clip.meta, f"{Reason.FACE_DOES_NOT_MOVE}: the mouth hardly moves")
        logits_K = self.model(windows.motion_KM, windows.agreement_KA)
        return ClipScore(
            clip.meta.key,
            clip.meta.video,
            clip.meta.track,
            logits=tuple(logits_K.tolist()),
            starts=windows.starts,
        )

    def windows(self, clip: Clip) -> MouthWindows | None:
        """Return the statistics of the windows in which the mouth moves; None if there are none.

        On parts of a window the statistics vary too much: a clip that is shorter than a window has none.
        """
        geometry_TP2 = mouth_geometry(clip.landmarks_TN2)
        last = len(geometry_TP2) - WINDOW
        starts = sorted({*range(0, last + 1, self.settings.hop), last} if last >= 0 else ())
        moving = [s for s in starts if mouth_travel(geometry_TP2[s : s + WINDOW]) >= self.settings.least_travel]
        if not moving:
            return None
        motion_KM = torch.from_numpy(np.stack([motion_statistics(geometry_TP2[s : s + WINDOW]) for s in moving]))
        agreement_A = torch.from_numpy(self.agreement(clip))
        return MouthWindows(tuple(moving), motion_KM.float(), agreement_A.float().expand(len(moving), -1))

    def agreement(self, clip: Clip) -> np.ndarray:
        """Return how closely the lips follow the audio, `AGREEMENT_STATISTICS` (5,); NaN if that cannot be measured."""
        unknown_A = np.full(len(AGREEMENT_STATISTICS), np.nan)
        if self.encoder is None or clip.meta.no_sound or not clip.meta.is_speaker:
            return unknown_A
        try:
            v_TP, a_TP = self.encoder.embed(clip)
        except Refused:  # the encoder finds nothing that it can compare
            return unknown_A
        curve_L = offset_curve(v_TP, a_TP, MAX_OFFSET).cpu().numpy()
        if np.isnan(curve_L).any():
            return unknown_A
        return _curve_statistics(curve_L, (v_TP.cpu().numpy(), a_TP.cpu().numpy()))

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """Tell in words how the mouth moves."""
        fake = score.verdict == "fake"
        return "the mouth moves as generators draw it" if fake else "the mouth moves as people's mouths do"


def _curve_statistics(curve_L: np.ndarray, streams: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return `AGREEMENT_STATISTICS` of a curve of agreement over offsets.

    peak: the highest agreement. offset: its distance from 0 in frames. gap: the peak less the highest agreement away
    from it. contrast: the peak less the median. low_tenth: the lowest tenth of the framewise agreement at the peak.
    """
    best = int(curve_L.argmax())
    away = np.ones(len(curve_L), dtype=bool)
    away[max(0, best - _NEAR) : best + _NEAR + 1] = False
    v_TP, a_TP = streams
    late = best - MAX_OFFSET
    frames = len(v_TP) - abs(late)
    framewise_T = (v_TP[max(0, -late) :][:frames] * a_TP[max(0, late) :][:frames]).sum(-1)
    peak = curve_L[best]
    return np.array(
        [peak, abs(late), peak - curve_L[away].max(), peak - np.median(curve_L), np.quantile(framewise_T, 0.1)]
    )
