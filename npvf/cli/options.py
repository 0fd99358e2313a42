"""What the options that several commands share mean, so that they mean the same in each."""

from __future__ import annotations

import argparse

from npvf.errors import NpvfError

DEVICE = "cpu, cuda, cuda:1, ... (default: cuda where there is one)"


def at_least_one(text: str) -> int:
    """A whole number from 1 on: workers, clips, resamples of a test."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """A whole number from 0 on: seeds, and resamples where 0 means none."""
    return _whole(text, 0)


def positive(text: str) -> float:
    """A number above 0: seconds, sizes."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return number


def device(name: str | None) -> str:
    """The device that was asked for, else cuda where there is one.

    Raises:
        NpvfError: torch does not know it, or it is not there.
    """
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:  # an assertion where torch was built without CUDA
        raise NpvfError(f"--device {name} cannot be used: {str(error).splitlines()[0]}") from error
    return name


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from {least} on")
    return number
