"""A callback that breaks a run off after its first epoch, as a user or a queue would."""

from __future__ import annotations

from pytorch_lightning import Callback, LightningModule, Trainer


class StopAfterFirstEpoch(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True
