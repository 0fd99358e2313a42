"""ST-DDL as a Lightning module: pictures and motion of a face become a mask and a verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pytorch_lightning.utilities import rank_zero_warn

from finetune.data import splits_used
from finetune.validation import validation_record, video_metrics
from npvf.clip import REAL, SEGMENT_FRAMES
from npvf.detect.aggregate import ClipScore
from npvf.detect.fit_decision import LabelledScore, fit_decision
from npvf.detect.localizer import Localizer, LocalizerSettings, usual_area
from npvf.errors import NpvfError
from npvf.faces.geometry import face_hull
from npvf.io.shards import clip_track
from npvf.losses import LocalizationLosses, LocalizationObjective
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.pixels import PixelTally, best_mask_threshold, pixel_metrics, share_called, threshold_calling
from npvf.metrics.place import PlaceTally, placed_auc
from npvf.models import STDDL, FaceBatch, STDDLOutput
from npvf.training.gather import gather
from npvf.training.module import TrainingModule
from npvf.training.optim import OptimConfig

# Of the paper's training nothing is published; its test code has a learning rate of 1e-4 and imports Adam's module.
ADAM = OptimConfig(lr=1e-4, weight_decay=0.0, betas=(0.9, 0.999), schedule="plateau")
AT_ONCE = 8  # windows of a validation
GENUINE_AREA = 0.02  # the working threshold marks no more than this share of genuine faces, whatever the IoU gains


@dataclass(slots=True)
class FoundFace:
    """One window of a validation clip: what was found in it.

    Attributes:
        key, video: the clip's.
        person: the identity, or the name of the video if the identity is unknown.
        logit, label: of the window; -1 is unknown.
        losses: the objective's terms.
    """

    key: str
    video: str
    person: str
    logit: float
    label: int
    losses: dict[str, float]


class LocalizationModule(TrainingModule):
    """ST-DDL, its objective, and validation by face and by pixel of the crops.

    Args:
        model: one of `npvf.list_models("stddl_*")`.
        model_args: overrides of the model's configuration, as `create_model` takes them; `motion: flow` and
            `motion: none` are baselines.
        start: a localizer folder to go on from; null: from scratch. `model_args` may then give it another motion
            branch (`STDDL.with_motion`).
        backbone_pretrained: start both encoders from ImageNet weights: true takes timm's from the hub, a path the file
            that `npvf models import-weights` wrote. With `start`, the encoder of a new motion branch.
        train_norms: let the encoders' batch norms follow the batches; false keeps ImageNet's means and deviations,
            which suits few people.
        objective: weights and settings of the losses.
        optim: optimiser and learning rate. By default Adam, whose rate is halved when the validation loss stops
            falling; `schedule: cosine` suits short runs.
        compile: compile the encoders with `torch.compile`.
        seed: of dropout and drop-path. The command sets it to `seed_everything`.

    Raises:
        NpvfError: both a localizer to go on from and changes of more than its motion branch are given.
    """

    monitor: ClassVar[str] = "val/score"
    product: ClassVar[str] = "localizer"
    run_folder: ClassVar[str] = "runs/localize"

    model: STDDL
    objective: LocalizationObjective

    def __init__(
        self,
        model: str = "stddl_nano",
        model_args: dict[str, Any] | None = None,
        start: str | None = None,
        backbone_pretrained: bool | str = False,
        train_norms: bool = True,
        objective: LocalizationLosses = LocalizationLosses(),
        optim: OptimConfig = ADAM,
        compile: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = _network(model, model_args or {}, start, backbone_pretrained)
        self.objective, self.optim, self.seed = LocalizationObjective(objective), optim, seed
        self.validated: list[FoundFace] = []
        self.pixels: dict[str, PixelTally] = {}
        self.genuine: dict[str, PixelTally] = {}
        self.places: dict[str, PlaceTally] = {}
        if compile:
            self.compile_towers()
        self.train_norms = train_norms
        self.train()  # Lightning trains in the modes it finds; a loaded model is in evaluation mode

    def train(self, mode: bool = True) -> Self:
        """Set the mode; batch norms of the encoders stay in evaluation mode without `train_norms`."""
        super().train(mode)
        if not self.train_norms:
            for encoder in self.model.encoders:
                encoder.network.eval()
        return self

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
        key, video, person = window.keys[0], window.videos[0], window.identities[0] or window.videos[0]
        found = FoundFace(key, video, person, float(out.logits_B[0]), int(window.label_B[0]), losses)
        self.validated.append(found)
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
        "score" chooses the best checkpoint: the place-matched AUC, or without a mask the AUC of faces.
        """
        self.validated = sorted(gather(self.validated), key=lambda found: found.key)
        tallies, genuine = gather(list(self.pixels.values())), gather(list(self.genuine.values()))
        losses = self.validated[0].losses
        values = {name: float(np.mean([found.losses[name] for found in self.validated])) for name in losses}
        videos = video_metrics(self.clips, LocalizerSettings())
        faces = {(clip.score.video, clip.score.track) for clip in self.clips}
        values |= {"auc": videos["auc"], "videos": videos["videos"], "faces": float(len(faces))}
        if tallies:
            found = pixel_metrics(tallies, bootstrap=Bootstrap(n=0))
            names = {"pixel_auc": "auc_pooled", "iou": "iou_pooled", "fpr": "fpr_pooled"}
            values |= {name: found[pooled].value for name, pooled in names.items() if pooled in found}
        placed = placed_auc(gather(list(self.places.values())), bootstrap=Bootstrap(n=0))
        values |= {} if placed is None else {"placed_auc": placed.value}
        self.mask_threshold = best_mask_threshold(tallies)
        if genuine:
            self.mask_threshold = max(self.mask_threshold, threshold_calling(genuine, GENUINE_AREA))
        self.genuine_areas = [share_called(tally, self.mask_threshold) for tally in genuine]
        values |= {"genuine_area": float(np.mean(self.genuine_areas))} if genuine else {}
        values["score"] = values.get("placed_auc", values["auc"])
        self.log_dict({f"val/{name}": value for name, value in values.items()}, prog_bar=True)

    def export(self, folder: Path) -> None:
        """The localizer folder; everything between logits and a verdict is fitted on the last validation."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        settings = LocalizerSettings(
            name=self.model.config.name,
            frames=data.frames,
            stride=data.stride,
            mask_threshold=self.mask_threshold,
            genuine_area=usual_area(self.genuine_areas),
            genuine_faces=len(self.genuine_areas),
        )
        settings = fit_decision(self.clips, settings)
        training = {**self.settings(), **validation_record(self.clips, settings), **splits_used(self.trainer)}
        Localizer(self.model, settings).save_pretrained(folder, training)

    @property
    def clips(self) -> list[LabelledScore]:
        """The validated clips."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        return clip_scores(self.validated, max(1, SEGMENT_FRAMES // data.val_every))


