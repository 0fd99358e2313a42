"""`Localizer`: ST-DDL on clips of any length. Is a face forged, and which pixels of it?"""

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
from npvf.data.face_inputs import face_landmarks, face_motion, face_pictures
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore, segment_means
from npvf.detect.card import write_card
from npvf.detect.evidence import ClipEvidence
from npvf.detect.heatmaps import LocatedClip, PictureEvidence
from npvf.detect.loading import folder_with
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import marked_area, words_of_picture
from npvf.faces.geometry import face_hull
from npvf.models.pretrained import read_config
from npvf.models.stddl.stddl import STDDL
from npvf.version import __version__

GENUINE_QUANTILE = 0.9  # not the maximum, which would grow with the number of faces


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizerSettings(DecisionSettings):
    """The settings of a localizer beside its weights.

    Attributes:
        frames: successive frames in a window. Motion is normalised over a window, so use the value of training.
        stride: frames of the clip from one frame of a window to the next, as in training.
        mask_threshold: a pixel is called forged from this probability on.
        genuine_area: the marked share (0 to 1) that 9 of 10 real validation faces (`GENUINE_QUANTILE`) do not exceed.
            A localizer may have learnt where forgeries are made, but not if a face is forged; then it marks real faces,
            too. So only a larger share is evidence for a forgery.
        genuine_faces: number of real faces that `genuine_area` was fitted on.
    """

    name: str = "stddl"
    frames: int = 8
    stride: int = 1
    mask_threshold: float = 0.5
    genuine_area: float = 0.0
    genuine_faces: int = 0


