"""Parameter groups and rates."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from npvf.models import create_model
from npvf.training.optim import block_heights, cosine_schedule, parameter_groups


def test_norms_and_biases_do_not_decay() -> None:
    decayed, plain = parameter_groups([nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))], lr=0.1, weight_decay=0.2)
    assert [p.shape for p in decayed["params"]] == [(4, 3)] and decayed["weight_decay"] == 0.2
    assert len(plain["params"]) == 3 and plain["weight_decay"] == 0


def test_the_rate_rises_and_falls_to_nothing() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = cosine_schedule(optimizer, steps=100, warmup_share=0.1)["scheduler"]
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == 1.0
    assert rates[9:] == sorted(rates[9:], reverse=True) and optimizer.param_groups[0]["lr"] == pytest.approx(0)


def test_swin_counts_its_blocks_from_the_output(tiny_overrides: dict) -> None:
    tower = create_model("npv_nano", **tiny_overrides).audio_tower
    heights = block_heights([name for name, _ in tower.named_parameters()])
    found = {height: {".".join(n.split(".")[:5]) for n in heights if heights[n] == height} for height in range(4)}
    assert any(name.startswith("swin.layers.1.blocks.0") for name in found[1])
    assert any(name.startswith("swin.layers.1.downsample") for name in found[1])
    assert any(name.startswith("swin.layers.0.blocks.0") for name in found[2])
    assert {name.split(".")[0] for name in found[0]} == {"swin", "readout", "temporal"}  # swin's last norm
    assert {"norm.weight", "norm.bias"} <= found[3] and any("patch_embed" in name for name in found[3])
    assert max(heights.values()) == 3


def test_rates_fall_towards_the_pixels(tiny_overrides: dict) -> None:
    model = create_model("npv_nano", **tiny_overrides)
    towers = [model.viseme_tower, model.viseme_head]
    groups = parameter_groups(towers, lr=1.0, weight_decay=0.1, layer_decay=0.5)
    assert sorted({group["lr"] for group in groups}) == [0.125, 0.25, 0.5, 1.0]
    assert sum(len(group["params"]) for group in groups) == sum(1 for tower in towers for _ in tower.parameters())
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert all(rates[id(p)] == 1.0 for p in model.viseme_head.parameters())
    assert len(parameter_groups(towers, lr=1.0, weight_decay=0.1)) == 2
