"""The same function over many jobs, in several processes: `in_processes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import cv2


def in_processes(function: Callable[..., Any], jobs: list[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    """Results of `function(*job)` as they come, from `workers` fresh processes (or from this one for 1).

    For jobs that are not expected to take a process with them; `npvf.prepare.pool` is for those that do.
    """
    if workers == 1:
        yield from (function(*job) for job in jobs)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        futures = [pool.submit(function, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
