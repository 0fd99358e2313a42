"""Two gloo processes with half the clips each against one process with all of them: loss and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from npvf.losses import DetectionLosses, DetectionObjective, FeatureFakes, NPVLosses, NPVObjective
from npvf.losses.distributed import gather_rows
from npvf.models import NPV, Batch, create_model
from pretrain.grad_cache import represent_in_chunks
from tests.helpers.ranks import run_ranks
from tests.helpers.tiny_model import TINY_MODEL, synthetic_batch

pytestmark = pytest.mark.slow

STARTS = torch.tensor([[0, 8, 24], [3, 10, 20], [1, 2, 12], [0, 5, 16]])


class InChunks(NPVObjective):
    """One clip at a time, as `PretrainModule.chunk_clips` asks for."""

    def forward(self, model: NPV, batch: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        return self.compare(represent_in_chunks(self, model, batch, starts_BK, 1))


class Step(nn.Module):
    """What Lightning's training step is to DistributedDataParallel."""

    def __init__(self, model: NPV, objective: nn.Module) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch, starts_BK: Tensor) -> Tensor:
        return self.objective(self.model, batch, starts_BK)["loss"]


OBJECTIVES = {
    "together": NPVObjective(),
    "in chunks": InChunks(),
    "apart": NPVObjective(NPVLosses(gather=False)),
    # Fakes of features are drawn among the clips of one rank, so they differ between one process and two.
    "fine-tuning": DetectionObjective(DetectionLosses(feature_fakes=FeatureFakes(weight=0))),
    "fakes": DetectionObjective(DetectionLosses(auxiliary_weight=0)),
}


def new_model() -> NPV:
    """In evaluation mode: batch statistics are a rank's own, unless the trainer synchronises them."""
    torch.manual_seed(0)
    return create_model("npv_nano", **TINY_MODEL).eval()


def loss_and_gradients(step: nn.Module, *inputs: Any, seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(seed)  # of the fakes
    loss = step(*inputs)
    loss.backward()
    found = {n.removeprefix("module."): p.grad for n, p in step.named_parameters() if p.grad is not None}
    return loss.detach(), found


def rank_main(rank: int, folder: Path, batch: Batch) -> None:
    mine = slice(2 * rank, 2 * rank + 2)
    found: dict[str, Any] = {}
    for name, objective in OBJECTIVES.items():
        step = DistributedDataParallel(Step(new_model(), objective), find_unused_parameters=True)
        found[name] = loss_and_gradients(step, batch.rows(mine), STARTS[mine], seed=rank)
    rows = torch.arange(3 * rank).view(-1, 1)
    found["rows"] = gather_rows(rows + 10, rows > 1, rows[:, :0].float())
    torch.save(found, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory, batch: Batch) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    run_ranks(rank_main, folder, batch, world=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Near-duplicates on different ranks, one person on both, and no real clip on the second."""
    model = new_model()
    batch = synthetic_batch(model.config.inputs, clips=4)
    batch.videos = ["a", "b", "a", "c"]
    batch.identities = ["ann", None, None, "ann"]
    batch.label_B = torch.tensor([0, 0, 1, 1])
    return batch


@pytest.mark.parametrize("name", ["together", "in chunks", "fine-tuning"])
def test_two_processes_learn_what_one_would(name: str, ranks: list[dict[str, Any]], batch: Batch) -> None:
    whole = OBJECTIVES["together" if name == "in chunks" else name]
    loss, gradients = loss_and_gradients(Step(new_model(), whole), batch, STARTS)
    losses = torch.stack([rank[name][0] for rank in ranks])
    assert_close(losses.mean(), loss)
    if name != "fine-tuning":  # its cross-entropy is each rank's own
        assert_close(losses, loss.expand(2))
    scale = torch.stack([gradient.norm() for gradient in gradients.values()]).max()
    for rank in ranks:
        for parameter, gradient in gradients.items():
            assert (rank[name][1][parameter] - gradient).norm() < 1e-4 * gradient.norm() + 1e-6 * scale, parameter


def test_fakes_are_made_within_a_rank_also_where_a_rank_has_no_genuine_clip(
    ranks: list[dict[str, Any]], batch: Batch
) -> None:
    """Each rank's loss is that of its clips alone, and both take the mean of the two gradients: nothing is gathered."""
    alone = [
        loss_and_gradients(Step(new_model(), OBJECTIVES["fakes"]), batch.rows(rows), STARTS[rows], seed=rank)
        for rank, rows in enumerate((slice(0, 2), slice(2, 4)))
    ]
    for rank, (loss, _) in zip(ranks, alone, strict=True):
        assert_close(rank["fakes"][0], loss)
        for name, gradient in rank["fakes"][1].items():
            mean = torch.stack([found.get(name, torch.zeros_like(gradient)) for _, found in alone]).mean(0)
            assert_close(gradient, mean, rtol=1e-3, atol=1e-6)


def test_ranks_that_keep_to_themselves_learn_something_else(ranks: list[dict[str, Any]], batch: Batch) -> None:
    loss, _ = loss_and_gradients(Step(new_model(), OBJECTIVES["apart"]), batch, STARTS)
    assert ranks[0]["apart"][0] != ranks[1]["apart"][0] != loss


def test_rows_come_in_the_order_of_ranks_however_many(ranks: list[dict[str, Any]]) -> None:
    for rank in ranks:
        numbers, flags, empty = rank["rows"]
        assert numbers.flatten().tolist() == [10, 11, 12]
        assert flags.flatten().tolist() == [False, False, True]
        assert empty.shape == (3, 0)


def test_alone_nothing_is_gathered() -> None:
    rows = torch.randn(3, 2)
    assert gather_rows(rows)[0] is rows
