"""The training command of both stages: LightningCLI with a run folder of fixed layout.

    <run>/checkpoints/   last.ckpt and best.ckpt; `--ckpt_path` resumes from either, exactly, also within an epoch
    <run>/logs/          metrics.csv and config.yaml of each start
    <run>/tensorboard/
    <run>/encoder/       or detector/, localizer/: what the next stage or a user loads

`<run>` is `trainer.default_root_dir`. The configuration names what is trained on what, `model.class_path` and
`data.class_path`. What the command needs to know about a module are the module's class attributes (`TrainingModule`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_info

from npvf.errors import NpvfError
from npvf.training.data import ClipData
from npvf.training.ema import EMA
from npvf.training.memory import keep_freed_memory
from npvf.training.module import TrainingModule, Weights
from npvf.training.moved_keys import hints

TRAINER_DEFAULTS: dict[str, Any] = {
    "precision": "32-true",  # bf16 is 1.6 times as fast on CPUs with AMX, and 8 times slower on those without
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
    "num_sanity_val_steps": 0,  # two batches are too few clips to measure retrieval among
    "reload_dataloaders_every_n_epochs": 1,  # a resumed run begins its first epoch in the middle, the next one anew
}


class Checkpoint(ModelCheckpoint):
    """One file in `<run>/checkpoints`: the best epoch by a validation metric, or without a metric the last epoch.

    Lightning's own `save_last` writes only when the best changes.

    Args:
        name: of the file.
        monitor: the metric.
        steps: write after this many steps instead of after every epoch.
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


class TrainingParser(LightningArgumentParser):
    """LightningCLI's parser; for a key of an earlier version its error message names the key that replaced it."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the usage and the message, and end the program with status 2."""
        super().error("\n".join([message, *hints(message)]), ex)


class TrainingCLI(LightningCLI):
    """LightningCLI with the run's layout, one seed for everything, and the exported folder at the end."""

    def __init__(self, args: Sequence[str]) -> None:
        super().__init__(
            TrainingModule,
            ClipData,
            subclass_mode_model=True,
            subclass_mode_data=True,
            trainer_defaults={**TRAINER_DEFAULTS, "callbacks": []},
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            parser_class=TrainingParser,
            args=list(args),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """`seed_everything` is the seed of data and model too; the rest are options of the run."""
        for key in ("model", "data"):
            parser.link_arguments("seed_everything", f"{key}.init_args.seed", compute_fn=int)
        parser.add_argument(
            "--export",
            type=Weights | None,
            default=None,
            help="exported weights: last or best; null: the model's",
        )
        parser.add_argument(
            "--ema", type=float | None, default=None, help="decay of averaged weights, which are validated and exported"
        )
        parser.add_argument(
            "--checkpoint_steps", type=int | None, default=None, help="write last.ckpt also after every so many steps"
        )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Folder and checkpoints as the module says; CSV and TensorBoard logs unless others are named."""
        callbacks = [Checkpoint("best", self.model.monitor), Checkpoint("last"), LearningRateMonitor()]
        if decay := self._get(self.config_init, "ema"):
            callbacks.append(EMA(decay))
        if steps := self._get(self.config_init, "checkpoint_steps"):
            callbacks.append(Checkpoint("last", steps=steps))
        self.trainer_defaults["callbacks"] = callbacks
        config = self._get(self.config_init, "trainer")
        root = kwargs["default_root_dir"] = config.default_root_dir or self.model.run_folder
        if config.logger is None:
            kwargs["logger"] = [CSVLogger(root, name="logs"), TensorBoardLogger(root, name="tensorboard")]
        return super().instantiate_trainer(**kwargs)

    def before_fit(self) -> None:
        """Refuse what torch would refuse with a traceback, on every process."""
        if self._get(self.config, "trainer").sync_batchnorm and self.trainer.strategy.root_device.type == "cpu":
            raise NpvfError("trainer.sync_batchnorm works on GPUs only: leave it out with trainer.accelerator cpu.")

    def after_fit(self) -> None:
        """Validate the wanted weights once more, since a detector is calibrated on that, and export them."""
        checkpoints = self.trainer.checkpoint_callback
        if self.trainer.interrupted or not isinstance(checkpoints, ModelCheckpoint):  # a dry run keeps no checkpoints
            return
        weights = self._get(self.config, "export") or self.model.export_weights
        path = checkpoints.best_model_path if weights == "best" else None
        self.trainer.validate(self.model, datamodule=self.datamodule, ckpt_path=path, verbose=False)
        folder = Path(self.trainer.default_root_dir) / self.model.product
        if self.trainer.is_global_zero:
            self.model.export(folder)
        rank_zero_info(f"wrote {folder} ({weights} weights)")


def run(args: Sequence[str]) -> int:
    """Run one training command, `args` without the program's name. Returns its exit status."""
    keep_freed_memory()
    logging.getLogger("npvf").setLevel(logging.INFO)
    for harmless in (
        ".*does not have many workers.*",  # clips in memory need none
        "LightningCLI's args parameter is intended.*",  # every command of `npvf` hands its arguments on
        ".*could not find the monitored key.*",  # not every epoch validates
        ".*isinstance.treespec, LeafSpec.*",  # between Lightning and torch
        ".*your dataloader is not resumable.*",  # `ClipData` skips what was done
        ".*sync_dist=True.*",  # metrics are of all clips, gathered by every process
        ".*WeightAveraging callback, but loading.*",  # the best weights, loaded to be exported, are averaged ones
    ):
        warnings.filterwarnings("ignore", message=harmless)
    TrainingCLI(args)
    return 0
