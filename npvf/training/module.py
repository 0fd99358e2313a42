"""What the modules of both training stages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from npvf.data.sampling import derive_seed
from npvf.models import PretrainedModel


class TrainingModule(LightningModule):
    """What all stages share: one objective on windows of clips, and draws that depend on the step alone."""

    model: PretrainedModel
    objective: torch.nn.Module
    seed: int

    def compile_towers(self, **options: Any) -> None:
        """Let `torch.compile` fuse the encoders' kernels. Names of weights stay as they are."""
        for name, module in self.model.named_children():
            if name.endswith(("_tower", "_encoder")):
                module.compile(**options)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Dropout and drop-path draw from the step's own seed: a resumed run draws what an undisturbed one would."""
        torch.manual_seed(derive_seed(self.seed, self.global_step, self.global_rank))

    def training_step(self, batch: tuple[Any, ...], batch_idx: int) -> Tensor:
        """The objective on a batch of windows, whose first part are the clips; each of its terms is logged."""
        out = self.measure(*batch)
        terms = {log_name(name): value.detach() for name, value in out.items() if value.ndim == 0}
        self.log_dict(terms, batch_size=len(batch[0]))
        self.watch(out)
        self.log("loss", out["loss"].detach(), prog_bar=True, logger=False, batch_size=len(batch[0]))
        return out["loss"]

    def measure(self, *batch: Any) -> dict[str, Tensor]:
        """The objective's "loss", and all else that it gives."""
        return self.objective(self.model, *batch)

    def watch(self, out: dict[str, Tensor]) -> None:
        """Look at what the objective gave; a stage may warn."""

    def export(self, folder: Path) -> None:
        """Write what the next stage loads, without Lightning."""
        raise NotImplementedError


def log_name(name: str) -> str:
    """Monitors of the objective have a heading of their own."""
    return name.replace("collapse_", "collapse/") if name.startswith("collapse_") else f"train/{name}"
