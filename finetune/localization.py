"""ST-DDL as a Lightning module: pictures and motion of a face become a mask and a verdict."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.optim import AdamW
from torch.optim.lr_scheduler import ReduceLROnPlateau

from finetune.data import splits_used
from npvf.clip import REAL
from npvf.detect.calibration import Calibration, best_threshold
from npvf.detect.localizer import Localizer, LocalizerSettings, usual_area
from npvf.errors import NpvfError
from npvf.faces.geometry import face_hull
from npvf.losses import LocalizationObjective
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.detection import auc
from npvf.metrics.pixels import PixelTally, best_mask_threshold, pixel_metrics, share_called
from npvf.metrics.place import PlaceTally, placed_auc
from npvf.models import STDDL, FaceBatch, STDDLOutput
from npvf.training.gather import gather
from npvf.training.module import TrainingModule
from npvf.training.optim import cosine_schedule, parameter_groups

Schedule = Literal["plateau", "cosine"]
AT_ONCE = 8  # windows of a validation


@dataclass(slots=True)
class FoundFace:
    """One window of a validation clip: what was found in it.

    Attributes:
        face: which one of which video: the clip's key without its piece.
        logit, label: of the window; -1 is unknown.
        losses: the objective's terms.
    """

    face: str
    logit: float
    label: int
    losses: dict[str, float]


class LocalizationModule(TrainingModule):
    """ST-DDL, its objective, and validation by face and by pixel of the crops.

    Of the paper's training nothing is published; its test code has a learning rate of 1e-4 and imports Adam's module.

    Args:
        model: a name of `npvf.list_models("stddl_*")`.
        model_args: overrides of its configuration, as `create_model` takes them; `motion: flow` or `none`: baselines.
        start: a localizer folder to go on from; null: from scratch.
        imagenet: start both HRNets from timm's ImageNet weights.
        objective: arguments of `LocalizationObjective`.
        lr: of Adam.
        weight_decay: not on norms and biases; 0 is plain Adam, else it is AdamW.
        betas: of Adam.
        schedule: "plateau" halves the rate when the validation loss has not fallen for `patience` validations, as is
            usual for such code; "cosine" warms up and falls to 0 over the run's steps, for short ones.
        patience, warmup: see there.
        compile: the encoders, with `torch.compile`.
        seed: The command links it to `seed_everything`.
    """

    model: STDDL
    objective: LocalizationObjective

    def __init__(
        self,
        model: str = "stddl_nano",
        model_args: dict[str, Any] | None = None,
        start: str | None = None,
        imagenet: bool = False,
        objective: dict[str, Any] | None = None,
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        schedule: Schedule = "plateau",
        patience: int = 3,
        warmup: float = 0.1,
        compile: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if start is not None and (model_args or imagenet):
            raise NpvfError("model_args and imagenet would change the network to start from: give either them or start")
        self.save_hyperparameters()
        self.model = (
            STDDL.create(model, imagenet, **(model_args or {})) if start is None else STDDL.from_pretrained(start)
        )
        self.objective = LocalizationObjective(**(objective or {}))
        self.lr, self.weight_decay, self.betas, self.seed = lr, weight_decay, betas, seed
        self.schedule, self.patience, self.warmup = schedule, patience, warmup
        self.validated: list[FoundFace] = []
        self.pixels: dict[str, PixelTally] = {}
        self.genuine: dict[str, PixelTally] = {}
        self.places: dict[str, PlaceTally] = {}
        if compile:
            self.compile_towers()
        self.train()  # Lightning trains in the modes it finds; a loaded model is in evaluation mode

    def configure_optimizers(self) -> Any:
        """Adam, or AdamW, with one of the two schedules."""
        optimizer = AdamW(parameter_groups([self.model], self.lr, self.weight_decay), betas=self.betas)
        if self.schedule == "cosine":
            steps = int(self.trainer.estimated_stepping_batches)
            return {"optimizer": optimizer, "lr_scheduler": cosine_schedule(optimizer, steps, self.warmup)}
        halving = {
            "scheduler": ReduceLROnPlateau(optimizer, factor=0.5, patience=self.patience),
            "monitor": "val/loss",
            "frequency": self.trainer.check_val_every_n_epoch or 1,
        }
        return {"optimizer": optimizer, "lr_scheduler": halving}

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.validated, self.pixels, self.genuine, self.places = [], {}, {}, {}

    def validation_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """The windows of some clips, a few at a time: all at once are too many for the largest model."""
        for first in range(0, len(batch), AT_ONCE):
            windows = batch.rows(slice(first, first + AT_ONCE))
            out = self.model(windows.frames_BTCHW, windows.landmarks_BTN2, windows.motion_BTCHW)
            for row in range(len(windows)):
                self._note(out.rows(slice(row, row + 1)), windows.rows(slice(row, row + 1)))

    def _note(self, out: STDDLOutput, window: FaceBatch) -> None:
        losses = {name: float(value) for name, value in self.objective.compare(out, window).items()}
        face, _, _ = window.keys[0].rpartition("-")
        self.validated.append(FoundFace(face, float(out.logits_B[0]), int(window.label_B[0]), losses))
        probability_THW = out.mask_logits_BTHW[0].float().sigmoid().cpu().numpy()
        if window.mask_known_B[0]:
            count_pixels(self.pixels.setdefault(face, PixelTally()), probability_THW, window)
            first_mask_HW = window.mask_BTHW[0, 0].cpu().numpy()
            self.places.setdefault(face, PlaceTally()).add(probability_THW[0], first_mask_HW)
        if window.label_B[0] == REAL:
            count_face(self.genuine.setdefault(face, PixelTally()), probability_THW, window)

    def on_validation_epoch_end(self) -> None:
        """Log the loss, AUC by face, and by pixel of the crops AUC, place-matched AUC, IoU and false-positive rate.

        "genuine_area" is the share of a genuine face that is marked at the working threshold, the mean over faces.
        "score", the mean of the faces' AUC and the pixels' IoU, as far as there are any, chooses the best checkpoint.
        """
        self.validated = sorted(gather(self.validated), key=lambda found: found.face)
        tallies, genuine = gather(list(self.pixels.values())), gather(list(self.genuine.values()))
        logits_N, labels_N = by_face(self.validated)
        losses = self.validated[0].losses
        values = {name: float(np.mean([found.losses[name] for found in self.validated])) for name in losses}
        values |= {"auc": auc(logits_N, labels_N), "faces": float(len(labels_N))}
        if tallies:
            found = pixel_metrics(tallies, bootstrap=Bootstrap(n=0))
            names = {"pixel_auc": "auc_pooled", "iou": "iou_pooled", "fpr": "fpr_pooled"}
            values |= {name: found[pooled].value for name, pooled in names.items() if pooled in found}
        placed = placed_auc(gather(list(self.places.values())), bootstrap=Bootstrap(n=0))
        values |= {} if placed is None else {"placed_auc": placed.value}
        self.mask_threshold = best_mask_threshold(tallies)
        self.genuine_areas = [share_called(tally, self.mask_threshold) for tally in genuine]
        values |= {"genuine_area": float(np.mean(self.genuine_areas))} if genuine else {}
        values["score"] = float(np.mean([values[name] for name in ("auc", "iou") if name in values]))
        self.log_dict({f"val/{name}": value for name, value in values.items()}, prog_bar=True)

    def export(self, folder: Path) -> None:
        """The localizer folder, with calibration and thresholds fitted on the last validation."""
        logits_N, labels_N = by_face(self.validated)
        calibration = Calibration.fit(logits_N, labels_N)
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        settings = LocalizerSettings(
            name=self.model.config.name,
            frames=data.frames,
            stride=data.stride,
            calibration=calibration,
            threshold=best_threshold(calibration.probabilities(logits_N), labels_N),
            mask_threshold=self.mask_threshold,
            genuine_area=usual_area(self.genuine_areas),
            genuine_faces=len(self.genuine_areas),
        )
        training = {**self.hparams, "validation_faces": len(labels_N), "validation_auc": auc(logits_N, labels_N)}
        training |= splits_used(self.trainer)
        Localizer(self.model, settings).save(folder, training)


def count_pixels(tally: PixelTally, probability_THW: np.ndarray, window: FaceBatch) -> None:
    """Add one window's frames that have a follower, as the crop shows them."""
    for probability_HW, forged_HW in zip(probability_THW, window.mask_BTHW[0, :-1].cpu().numpy(), strict=True):
        tally.add(probability_HW, forged_HW)


def count_face(tally: PixelTally, probability_THW: np.ndarray, window: FaceBatch) -> None:
    """Add the pixels within a genuine face, of one window's frames that have a follower."""
    for probability_HW, points_N2 in zip(probability_THW, window.landmarks_BTN2[0, :-1].cpu().numpy(), strict=True):
        inside_N = probability_HW[face_hull(points_N2, probability_HW.shape)]
        if len(inside_N):
            tally.add(inside_N, np.zeros(len(inside_N), bool))


def by_face(found: list[FoundFace]) -> tuple[np.ndarray, np.ndarray]:
    """The mean logit of each face's windows, and its label: fake where one of them is. Unknown ones are not in it."""
    faces: dict[str, list[FoundFace]] = defaultdict(list)
    for window in found:
        if window.label >= 0:
            faces[window.face].append(window)
    logits = [np.mean([window.logit for window in windows]) for windows in faces.values()]
    labels = [max(window.label for window in windows) for windows in faces.values()]
    return np.array(logits), np.array(labels)