def _network(name: str, model_args: dict[str, Any], start: str | None, backbone_pretrained: bool | str) -> STDDL:
    """A new network, or that of a localizer folder, perhaps with another motion branch."""
    if start is None:
        return STDDL.create(name, backbone_pretrained=backbone_pretrained, **model_args)
    if not model_args and not backbone_pretrained:
        return STDDL.from_pretrained(start)
    if "motion" not in model_args:
        raise NpvfError(
            "model_args and backbone_pretrained would change the network to start from: with start they can only make "
            "a new motion branch (model_args.motion)"
        )
    before = STDDL.from_pretrained(start)
    try:
        model = before.with_motion(backbone_pretrained, **model_args)
    except ValueError as error:
        raise NpvfError(f"the localizer {start} cannot have this motion branch: {error}") from error
    if model.config.motion == "none" != before.config.motion:
        rank_zero_warn(
            f"the motion branch of {start} ({before.config.motion}) is left out, since model_args.motion is none; to "
            "keep it: --model.model_args null"
        )
    return model


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


def clip_scores(found: Sequence[FoundFace], windows: int) -> list[LabelledScore]:
    """The scores of clips from those of their windows, in order; `windows` of them make a segment.

    Clips without a label of their picture are left out. A segment is fake where one of its
    windows is, a clip where one of its segments is.
    """
    clips: dict[str, list[FoundFace]] = defaultdict(list)
    for window in found:
        if window.label >= 0:
            clips[window.key].append(window)
    scores = []
    for key, own in clips.items():
        segments = [own[at : at + windows] for at in range(0, len(own), windows)]
        logits = tuple(float(np.mean([window.logit for window in segment])) for segment in segments)
        labels = tuple(max(window.label for window in segment) for segment in segments)
        score = ClipScore(key, own[0].video, clip_track(key), logits)
        scores.append(LabelledScore(score, max(labels), own[0].person, labels))
    return scores
