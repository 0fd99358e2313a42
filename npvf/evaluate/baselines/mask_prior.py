"""The constant mask: where other people's forgeries were, in the aligned crop. It never looks at a pixel.

A localizer that has learnt only where forgeries are usually made gets the figures of this mask, so it stands beside
every localizer that is measured. Ours; neither paper has it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from npvf.clip import CROP_SIZE, FAKE, REAL, Clip, ClipMeta
from npvf.data.face_sample import judge_picture
from npvf.data.selection import Selection, people, read_meta, selected_metas
from npvf.detect.aggregate import ClipScore
from npvf.detect.heatmaps import LocatedClip
from npvf.detect.localizer import LocalizerSettings, forged_area, usual_area
from npvf.detect.predictor import Predictor
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus, is_prepared
from npvf.io.files import write_json
from npvf.io.masks import unpack_masks
from npvf.io.shards import Sample, read_tar, unpack_track
from npvf.models.pretrained import CONFIG_FILE, WEIGHTS_FILE, read_config, resolve_folder
from npvf.version import __version__

FAMILY = "mask_prior"
NAME = "prior"
_PARTS = ("meta.json", "mask.npz", "track.npz")
_EVERY = 12  # frames from one landmark frame to the next in which the genuine area is measured


class MaskPrior(Predictor):
    """The mean mask of some people's forgeries, with one threshold; for every face the same answer.

    Args:
        mask_HW: (224, 224) uint8 over the aligned crop, 255: forged in all forgeries that it was fitted on.
        settings: its threshold, and how much of a genuine face it marks. It does not say whether a face is forged:
            every face has the logit 0.
        fitted_on: counts, for people to read.
    """

    def __init__(self, mask_HW: np.ndarray, settings: LocalizerSettings, fitted_on: dict[str, Any]) -> None:
        self.mask_HW, self.fitted_on = mask_HW, fitted_on
        self.settings: LocalizerSettings = settings

    @classmethod
    def fit(cls, corpus: Corpus, selection: Selection, without: Collection[str] = ()) -> Self:
        """Fit on the clips of a prepared corpus that a selection keeps, and `without` some videos.

        The mask is the mean over forged clips of the mean over their forged frames. The threshold is the one with the
        best IoU over all frames, genuine ones included, as for a localizer.

        Raises:
            NpvfError: no forged clip among them has a mask.
        """
        masks = _Masks()
        for path in corpus.paths:
            for sample in read_tar(path, _PARTS):
                meta = read_meta(sample)
                if meta.video not in without and selection.reason_against(meta) is None:
                    masks.add(sample)
        if not masks.forged:
            raise NpvfError(
                f"{corpus.folder} has no forged clip with a mask among its training videos, so there is no mean mask: "
                "name a corpus that has masks with --prior-from"
            )
        mask_HW = np.rint(255 * masks.sum_HW / masks.forged).astype(np.uint8)
        threshold = masks.best_threshold(mask_HW)
        faces = ((_everywhere(mask_HW, len(points_TN2)), points_TN2) for points_TN2 in masks.landmarks)
        areas = [float(forged_area(mask_THW, points_TN2, threshold).mean()) for mask_THW, points_TN2 in faces]
        settings = LocalizerSettings(
            name=NAME,
            mask_threshold=threshold,
            genuine_area=usual_area(areas),
            genuine_faces=len(areas),
        )
        fitted_on = {"corpus": str(corpus.folder), "forged_clips": masks.forged, "genuine_clips": len(areas)}
        return cls(mask_HW, settings, fitted_on | {"people": len(masks.people)})

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> Self:
        """Load what `save_pretrained` wrote; `device` does not matter.

        Raises:
            NpvfError: the folder holds something else.
        """
        folder = resolve_folder(folder)
        content = read_config(folder)
        if content.get("family") != FAMILY:
            raise NpvfError(f"{folder} holds no constant mask: `npvf evaluate --localizer prior` writes one")
        mask_HW = load_file(folder / WEIGHTS_FILE)["mask_HW"].numpy()
        settings = LocalizerSettings.from_json(content["localizer"]).configured(**overrides)
        return cls(mask_HW, settings, content["fitted_on"])

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write `config.json` and `model.safetensors`, 50 kB. It is fitted, not trained: `training` is left out."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"mask_HW": torch.from_numpy(self.mask_HW)}, folder / WEIGHTS_FILE)
        content = {"family": FAMILY, "localizer": self.settings.to_json(), "fitted_on": self.fitted_on}
        write_json(folder / CONFIG_FILE, content | {"npvf": __version__})
        return folder

    def localize(self, clip: Clip) -> LocatedClip:
        """The mask for each frame of the clip, whatever it shows."""
        mask_THW = _everywhere(self.mask_HW, clip.frames)
        area_T = forged_area(mask_THW, clip.landmarks_TN2, self.settings.mask_threshold)
        return LocatedClip(np.zeros(clip.frames), mask_THW, area_T)

    def reason_against(self, meta: ClipMeta) -> str:
        """Nothing: it answers for every face."""
        return ""

    def score_clip(self, clip: Clip) -> ClipScore:
        """The logit 0: it does not know whether a face is forged."""
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, (0.0,), seconds=clip.seconds)


def prior_for(source: str | Path | None, corpus: Corpus, tested: Selection) -> MaskPrior | None:
    """The constant mask to stand beside a localizer that is measured on the `tested` videos of a corpus.

    Args:
        source: a folder that `MaskPrior.save_pretrained` wrote; or a prepared corpus (its split "train", or all its
            videos if it has no such split); None: the training split of `corpus` itself.
        corpus, tested: what is measured. Nobody in these videos takes part in the fit.

    Returns:
        None where no source is named and `corpus` has no training split with masks.

    Raises:
        NpvfError: the source is neither, or has no forged clip with a mask once the tested people are left out.
    """
    if source is not None and not is_prepared(source):
        return MaskPrior.from_pretrained(source)
    fitted = corpus if source is None else Corpus(source)
    splits = any(line.get("split") == "train" for line in fitted.manifest)
    if source is None and not splits:
        return None
    training = Selection(speakers_only=False, split="train" if splits else None)
    metas = list(selected_metas(corpus, replace(tested, speakers_only=False)))
    strangers = replace(training, no_identities=frozenset().union(*map(people, metas)))
    same = fitted.same_as(corpus)
    try:
        return MaskPrior.fit(fitted, strangers, frozenset(meta.video for meta in metas) if same else frozenset())
    except NpvfError:
        if source is None:
            return None
        raise


@dataclass(slots=True)
class _Masks:
    """The sums over clips.

    Attributes:
        sum_HW: the mean masks of forged clips, over their forged frames.
        forged: how many these are.
        hits_HW, frames: over all clips, in how many frames each pixel is forged, and how many frames there are.
        landmarks: of each genuine clip, (T, 478, 2) of a few frames.
        people: the identities of the forged clips.
    """

    sum_HW: np.ndarray = field(default_factory=lambda: np.zeros((CROP_SIZE, CROP_SIZE)))
    forged: int = 0
    hits_HW: np.ndarray = field(default_factory=lambda: np.zeros((CROP_SIZE, CROP_SIZE)))
    frames: int = 0
    landmarks: list[np.ndarray] = field(default_factory=list)
    people: set[str] = field(default_factory=set)

    def add(self, sample: Sample) -> None:
        """Count a clip, unless its label is unknown, or it is forged without a known mask."""
        meta, packed = read_meta(sample), sample.get("mask.npz")
        mask_THW = unpack_masks(packed) if isinstance(packed, bytes) else None
        landmarks_TN2, _, confidence_T = unpack_track(bytes(sample["track.npz"]))  # type: ignore[arg-type]
        label, forged_T = judge_picture(meta, len(confidence_T), mask_THW)
        if label == REAL:
            self.frames += len(confidence_T)
            self.landmarks.append(landmarks_TN2[::_EVERY])
        elif label == FAKE and mask_THW is not None:
            hits_HW = mask_THW.sum(0)
            self.frames += len(confidence_T)
            self.hits_HW += hits_HW
            self.sum_HW += hits_HW / forged_T.sum()
            self.forged += 1
            self.people |= {meta.person}

    def best_threshold(self, mask_HW: np.ndarray) -> float:
        """The probability from which on calling pixels of a constant mask forged has the best IoU over all frames."""
        hits = np.bincount(mask_HW.ravel(), self.hits_HW.ravel(), 256)[::-1].cumsum()[::-1]
        called = self.frames * np.bincount(mask_HW.ravel(), minlength=256)[::-1].cumsum()[::-1]
        best = int((hits / (called + hits[0] - hits)).argmax())
        return max(best - 0.5, 0.0) / 255  # between two levels, so that rounding moves no pixel


def _everywhere(mask_HW: np.ndarray, frames: int) -> np.ndarray:
    """(T, H, W): the same mask for each frame, without a copy."""
    return np.broadcast_to(mask_HW, (frames, *mask_HW.shape))
