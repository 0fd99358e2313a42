"""Gather the results of all processes of a run in one list."""

from __future__ import annotations

from typing import TypeVar

from torch import distributed

T = TypeVar("T")


def gather(items: list[T]) -> list[T]:
    """The lists of all ranks, one after the other, on every rank; they may differ in length."""
    if not distributed.is_initialized():
        return items
    lists: list[list[T]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(lists, items)
    return [item for part in lists for item in part]
