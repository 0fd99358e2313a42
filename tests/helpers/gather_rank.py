"""One rank of the gathering test: a module of its own, since a new process imports what it needs and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import distributed

from npvf.training.gather import gather


def gather_on(rank: int, folder: Path, shares: list[list[Any]]) -> None:
    """What this rank of `len(shares)` knows after gathering, as `<rank>.pt`."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=len(shares))
    torch.save(gather(shares[rank]), folder / f"{rank}.pt")
    distributed.destroy_process_group()
