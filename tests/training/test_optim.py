"""Parameter groups and rates."""

from __future__ import annotations

from collections import defaultdict
from math import cos, pi

import pytest
import torch
from torch import nn

from npvf.errors import NpvfError
from npvf.models import create_model
from npvf.models.npv.towers import AudioTower
from npvf.training.optim import cosine_schedule, parameter_groups


def test_norms_and_biases_do_not_decay() -> None:
    decayed, plain = parameter_groups([nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))], lr=0.1, weight_decay=0.2)
    assert [p.shape for p in decayed["params"]] == [(4, 3)] and decayed["weight_decay"] == 0.2
    assert len(plain["params"]) == 3 and plain["weight_decay"] == 0


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.1), (10, 0.0), (7, 1.0), (2, 0.1), (1, 0.1)])
def test_the_rate_at_each_step(steps: int, warmup: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=3.0)
    scheduler = cosine_schedule(optimizer, steps, warmup)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    rising = max(1, round(warmup * steps))
    up = [3 * (step + 1) / rising for step in range(rising)]
    down = [1.5 * (1 + cos(pi * step / (steps - rising))) for step in range(steps - rising)]
    assert rates == pytest.approx(up + down)


@pytest.mark.parametrize("steps", [-1, 0, float("inf")])
def test_a_cosine_over_an_unknown_number_of_steps_is_refused(steps: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(NpvfError, match="number of training steps is not known"):
        cosine_schedule(optimizer, steps, 0.1)


def test_each_swin_block_has_the_rate_of_its_place(tiny_overrides: dict) -> None:
    tower: AudioTower = create_model("npv_nano", **tiny_overrides).audio_tower
    groups = parameter_groups([tower], lr=1.0, weight_decay=0.1, layer_decay=0.5)
    names = {id(parameter): name for name, parameter in tower.named_parameters()}
    found = defaultdict(set)
    for group in groups:
        found[group["lr"]] |= {".".join(names[id(parameter)].split(".")[:5]) for parameter in group["params"]}
    assert sorted(found) == [0.125, 0.25, 0.5, 1.0]
    assert {name.split(".")[0] for name in found[1.0]} == {"swin", "readout", "temporal"}  # Swin's last norm
    assert any(name.startswith("swin.layers.1.blocks.0") for name in found[0.5])
    assert any(name.startswith("swin.layers.1.downsample") for name in found[0.5])
    assert any(name.startswith("swin.layers.0.blocks.0") for name in found[0.25])
    assert {"norm.weight", "norm.bias"} <= found[0.125] and any("patch_embed" in name for name in found[0.125])


def test_rates_fall_towards_the_pixels(tiny_overrides: dict) -> None:
    model = create_model("npv_nano", **tiny_overrides)
    towers = [model.viseme_tower, model.viseme_head]
    groups = parameter_groups(towers, lr=1.0, weight_decay=0.1, layer_decay=0.5)
    assert sorted({group["lr"] for group in groups}) == [0.125, 0.25, 0.5, 1.0]
    assert sum(len(group["params"]) for group in groups) == sum(1 for tower in towers for _ in tower.parameters())
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert all(rates[id(p)] == 1.0 for p in model.viseme_head.parameters())
    assert len(parameter_groups(towers, lr=1.0, weight_decay=0.1)) == 2