class Localizer(Predictor):
    """Judges every face with ST-DDL, also faces that do not speak.

    Args:
        model: is put into evaluation mode.
        settings: from frames to a verdict, with the calibration.
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
            NpvfError: there is no such folder or repository, or it contains something else.
        """
        folder = folder_with("localizer", folder)
        settings = LocalizerSettings.from_json(read_config(folder)["localizer"]).configured(**overrides)
        return cls(STDDL.from_pretrained(folder).to(device), settings)

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write the localizer folder: `config.json` with the calibration, `model.safetensors`, and the model card."""
        extra = {"localizer": self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return write_card(self.model.save_pretrained(folder, extra)).parent

    def reason_against(self, meta: ClipMeta) -> str:
        """Return "": every clip is judged, because every clip has frames."""
        return ""

    def score_clip(self, clip: Clip) -> ClipScore:
        """Return a logit for each segment, the mean of the logits of its frames. Masks are not kept."""
        logits, _ = self._look(clip, masks=False)
        return picture_score(clip.meta, logits)

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """Return the score, the marked share of the face, and with `pictures` also masks and heat-maps."""
        located = self.localize(clip)
        item = ClipEvidence.of(clip, picture_score(clip.meta, located.logit_T), pictures=pictures)
        self.show(item, clip, located)
        return item

    def show(self, item: ClipEvidence, clip: Clip, located: LocatedClip) -> None:
        """Add the result to the evidence of a clip, with mask and heat-maps if the evidence contains images."""
        item.picture = PictureEvidence.of(clip, located, item.faces, self.settings.mask_threshold)
        item.mask = located.piece(clip) if item.faces else None

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """Tell in words which share of the most suspicious face is marked as forged."""
        return self.words(score.worst, clips)[0]

    def words(self, track: int | None, clips: Sequence[ClipEvidence]) -> tuple[str, bool]:
        """Describe the marked share of a track, and tell if it is evidence for a forgery; see `words_of_picture`."""
        area = marked_area([item for item in clips if item.track == track])
        assert area is not None  # a localizer looks at the frames of every clip
        settings = self.settings
        return words_of_picture(area, 100 * settings.genuine_area, settings.genuine_faces)

    def localize(self, clip: Clip) -> LocatedClip:
        """Find the forged pixels of a clip, window by window, so memory does not grow with the length of the clip.

        The last frame has no next frame, so it gets the result of the frame before it.
        """
        logit_T, mask_Thw = self._look(clip, masks=True)
        assert mask_Thw is not None
        area_T = forged_area(mask_Thw, clip.landmarks_TN2, self.settings.mask_threshold)
        return LocatedClip(logit_T, mask_Thw, area_T)

    @torch.no_grad()
    def _look(self, clip: Clip, masks: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Return logits (T,), and with `masks` the masks (T, h, w) in a temporary file."""
        stride, spec = self.settings.stride, self.model.config.inputs
        device = next(self.model.parameters()).device
        looked_at, whole_TN2 = range(0, clip.frames, stride), face_landmarks(clip.landmarks_TN2, spec)
        logits: list[np.ndarray] = []
        found: list[np.ndarray] = []
        for window in windows(len(looked_at), self.settings.frames):
            chosen = np.arange(clip.frames)[::stride][window]
            frames_TCHW, landmarks_TN2 = face_pictures(clip.face_THWC[chosen], spec), whole_TN2[chosen]
            motion_TCHW = face_motion(frames_TCHW, spec)
            motion_1TCHW = None if motion_TCHW is None else motion_TCHW[None].to(device)
            output = self.model(frames_TCHW[None].to(device), landmarks_TN2[None].to(device), motion_1TCHW)
            fresh = slice(sum(map(len, logits)) - window.start, None)  # windows overlap: skip frames that are judged
            logits.append(output.frame_logits_BT[0, fresh].float().cpu().numpy())
            if masks:
                found.append(_levels(output.mask_logits_BTHW[0, fresh]))
        # A frame that the stride skips gets the result of the nearest judged frame before it; so does the last frame.
        shown_T = np.minimum(np.arange(clip.frames) // stride, len(looked_at) - 2)
        return np.concatenate(logits)[shown_T], _spooled(np.concatenate(found)[shown_T]) if masks else None


def picture_score(meta: ClipMeta, logit_T: np.ndarray) -> ClipScore:
    """Return the score of a clip from the logits of its frames."""
    logits, starts = segment_means(logit_T)
    return ClipScore(meta.key, meta.video, meta.track, logits, starts)


def windows(frames: int, length: int) -> Iterator[slice]:
    """Yield windows of `length` frames (or one shorter window with all frames); the last window ends with the clip.

    Each begins with the last frame of the one before. So each frame except the last has its next frame in a window.
    """
    for start in range(0, max(frames - 1, 1), length - 1):
        stop = min(start + length, frames)
        yield slice(max(0, stop - length), stop)


def usual_area(areas: Sequence[float]) -> float:
    """Return the marked share that 9 of 10 real faces (`GENUINE_QUANTILE`) do not exceed; 0 without faces."""
    return float(np.quantile(areas, GENUINE_QUANTILE)) if len(areas) else 0.0


def forged_area(mask_Thw: np.ndarray, landmarks_TN2: np.ndarray, threshold: float) -> np.ndarray:
    """Return the forged share (T,) of the face in uint8 masks. The face is the convex hull of its landmarks."""
    scale = np.array(mask_Thw.shape[:0:-1]) / CROP_SIZE
    areas = []
    for mask_hw, points_N2 in zip(mask_Thw, (landmarks_TN2 + 0.5) * scale - 0.5, strict=True):
        inside = mask_hw[face_hull(points_N2, mask_hw.shape)]
        areas.append(float((inside >= 255 * threshold).mean()) if len(inside) else 0.0)
    return np.array(areas)


def _levels(logits_THW: Tensor) -> np.ndarray:
    """Return probabilities as uint8, at most in the size of the crop, because the crop does not have more detail."""
    probability_THW = logits_THW.float().sigmoid()
    if probability_THW.shape[-1] > CROP_SIZE:
        probability_THW = interpolate(probability_THW[:, None], CROP_SIZE, mode="area")[:, 0]
    return (probability_THW * 255).round().byte().cpu().numpy()


def _spooled(values: np.ndarray) -> np.ndarray:
    with tempfile.TemporaryFile() as file:
        file.write(np.ascontiguousarray(values).data)
        file.flush()
        return np.memmap(file, values.dtype, mode="r", shape=values.shape)
