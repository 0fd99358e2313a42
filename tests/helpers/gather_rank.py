"""One rank of the gathering test: a module of its own, since a new process imports what it needs and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from npvf.training.gather import gather


def gather_on(rank: int, folder: Path, shares: list[list[Any]]) -> None:
    """What this rank of `len(shares)` knows after gathering, as `<rank>.pt`."""
    torch.save(gather(shares[rank]), folder / f"{rank}.pt")
