"""Types and help of the options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from npvf.io.urls import as_place

DEVICE = "cpu, cuda, cuda:1, ... (default: cuda if available)"


def at_least_one(text: str) -> int:
    """Parse an integer >= 1: workers, clips, resamples of a test."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """Parse an integer >= 0: seeds, and resamples if 0 means none."""
    return _whole(text, 0)


def positive(text: str) -> float:
    """Parse a number > 0: seconds, sizes."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number > 0, got {text!r}")
    return number


def local(text: str) -> Path:
    """Parse a path on this machine: the results of a command do not go to a URL."""
    place = as_place(text)
    if not isinstance(place, Path):
        raise argparse.ArgumentTypeError(f"expected a path on this machine, got the URL {text}")
    return place


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected an integer >= {least}, got {text!r}")
    return number
