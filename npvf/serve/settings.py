"""The settings of the service, and the tasks that it gives to its processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The detector, and the limits of an upload, of a job and of the queue.

    Attributes:
        detector: as in `npvf.from_pretrained`; None: the detector that npvf ships.
        device: for its networks; None: cuda if it is available, else cpu.
        max_bytes: of an upload.
        max_seconds: of a video.
        workers: the number of files that are judged at the same time, each in a process of its own.
        queue: the number of files that wait, or are being uploaded; more are refused.
        job_seconds: the time to judge one file.
        job_memory: bytes of private memory (`npvf.prepare.pool.Limits`) of a process that judges; None: no limit.
        keep_seconds: the time after which a result is removed.
        keep_results: the number of results that are kept; older ones are removed.
        upload_seconds: the time for an upload; a slow one would hold a place in the queue.
    """

    detector: str | None = None
    device: str | None = None
    max_bytes: int = 200 * MB
    max_seconds: float = 120.0
    workers: int = 1
    queue: int = 10
    job_seconds: float = 900.0
    job_memory: int | None = 6 << 30
    keep_seconds: float = 3600.0
    keep_results: int = 100
    upload_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """The task to load the detector before the first file arrives."""

    detector: str | None
    device: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """The task to judge the file `npvf.serve.files.UPLOAD` in a folder; `name` is the one that the user gave it."""

    folder: Path
    name: str
    max_seconds: float
    load: Load
