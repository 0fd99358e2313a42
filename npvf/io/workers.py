"""Run a function over many jobs in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import cv2


def in_processes(function: Callable[..., Any], jobs: list[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    """Yield the results of `function(*job)` as they arrive, from `workers` new processes (with 1, from this process).

    Use `npvf.prepare.pool` instead if a job may crash its process.
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
