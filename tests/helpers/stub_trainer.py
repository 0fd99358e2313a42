"""What a data module asks of its trainer, without one; and one rank of a validation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from npvf.errors import NpvfError
from npvf.training.data import ClipData, Loader, SegmentWindows
from npvf.training.gather import gather
from npvf.training.module import TrainingModule
from pretrain.data import TalkingFaces
from pretrain.module import PretrainModule

SMALL = {"inputs__mouth_size": 32, "inputs__face_size": 32}


def set_up(data: ClipData, module: TrainingModule, rank: int = 0, world: int = 1) -> None:
    """As a trainer's rank sets up the data that it is given."""
    place: dict[str, Any] = {"global_rank": rank, "world_size": world, "current_epoch": 0, "limit_val_batches": 1.0}
    device = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(lightning_module=module, strategy=device, **place)  # type: ignore[assignment]
    data.setup("fit")


def validate_on(rank: int, world: int, folder: Path, train: Path, validation: list[Path]) -> None:
    """For each corpus: what this rank validates on and what all ranks know of it, or the error; as `<rank>.pt`."""
    model = DistributedDataParallel(nn.BatchNorm1d(1))
    model(torch.zeros(2, 1)).sum().backward()
    model.eval()
    module = PretrainModule(model="npv_nano", model_args=SMALL)
    torch.save([_validate(rank, world, train, val, module, model) for val in validation], folder / f"{rank}.pt")


@torch.no_grad()
def _validate(
    rank: int, world: int, train: Path, val: Path, module: PretrainModule, model: nn.Module
) -> tuple[list[str], list[str]] | str:
    data = TalkingFaces(
        [str(train)],
        [str(val)],
        windows=SegmentWindows(frames=28),
        augment=None,
        loader=Loader(batch_size=1, cache="stream"),
    )
    try:
        set_up(data, module, rank, world)
    except NpvfError as error:
        return str(error)
    own: list[str] = []
    for batch in data.val_dataloader():
        model(torch.zeros(1, 1))  # sends the buffers of the first rank to all others
        own += batch.keys
    return own, gather(own)
