"""Helpers of the benchmarks: the name of the device, a clock that waits for it, a table on screen and as CSV."""

from __future__ import annotations

import csv
import platform
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table


def device_name(device: str = "cpu") -> str:
    """Return the device as part of a file name: `amd-epyc-cpu`, `nvidia-h100-80gb-hbm3`."""
    if device.startswith("cuda"):
        import torch

        return _slug(torch.cuda.get_device_name(device))
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8")) if info.exists() else None
    return _slug(found.group(1) if found else platform.machine()).removesuffix("-processor") + "-cpu"


def seconds(action: Callable[[], object], device: str = "cpu") -> float:
    """Time of `action`: on a CPU that of this process, which a busy machine hardly changes; on a GPU wall-clock."""
    if not device.startswith("cuda"):
        started = time.process_time()
        action()
        return time.process_time() - started
    import torch

    torch.cuda.synchronize(device)
    started = time.perf_counter()
    action()
    torch.cuda.synchronize(device)
    return time.perf_counter() - started


def report(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Print `rows` as columns, named by their first value, and write them to `path` as rows."""
    table = Table("", *(str(next(iter(row.values()))) for row in rows), title=path.stem)
    for name in list(rows[0])[1:]:
        table.add_row(name.replace("_", " "), *("" if row[name] is None else str(row[name]) for row in rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    Console().print(table)
    Console().print(f"written: {path}")


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()


@contextmanager
def stopwatch(stages: Mapping[str, tuple[Any, str]]) -> Iterator[Counter[str]]:
    """Count CPU seconds of each stage while the context lasts.

    Args:
        stages: the owner and the name of a function by the name of its stage.
    """
    spent: Counter[str] = Counter()
    with ExitStack() as stack:
        for stage, (owner, name) in stages.items():
            stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), stage, spent)))
        yield spent


def _timed(function: Callable[..., Any], stage: str, spent: Counter[str]) -> Callable[..., Any]:
    @wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        result = function(*args, **kwargs)
        spent[stage] += time.process_time() - started
        return _timed_items(result, stage, spent) if isinstance(result, Iterator) else result

    return timed


def _timed_items(items: Iterator[Any], stage: str, spent: Counter[str]) -> Iterator[Any]:
    while True:
        started = time.process_time()
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            spent[stage] += time.process_time() - started
        yield item
