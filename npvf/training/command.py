"""The training command of both stages: LightningCLI with a run folder of fixed layout.

    <run>/checkpoints/   last.ckpt and best.ckpt; `--ckpt_path` resumes from either, exactly, also in mid-epoch
    <run>/logs/          metrics.csv and config.yaml of each start
    <run>/tensorboard/
    <run>/encoder/       or detector/: what the next stage or a user loads

`<run>` is `trainer.default_root_dir`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_info

from npvf.training.ema import EMA
from npvf.training.module import TrainingModule

Weights = Literal["last", "best"]

TRAINER_DEFAULTS: dict[str, Any] = {
    "precision": "32-true",  # bf16 is 1.6 times as fast on CPUs with AMX, and 8 times slower on those without
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
    "num_sanity_val_steps": 0,  # two batches are too few clips to measure retrieval among
    "reload_dataloaders_every_n_epochs": 1,  # a stream is made anew for each epoch
}


@dataclass(frozen=True)
class Stage:
    """What tells one stage's command from the other's.

    Args:
        module, data: what is trained on what.
        root: the default run folder.
        monitor: validation metric that chooses the best checkpoint; the higher the better.
        product: name of the folder in `<run>` that the stage is run for.
        export: which weights go there; `--export` changes it.
    """

    module: type[TrainingModule]
    data: type[LightningDataModule]
    root: str
    monitor: str
    product: str
    export: Weights


class Checkpoint(ModelCheckpoint):
    """One file in `<run>/checkpoints`: the best epoch by a validation metric, or without one the last.

    Lightning's own `save_last` writes only when the best changes.

    Args:
        name: of the file.
        monitor: the metric.
        steps: write after every so many steps in place of every epoch.
    """

    def __init__(self, name: str, monitor: str | None = None, steps: int | None = None) -> None:
        super().__init__(
            filename=name,
            monitor=monitor,
            mode="max",
            every_n_train_steps=steps,
            enable_version_counter=False,
            save_on_train_epoch_end=True,  # after validation, when the epoch is over: a resumed run starts the next
        )

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Not after an epoch's last step: its validation would be lost, and the epoch's own checkpoint comes next."""
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *args)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checkpoints lie in the run's folder, not in a logger's."""
        self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)


class TrainingCLI(LightningCLI):
    """LightningCLI with the run's layout, one seed for everything, and the product at the end."""

    def __init__(self, stage: Stage, args: Sequence[str]) -> None:
        self.stage = stage
        callbacks = [Checkpoint("best", stage.monitor), Checkpoint("last"), LearningRateMonitor()]
        super().__init__(
            stage.module,
            stage.data,
            trainer_defaults={**TRAINER_DEFAULTS, "default_root_dir": stage.root, "callbacks": callbacks},
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            args=list(args),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """`seed_everything` is the seed of data and model too; the rest is the run's own."""
        for target in ("model.seed", "data.seed"):
            parser.link_arguments("seed_everything", target, compute_fn=int)
        parser.add_argument("--export", type=Weights, default=self.stage.export, help="weights of the product")
        parser.add_argument(
            "--ema", type=float | None, default=None, help="decay of averaged weights, which are validated and exported"
        )
        parser.add_argument(
            "--checkpoint_steps", type=int | None, default=None, help="write last.ckpt also after every so many steps"
        )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Callbacks that are asked for; CSV and TensorBoard logs unless the configuration names loggers."""
        if decay := self._get(self.config_init, "ema"):
            self.trainer_defaults["callbacks"].append(EMA(decay))
        if steps := self._get(self.config_init, "checkpoint_steps"):
            self.trainer_defaults["callbacks"].append(Checkpoint("last", steps=steps))
        config = self._get(self.config_init, "trainer")
        if config.logger is None:
            root = config.default_root_dir
            kwargs["logger"] = [CSVLogger(root, name="logs"), TensorBoardLogger(root, name="tensorboard")]
        return super().instantiate_trainer(**kwargs)

    def after_fit(self) -> None:
        """Validate the weights wanted once more, as a detector is calibrated on that, and write the product."""
        checkpoints = self.trainer.checkpoint_callback
        if self.trainer.interrupted or not isinstance(checkpoints, ModelCheckpoint):  # a dry run keeps no checkpoints
            return
        weights = self._get(self.config, "export")
        path = checkpoints.best_model_path if weights == "best" else None
        self.trainer.validate(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
        folder = Path(self.trainer.default_root_dir) / self.stage.product
        if self.trainer.is_global_zero:
            self.model.export(folder)
        rank_zero_info(f"wrote {folder} ({weights} weights)")


def run(stage: Stage, args: Sequence[str]) -> int:
    """Run one training command; returns its exit status."""
    logging.getLogger("npvf").setLevel(logging.INFO)
    for harmless in (
        ".*does not have many workers.*",  # clips in memory need none
        "LightningCLI's args parameter is intended.*",  # every command of `npvf` hands its arguments on
        ".*could not find the monitored key.*",  # not every epoch validates
        ".*isinstance.treespec, LeafSpec.*",  # between Lightning and torch
        ".*your dataloader is not resumable.*",  # `ClipData` skips what was done
        ".*WeightAveraging callback, but loading.*",  # the best weights, loaded to be exported, are averaged ones
    ):
        warnings.filterwarnings("ignore", message=harmless)
    TrainingCLI(stage, args)
    return 0
