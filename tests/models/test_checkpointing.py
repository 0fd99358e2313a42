from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from npvf import create_model
from npvf.models.checkpointing import CheckpointedSequence, frozen_statistics
from npvf.models.npv.tower_spec import TowerSpec
from npvf.models.npv.towers import AudioTower, VisualTower

SPEC = TowerSpec(embed_dim=16, depths=(2, 2), num_heads=(2, 4), window=4, drop_path=0.3, lfa_zero_init=False)
PICTURES = torch.randint(0, 256, (2, 6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
MEL = torch.randn(2, 24, 64, generator=torch.Generator().manual_seed(0))


def twins(spec: TowerSpec, kind: str):
    """A tower and its checkpointed copy with the same weights."""
    for checkpoint in (False, True):
        torch.manual_seed(0)
        chosen = replace(spec, checkpoint=checkpoint)
        yield VisualTower(chosen, 32, 3, 12) if kind == "pictures" else AudioTower(chosen, 64, 12)


@pytest.mark.parametrize("kind", ["pictures", "sound"])
@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, drop_path=0.0), replace(SPEC, lfa=False)])
def test_nothing_changes_but_memory(spec, kind):
    """Loss, gradients, and the running statistics that a second pass would count twice; dropped paths included."""
    plain, saving = twins(spec, kind)
    x = PICTURES if kind == "pictures" else MEL
    losses = []
    for tower in (plain, saving):
        torch.manual_seed(7)
        for _ in range(2):
            loss = tower(x).square().mul(torch.arange(12)).mean()
            loss.backward()
        losses.append(loss.detach())
    assert_close(losses[1], losses[0])
    for (name, a), (_, b) in zip(plain.named_parameters(), saving.named_parameters(), strict=True):
        assert_close(b.grad, a.grad, msg=name)
    for (name, a), (_, b) in zip(plain.named_buffers(), saving.named_buffers(), strict=True):
        assert_close(b, a, msg=name)


def test_names_of_weights_stay():
    plain, saving = twins(SPEC, "pictures")
    assert list(plain.state_dict()) == list(saving.state_dict())
    saving.load_state_dict(plain.state_dict())


def test_activations_are_not_kept():
    plain, saving = twins(SPEC, "pictures")
    assert _kept(saving) < 0.5 * _kept(plain)


@pytest.mark.slow
def test_compiled():
    plain, saving = twins(replace(SPEC, depths=(1,), num_heads=(2,), temporal_layers=0, drop_path=0.0), "pictures")
    compiled = torch.compile(saving, backend="aot_eager")
    for tower in (plain, compiled):
        tower(PICTURES).square().mean().backward()
    for (name, a), (_, b) in zip(plain.named_parameters(), saving.named_parameters(), strict=True):
        assert_close(b.grad, a.grad, atol=1e-5, rtol=1e-3, msg=name)
    for (name, a), (_, b) in zip(plain.named_buffers(), saving.named_buffers(), strict=True):
        assert_close(b, a, msg=name)


def test_switched_on_by_the_configuration(tiny_overrides):
    model = create_model("npv_nano", **tiny_overrides, viseme__checkpoint=True)
    assert all(isinstance(stage.blocks, CheckpointedSequence) for stage in model.viseme_tower.swin.layers)
    assert not any(isinstance(stage.blocks, CheckpointedSequence) for stage in model.face_tower.swin.layers)


def test_frozen_statistics_come_back_after_an_error():
    norm = torch.nn.BatchNorm1d(3)
    with pytest.raises(RuntimeError), frozen_statistics(norm):
        norm(torch.randn(4, 3))
        raise RuntimeError
    assert norm.num_batches_tracked == 0
    norm(torch.randn(4, 3))
    assert norm.num_batches_tracked == 1


def _kept(tower: VisualTower) -> int:
    """Bytes that the graph of a forward pass holds."""
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = tower(PICTURES)
    assert output.requires_grad
    return sum(sizes.values())


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.SyncBatchNorm])
def test_frozen_statistics_leave_a_counter_to_count_with(kind: type[nn.Module]):
    """SyncBatchNorm, which runs on GPUs alone, refuses to train without one."""
    norm = kind(3)
    with frozen_statistics(norm):
        norm.num_batches_tracked.add_(1)
        assert norm.momentum == 0.0
    assert norm.num_batches_tracked == 0 and norm.momentum == 0.1
