"""Gradient caching gives the gradients of the plain batch, and draws the same in both of its passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from npvf.losses import NPVObjective
from npvf.losses.representations import Representations
from npvf.models import NPV, Batch, create_model
from pretrain.grad_cache import represent_in_chunks
from tests.helpers.tiny_model import TINY_MODEL

STARTS = torch.tensor([[0, 8, 24], [3, 10, 20], [1, 2, 12], [0, 5, 16], [7, 9, 20]])


@pytest.fixture
def batch(make_batch: Callable[..., Batch]) -> Batch:
    return make_batch(new_model().config.inputs, clips=5)


def new_model(**more: object) -> NPV:
    torch.manual_seed(0)
    return create_model("npv_nano", **TINY_MODEL, **more)


def gradients(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    scale = max(gradient.norm() for gradient in one.values())
    close = (((one[name] - other[name]).norm() <= 1e-4 * one[name].norm() + 1e-6 * scale) for name in one)
    return one.keys() == other.keys() and all(close)


@pytest.mark.slow
@pytest.mark.parametrize("chunk_clips", [1, 2, 5])
def test_gradients_are_those_of_the_plain_batch(chunk_clips: int, batch: Batch) -> None:
    model, objective = new_model().eval(), NPVObjective()
    plain = objective(model, batch, STARTS)
    cached = objective.compare(represent_in_chunks(objective, model, batch, STARTS, chunk_clips))
    torch.testing.assert_close(cached, plain)
    assert same(gradients(model, plain["loss"]), gradients(model, cached["loss"]))


@pytest.mark.slow
def test_both_passes_drop_the_same_and_count_the_batch_once(batch: Batch) -> None:
    objective, states, found = NPVObjective(), [], []
    for cached in (False, True):
        model = new_model(viseme__drop_path=0.5, audio__drop_path=0.5).train()
        torch.manual_seed(3)
        if cached:
            clips = represent_in_chunks(objective, model, batch, STARTS, 2)
        else:
            rows = [slice(0, 2), slice(2, 4), slice(4, 6)]
            clips = Representations.joined([objective.represent(model, batch.rows(r), STARTS[r]) for r in rows])
        found.append(gradients(model, objective.compare(clips)["loss"]))
        states.append(model.state_dict())
    assert same(*found)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_only_one_chunk_of_activations_is_alive(batch: Batch) -> None:
    """Tensors that the plain batch keeps for its backward pass against those that the cache keeps."""
    model, objective = new_model().eval(), NPVObjective()

    def kept(represent: Callable[[], Representations]) -> int:
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: (sizes.append(x.numel()), x)[1], lambda x: x):
            objective.compare(represent())
        return sum(sizes)

    plain = kept(lambda: objective.represent(model, batch, STARTS))
    cached = kept(lambda: represent_in_chunks(objective, model, batch, STARTS, 1))
    assert cached < plain / 10


def test_a_batch_that_is_one_chunk_goes_through_the_network_once(batch: Batch) -> None:
    model, objective, passes = new_model(), NPVObjective(), []
    model.viseme_tower.register_forward_hook(lambda *_: passes.append(1))
    objective.compare(represent_in_chunks(objective, model, batch, STARTS, 5))["loss"].backward()
    assert len(passes) == 1
