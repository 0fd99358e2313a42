"""The device on which networks run."""

from __future__ import annotations

import torch

from npvf.errors import NpvfError


def choose_device(name: str | None) -> str:
    """Return the given device, or by default cuda if it is available, else cpu.

    Raises:
        NpvfError: torch does not know the device, or this machine does not have it.
    """
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise NpvfError(f"--device {name} cannot be used: {str(error).splitlines()[0]}") from error
    return name
