"""`Localizer`: ST-DDL on clips of any length. Which pixels of a face are forged, and is the face?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from npvf.clip import CROP_SIZE, FPS, Clip
from npvf.data.face_inputs import face_inputs, face_motion
from npvf.detect.calibration import Calibration
from npvf.detect.detector import ClipScore
from npvf.detect.paste import MaskPiece
from npvf.errors import NpvfError
from npvf.faces.geometry import face_hull
from npvf.models.pretrained import read_config, resolve_folder
from npvf.models.stddl.stddl import STDDL
from npvf.version import __version__

GENUINE_QUANTILE = 0.9  # a maximum would grow with the number of faces


@dataclass(frozen=True, slots=True)
class LocalizerSettings:
    """What a localizer needs beside its weights.

    Args:
        name: as it stands in verdicts.
        frames: successive frames in a window; motion is normalised over it, so it is best that of training.
        stride: frames of the clip from one frame of a window to the next, as in training.
        calibration: from the mean logit of a face's frames to a probability.
        threshold, undecided: as `DetectorSettings` has them.
        mask_threshold: a pixel is called forged from this probability on.
        genuine_area: nine in ten genuine validation faces (`GENUINE_QUANTILE`) have at most this share of their pixels
            called forged. A localizer that has learnt where forgeries are made, and not yet whether, marks genuine
            faces too: only a larger share speaks for a forgery.
        genuine_faces: how many faces `genuine_area` was fitted on.
    """

    name: str = "stddl"
    frames: int = 8
    stride: int = 1
    calibration: Calibration = field(default_factory=Calibration)
    threshold: float = 0.5
    undecided: float = 0.05
    mask_threshold: float = 0.5
    genuine_area: float = 0.0
    genuine_faces: int = 0

    def to_json(self) -> dict[str, Any]:
        """As it stands in `config.json` under "localizer"."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> LocalizerSettings:
        """Raises NpvfError where a key is unknown."""
        try:
            return cls(**{**content, "calibration": Calibration(**content["calibration"])})
        except (TypeError, KeyError) as error:
            raise NpvfError(f"this localizer is not one of this version of npvf: {error}") from error


@dataclass(slots=True)
class LocatedClip:
    """What a localizer finds in a clip of T frames.

    Shapes:
        logit_T: the frames' logits, a forged one is above 0; not calibrated.
        mask_Thw: uint8 over the crop, 255 is certainly forged; mapped from a nameless temporary file, which goes with
            the array: a film's masks would fill the memory.
        area_T: share of the face's pixels that are called forged.
    """

    logit_T: np.ndarray
    mask_Thw: np.ndarray
    area_T: np.ndarray

    def piece(self, clip: Clip) -> MaskPiece:
        """To be pasted into the source."""
        return MaskPiece(clip.meta.track, round(clip.meta.span[0] * FPS), self.mask_Thw, clip.transform_T23)


