"""Ask a detector about many videos, and put its answers into the rows of an evaluation."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from queue import SimpleQueue

from npvf.evaluate.outside.detectors import Miss, OutsideDetector
from npvf.evaluate.video_scores import Row

DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Answer:
    """The score of one video (probability of fake), or the reason why there is none; `seconds` is the time it took."""

    video: str
    score: float | None
    reason: str = ""
    seconds: float = 0.0


def ask_all(
    make: Callable[[], OutsideDetector],
    files: Mapping[str, Path],
    workers: int = 1,
    on_answer: Callable[[Answer], object] = lambda answer: None,
) -> dict[str, Answer]:
    """Ask about each file; `workers` detectors run at the same time.

    Args:
        make: starts a detector.
        files: paths by the ids of the videos.
        workers: number of detectors.
        on_answer: called with each answer as soon as it is there.

    Raises:
        NpvfError: the detector cannot be started.
    """
    detectors: list[OutsideDetector] = []
    free: SimpleQueue[OutsideDetector] = SimpleQueue()

    def ask(video: str) -> Answer:
        detector, begin = free.get(), time.monotonic()
        try:
            score, reason = detector.score(files[video]), ""
        except Miss as miss:
            score, reason = None, str(miss)
        finally:
            free.put(detector)
        return Answer(video, score, reason, round(time.monotonic() - begin, 3))

    found = {}
    try:
        for _ in range(min(workers, len(files))):
            detectors.append(make())
            free.put(detectors[-1])
        with ThreadPoolExecutor(workers) as pool:
            waiting = [pool.submit(ask, video) for video in files]
            try:
                for done in as_completed(waiting):
                    found[done.result().video] = done.result()
                    on_answer(done.result())
            except BaseException:  # Ctrl-C, or a command that cannot be started: do not wait for the time limit
                pool.shutdown(wait=False, cancel_futures=True)
                _close(detectors)
                raise
    finally:
        _close(detectors)
    return found


def _close(detectors: Iterable[OutsideDetector]) -> None:
    for detector in detectors:
        detector.close()


class AnswerFile:
    """A CSV file that has each answer as soon as it is there: a long run that is stopped leaves what it has."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow([field.name for field in fields(Answer)])

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, answer: Answer) -> None:
        """Append one row."""
        self._writer.writerow(astuple(answer))
        self._file.flush()


def filled(rows: Iterable[Row], answers: Mapping[str, Answer], threshold: float) -> list[Row]:
    """Return the rows with their answers. A row without one keeps its reason, and is in every denominator."""
    return [_filled(row, answers.get(row.video), threshold) for row in rows]


def _filled(row: Row, answer: Answer | None, threshold: float) -> Row:
    if row.status == DUPLICATE:
        return replace(row)
    if answer is None:
        reason = row.reason or "no_score: the detector was not asked about it"
        return replace(row, status="abstained" if row.status != "refused" else "refused", reason=reason)
    if answer.score is None:
        return replace(row, status="abstained", reason=answer.reason, verdict="abstain")
    verdict = "fake" if answer.score >= threshold else "real"
    return replace(row, status="judged", reason="", score=answer.score, verdict=verdict)


def askable(rows: Sequence[Row], files: Mapping[str, Path], status: str) -> Iterator[tuple[str, Path]]:
    """Yield id and path of each video that a detector can be asked about, each file once."""
    for row in rows:
        if row.status == status:
            yield row.video, files[row.video]
