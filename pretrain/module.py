"""Stage 1 as a Lightning module: self-supervised pre-training of NPV on real talking faces."""

from __future__ import annotations

import math
import warnings
from heapq import nsmallest
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from npvf.data.selection import hash_share
from npvf.losses import NPVLosses, NPVObjective
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.sync_embeddings import FramewiseFeatures
from npvf.metrics.sync_protocol import Settings, measure_synchrony
from npvf.models import NPV, Batch
from npvf.training.gather import gather
from npvf.training.module import TrainingModule, Weights, log_name
from npvf.training.optim import OptimConfig
from pretrain.grad_cache import represent_in_chunks

# Unit features that fill their sphere deviate by 1 / sqrt(D); the monitors report deviation as a share of that.
COLLAPSED = 0.2
SYNCHRONY_METRICS = ("retrieval_r1", "sync_within_1", "swap_auc", "shift_auc")


class PretrainModule(TrainingModule):
    """NPV, its pre-training objective and its optimiser.

    The paper says nothing about its training except that it has two stages. Where a third-party re-implementation
    differs from our choice, its value is named beside ours.

    Args:
        model: one of `npvf.list_models("npv_*")`, or "conv_two_tower".
        model_args: overrides of the model's configuration, as `create_model` takes them.
        backbone_pretrained: start the Swin towers from timm's ImageNet weights.
        objective: weights of the losses, temperature and the rest. On several GPUs a loss with weight 0 leaves
            parameters without a gradient: then set trainer.strategy to ddp_find_unused_parameters_true.
        optim: optimiser and learning rate. The re-implementation has a rate of 1e-4 and a weight decay of 1e-2; on GRID
            rates from 2e-4 to 3e-3 gave nearly the same.
        val_segments: segments among which retrieval is measured in validation; chance is 1 / val_segments.
        val_clips: validate on at most this many clips, chosen by a hash of their keys. Their features stay in memory on
            all ranks: 8 D bytes a frame for common spaces of width D, so 0.8 MB for 8 s at width 512.
        chunk_clips: run the network over this many clips at a time, for batches that do not fit into memory
            (`pretrain.grad_cache`); null: over all at once.
        compile: compile the towers with `torch.compile`; needs a compiler, and minutes before the first step.
        seed: of dropout and drop-path. The command sets it to `seed_everything`.

    Warns:
        UserWarning: features deviate by less than a fifth of 1 / sqrt(D): they are collapsing.
    """

    monitor: ClassVar[str] = "val/retrieval_r1"
    product: ClassVar[str] = "encoder"
    # A cosine schedule is best at its end; the best of many validations on few clips is due to chance.
    export_weights: ClassVar[Weights] = "last"
    run_folder: ClassVar[str] = "runs/pretrain"

    model: NPV
    objective: NPVObjective

    def __init__(
        self,
        model: str = "npv_nano",
        model_args: dict[str, Any] | None = None,
        backbone_pretrained: bool = False,
        objective: NPVLosses = NPVLosses(),
        optim: OptimConfig = OptimConfig(),
        val_segments: int = 60,
        val_clips: int = 1000,
        chunk_clips: int | None = None,
        compile: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = NPV.create(model, backbone_pretrained=backbone_pretrained, **(model_args or {}))
        self.objective, self.optim = NPVObjective(objective), optim
        self.val_segments, self.chunk_clips, self.seed = val_segments, chunk_clips, seed
        self.val_clips = val_clips
        self._validated: list[dict[str, Any]] = []
        self.model.head.requires_grad_(False)  # not trained in this stage, and ranks wait for every gradient
        if compile:
            self.compile_towers()

    def measure(self, *batch: Any) -> dict[str, Tensor]:
        """The objective, in chunks if asked for."""
        if self.chunk_clips is None:
            return super().measure(*batch)
        clips, starts_BK = batch
        return self.objective.compare(
            represent_in_chunks(self.objective, self.model, clips, starts_BK, self.chunk_clips)
        )

    def watch(self, out: dict[str, Tensor]) -> None:
        """Warn where features collapse."""
        for name, value in out.items():
            if name.startswith("collapse_") and value < COLLAPSED:
                warnings.warn(
                    f"{log_name(name)} is {float(value):.2f}: features deviate far less than 1 / sqrt(D) and are "
                    "collapsing. Lower the learning rate, or look at the loss terms.",
                    stacklevel=2,
                )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep unit features of at most `val_clips` clips; `on_validation_epoch_end` compares all with all."""
        features = self.model.encode(batch)
        projections = self.model.project(features)
        for row, length in enumerate(batch.valid_BT.sum(1).tolist()):
            self._validated.append(
                {
                    "key": batch.keys[row],
                    "identity": batch.identities[row],
                    # Copies: a view would keep the whole batch in memory.
                    "viseme": projections.viseme[row, :length].float().cpu().clone(),
                    "audio": projections.audio[row, :length].float().cpu().clone(),
                    "gate": features.gate_BT[row, :length].cpu().clone(),
                }
            )
        self._validated = chosen_by_hash(self._validated, ceil(self.val_clips / self.trainer.world_size))

    def on_validation_epoch_end(self) -> None:
        """Log retrieval R@1, synchrony, swap and shift AUC of all validation clips (`npvf.metrics.sync_protocol`).

        A metric is NaN if no clip is left to compute it on.
        """
        clips = sorted(gather(self._validated), key=lambda clip: clip["key"])
        self._validated = []
        streams = FramewiseFeatures(*([clip[name] for clip in clips] for name in ("viseme", "audio", "gate")))
        settings = Settings(segments=self.val_segments, bootstrap=Bootstrap(n=0))
        found = dict.fromkeys(SYNCHRONY_METRICS, math.nan)
        counts = {"segments": 0, "clips": 0, "clips_unusable": len(clips)}
        try:
            report = measure_synchrony(streams, [clip["identity"] for clip in clips], settings=settings)
        except ValueError as error:  # short clips on a narrow gate: no reason to lose what was trained
            warnings.warn(f"nothing to validate on: {error}", stacklevel=2)
        else:
            found |= {name: report.estimates[name].value for name in SYNCHRONY_METRICS if name in report.estimates}
            counts = {"segments": report.segments, "clips": report.clips, "clips_unusable": len(report.unusable)}
        self.log_dict({f"val/{name}": float(value) for name, value in (found | counts).items()})

    def export(self, folder: Path) -> None:
        """The encoder folder: `config.json` and `model.safetensors`."""
        self.model.save_pretrained(folder)


def chosen_by_hash(clips: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The `count` clips whose keys have the smallest hashes: the same ones in every epoch, in whatever order."""
    return clips if len(clips) <= count else nsmallest(count, clips, key=lambda clip: hash_share(clip["key"]))
