"""Batches go to page-locked memory and to a device as a whole."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from torch import Tensor
from torch.utils.data._utils.pin_memory import pin_memory

from npvf.models.stddl.face_batch import FaceBatch


def test_a_loader_pins_every_tensor_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = FaceBatch(
        frames_BTCHW=torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8),
        landmarks_BTN2=torch.zeros(1, 2, 478, 2),
        mask_BTHW=torch.zeros(1, 2, 8, 8, dtype=torch.bool),
        mask_known_B=torch.ones(1, dtype=torch.bool),
        label_B=torch.zeros(1, dtype=torch.long),
        keys=["a-t0-000"],
        videos=["a"],
        identities=[None],
    )
    pinned: list[Tensor] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor + 0)
    (found,) = pin_memory((batch,))
    tensors = [value for field in fields(batch) if isinstance(value := getattr(batch, field.name), Tensor)]
    assert len(pinned) == len(tensors) == 5 and all(a is b for a, b in zip(pinned, tensors, strict=True))
    assert found.keys == batch.keys and found.frames_BTCHW is not batch.frames_BTCHW and found.motion_BTCHW is None