class Localizer:
    """ST-DDL with its settings.

    Args:
        model: is put into evaluation mode.
        settings: how to judge, calibration included.
    """

    def __init__(self, model: STDDL, settings: LocalizerSettings | None = None) -> None:
        self.model = model.eval()
        self.settings = settings or LocalizerSettings()

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu") -> Localizer:
        """Load a localizer folder, or a hub repository's id.

        Raises:
            NpvfError: there is none, or it holds something else.
        """
        folder = resolve_folder(folder)
        content = read_config(folder)
        if "localizer" not in content:
            raise NpvfError(f"{folder} holds no localizer: fine-tune ST-DDL (configs/finetune/stddl_*.yaml) to get one")
        return cls(STDDL.from_pretrained(folder).to(device), LocalizerSettings.from_json(content["localizer"]))

    def save(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write the localizer folder. `training` says how it was trained; nothing reads it but people."""
        extra = {"localizer": self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return self.model.save_pretrained(folder, extra)

    @torch.no_grad()
    def localize(self, clip: Clip) -> LocatedClip:
        """Look at a clip in windows, one in memory at a time.

        A frame without a follower, the clip's last one, takes the result of the frame before it.
        """
        stride, spec = self.settings.stride, self.model.config.inputs
        device = next(self.model.parameters()).device
        looked_at = range(0, clip.frames, stride)
        logits: list[np.ndarray] = []
        masks: list[np.ndarray] = []
        for window in windows(len(looked_at), self.settings.frames):
            chosen = np.arange(clip.frames)[::stride][window]
            frames_TCHW, landmarks_TN2 = face_inputs(clip, spec, chosen)
            motion_TCHW = face_motion(frames_TCHW, spec)
            motion_1TCHW = None if motion_TCHW is None else motion_TCHW[None].to(device)
            output = self.model(frames_TCHW[None].to(device), landmarks_TN2[None].to(device), motion_1TCHW)
            fresh = slice(sum(map(len, logits)) - window.start, None)  # the last window reaches back over judged frames
            logits.append(output.frame_logits_BT[0, fresh].float().cpu().numpy())
            masks.append(_levels(output.mask_logits_BTHW[0, fresh]))
        # Frames between two that are looked at, and the last one, show what the one before them does.
        shown_T = np.minimum(np.arange(clip.frames) // stride, len(looked_at) - 2)
        mask_Thw = _spooled(np.concatenate(masks)[shown_T])
        area_T = forged_area(mask_Thw, clip.landmarks_TN2, self.settings.mask_threshold)
        return LocatedClip(np.concatenate(logits)[shown_T], mask_Thw, area_T)

    def log_odds(self, logits: Sequence[np.ndarray]) -> float:
        """The calibrated log-odds of one face being forged, by the mean logit of all frames of its clips."""
        return self.settings.calibration.log_odds(float(np.concatenate(logits).mean()))

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip, for evaluation."""
        for clip in clips:
            logit = float(self.localize(clip).logit_T.mean())
            probability = self.settings.calibration.probability(logit)
            yield ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, probability, "")


def windows(frames: int, length: int) -> Iterator[slice]:
    """Windows of `length` frames (all, where there are fewer), each beginning at the last frame of the one before.

    So each frame but the very last has a follower in its window. The last window ends with the clip.
    """
    for start in range(0, max(frames - 1, 1), length - 1):
        stop = min(start + length, frames)
        yield slice(max(0, stop - length), stop)


def usual_area(areas: Sequence[float]) -> float:
    """Of the marked shares of genuine faces, the one that nine in ten (`GENUINE_QUANTILE`) do not exceed; 0 of none."""
    return float(np.quantile(areas, GENUINE_QUANTILE)) if len(areas) else 0.0


def forged_area(mask_Thw: np.ndarray, landmarks_TN2: np.ndarray, threshold: float) -> np.ndarray:
    """Share (T,) of the face that a uint8 mask calls forged; the face is its landmarks' convex hull."""
    scale = np.array(mask_Thw.shape[:0:-1]) / CROP_SIZE
    areas = []
    for mask_hw, points_N2 in zip(mask_Thw, (landmarks_TN2 + 0.5) * scale - 0.5, strict=True):
        inside = mask_hw[face_hull(points_N2, mask_hw.shape)]
        areas.append(float((inside >= 255 * threshold).mean()) if len(inside) else 0.0)
    return np.array(areas)


def _levels(logits_THW: Tensor) -> np.ndarray:
    """uint8 probabilities; no larger than the crop, which holds no more detail."""
    probability_THW = logits_THW.float().sigmoid()
    if probability_THW.shape[-1] > CROP_SIZE:
        probability_THW = interpolate(probability_THW[:, None], CROP_SIZE, mode="area")[:, 0]
    return (probability_THW * 255).round().byte().cpu().numpy()


def _spooled(values: np.ndarray) -> np.ndarray:
    with tempfile.TemporaryFile() as file:
        file.write(np.ascontiguousarray(values).data)
        file.flush()
        return np.memmap(file, values.dtype, mode="r", shape=values.shape)
