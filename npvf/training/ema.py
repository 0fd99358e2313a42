"""Averaged weights: validated, exported, and kept in checkpoints beside those that are trained."""

from __future__ import annotations

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class EMA(WeightAveraging):
    """Exponential moving average of weights and batch statistics after each step.

    A checkpoint's `state_dict` holds the averaged weights, its `current_model_state` those that a resumed run goes on
    with.

    Args:
        decay: what remains of the average in a step. Early on it is less, (1 + n) / (10 + n) after n steps, or a short
            run would end with an average of its beginnings.
    """

    def __init__(self, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"the decay of averaged weights lies between 0 and 1, not at {decay}")
        super().__init__(avg_fn=self.average)
        self.decay = decay

    def average(self, average: Tensor, current: Tensor, count: Tensor) -> Tensor:
        """The new average, after `count` steps."""
        decay = min(self.decay, (1 + int(count)) / (10 + int(count)))
        return decay * average + (1 - decay) * current

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """With the training the swapping ends: what is validated and exported from now on is the average."""
        self._average_model = None
