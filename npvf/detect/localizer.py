"""`Localizer`: ST-DDL on clips of any length. Which pixels of a face are forged, and is the face?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from npvf.clip import CROP_SIZE, Clip, ClipMeta
from npvf.data.face_inputs import face_inputs, face_motion
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore, segment_means
from npvf.detect.evidence import ClipEvidence
from npvf.detect.heatmaps import LocatedClip, PictureEvidence
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import marked_area, words_of_picture
from npvf.errors import NpvfError
from npvf.faces.geometry import face_hull
from npvf.models.pretrained import read_config, resolve_folder
from npvf.models.stddl.stddl import STDDL
from npvf.version import __version__

GENUINE_QUANTILE = 0.9  # a maximum would grow with the number of faces


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizerSettings(DecisionSettings):
    """What a localizer needs beside its weights.

    Attributes:
        frames: successive frames in a window; motion is normalised over it, so it is best that of training.
        stride: frames of the clip from one frame of a window to the next, as in training.
        mask_threshold: a pixel is called forged from this probability on.
        genuine_area: nine in ten genuine validation faces (`GENUINE_QUANTILE`) have at most this share of their pixels
            called forged. A localizer that has learnt where forgeries are made, and not yet whether, marks genuine
            faces too: only a larger share speaks for a forgery.
        genuine_faces: how many faces `genuine_area` was fitted on.
    """

    name: str = "stddl"
    frames: int = 8
    stride: int = 1
    mask_threshold: float = 0.5
    genuine_area: float = 0.0
    genuine_faces: int = 0


class Localizer(Predictor):
    """ST-DDL with its settings: every face is looked at, whether it speaks or not.

    Args:
        model: is put into evaluation mode.
        settings: how to judge, calibration included.
    """

    settings: LocalizerSettings
    needs_sound = False
    finds_pixels = True

    def __init__(self, model: STDDL, settings: LocalizerSettings | None = None) -> None:
        self.model = model.eval()
        self.settings = settings or LocalizerSettings()

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> Localizer:
        """Load a localizer folder, or a hub repository's id; `overrides` are fields of `LocalizerSettings`.

        Raises:
            NpvfError: there is none, or it holds something else.
        """
        folder = resolve_folder(folder)
        content = read_config(folder)
        if "localizer" not in content:
            raise NpvfError(f"{folder} holds no localizer: fine-tune ST-DDL (configs/finetune/stddl_*.yaml) to get one")
        settings = LocalizerSettings.from_json(content["localizer"]).configured(**overrides)
        return cls(STDDL.from_pretrained(folder).to(device), settings)

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write the localizer folder: `config.json`, calibration included, and `model.safetensors`."""
        extra = {"localizer": self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return self.model.save_pretrained(folder, extra)

    def reason_against(self, meta: ClipMeta) -> str:
        """Nothing: there is always a picture."""
        return ""

    def score_clip(self, clip: Clip) -> ClipScore:
        """A logit for each segment, the mean of its frames'; no mask is kept."""
        logits, _ = self._look(clip, masks=False)
        return picture_score(clip.meta, logits)

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """The score, the share of the face that looks forged, and with `pictures` masks and heat-maps."""
        located = self.localize(clip)
        item = ClipEvidence.of(clip, picture_score(clip.meta, located.logit_T), pictures=pictures)
        self.show(item, clip, located)
        return item

    def show(self, item: ClipEvidence, clip: Clip, located: LocatedClip) -> None:
        """Add what was found to the evidence of a clip; masks and heat-maps where it has pictures."""
        item.picture = PictureEvidence.of(clip, located, item.faces, self.settings.mask_threshold)
        item.mask = located.piece(clip) if item.faces else None

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """How much of the most suspicious face looks forged."""
        return self.words(score.worst, clips)[0]

    def words(self, track: int | None, clips: Sequence[ClipEvidence]) -> tuple[str, bool]:
        """What is to be said of the pixels of a track, and whether that speaks for a forgery."""
        area = marked_area([item for item in clips if item.track == track])
        assert area is not None  # the pictures of every clip are looked at
        settings = self.settings
        return words_of_picture(area, 100 * settings.genuine_area, settings.genuine_faces)

    def localize(self, clip: Clip) -> LocatedClip:
        """Look at a clip in windows, one in memory at a time.

        A frame without a follower, the clip's last one, takes the result of the frame before it.
        """
        logit_T, mask_Thw = self._look(clip, masks=True)
        assert mask_Thw is not None
        area_T = forged_area(mask_Thw, clip.landmarks_TN2, self.settings.mask_threshold)
        return LocatedClip(logit_T, mask_Thw, area_T)

    @torch.no_grad()
    def _look(self, clip: Clip, masks: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Logits (T,), and with `masks` the masks (T, h, w) in a temporary file."""
        stride, spec = self.settings.stride, self.model.config.inputs
        device = next(self.model.parameters()).device
        looked_at = range(0, clip.frames, stride)
        logits: list[np.ndarray] = []
        found: list[np.ndarray] = []
        for window in windows(len(looked_at), self.settings.frames):
            chosen = np.arange(clip.frames)[::stride][window]
            frames_TCHW, landmarks_TN2 = face_inputs(clip, spec, chosen)
            motion_TCHW = face_motion(frames_TCHW, spec)
            motion_1TCHW = None if motion_TCHW is None else motion_TCHW[None].to(device)
            output = self.model(frames_TCHW[None].to(device), landmarks_TN2[None].to(device), motion_1TCHW)
            fresh = slice(sum(map(len, logits)) - window.start, None)  # the last window reaches back over judged frames
            logits.append(output.frame_logits_BT[0, fresh].float().cpu().numpy())
            if masks:
                found.append(_levels(output.mask_logits_BTHW[0, fresh]))
        # Frames between two that are looked at, and the last one, show what the one before them does.
        shown_T = np.minimum(np.arange(clip.frames) // stride, len(looked_at) - 2)
        return np.concatenate(logits)[shown_T], _spooled(np.concatenate(found)[shown_T]) if masks else None


def picture_score(meta: ClipMeta, logit_T: np.ndarray) -> ClipScore:
    """The score of a clip from the logits of its frames."""
    logits, starts = segment_means(logit_T)
    return ClipScore(meta.key, meta.video, meta.track, logits, starts)


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
