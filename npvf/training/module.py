"""The base module of both training stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.optim import AdamW

from npvf.data.sampling import derive_seed
from npvf.models import PretrainedModel
from npvf.training.optim import OptimConfig, lightning_schedule, parameter_groups

Weights = Literal["last", "best"]


class TrainingModule(LightningModule, ABC):
    """A model, one objective on windows of clips, and an optimiser. Random draws depend on the step alone.

    A subclass sets `model`, `objective`, `optim` and `seed` in its constructor, and says with its class attributes what
    the training command needs to know of it.

    Attributes:
        monitor: the validation metric that chooses the best checkpoint; higher is better.
        product: name of the folder in the run's folder that `export` writes.
        export_weights: which weights are exported by default, the "last" or the "best"; `--export` overrides it.
        run_folder: the run's folder if the configuration does not name one.
    """

    monitor: ClassVar[str]
    product: ClassVar[str]
    export_weights: ClassVar[Weights] = "best"
    run_folder: ClassVar[str]

    model: PretrainedModel
    objective: torch.nn.Module
    optim: OptimConfig
    seed: int

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser, with their learning rates."""
        return parameter_groups([self], self.optim.lr, self.optim.weight_decay)

    def configure_optimizers(self) -> Any:
        """AdamW with the schedule of `optim`."""
        optimizer = AdamW(self.groups(), betas=self.optim.betas)
        steps, every = self.trainer.estimated_stepping_batches, self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": lightning_schedule(optimizer, self.optim, steps, every)}

    def compile_towers(self, **options: Any) -> None:
        """Let `torch.compile` fuse the encoders' kernels. The names of the weights stay as they are."""
        for name, module in self.model.named_children():
            if name.endswith(("_tower", "_encoder")):
                module.compile(**options)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed dropout and drop-path by the step, so that a resumed run draws what an undisturbed one draws."""
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
        """The objective's "loss", and everything else that it returns."""
        return self.objective(self.model, *batch)

    def watch(self, out: dict[str, Tensor]) -> None:
        """Look at what the objective returned; a subclass may warn."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write what the next stage or a user loads, without Lightning."""

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain values, for people who read the exported folder."""
        given = {name: value for name, value in self.hparams.items() if not name.startswith("_")}
        return {name: plain(value) for name, value in given.items()}


def plain(value: Any) -> Any:
    """A dataclass as a dictionary, everything else as it is."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def log_name(name: str) -> str:
    """The name under which a term of the objective is logged; its collapse monitors have a heading of their own."""
    return name.replace("collapse_", "collapse/") if name.startswith("collapse_") else f"train/{name}"
