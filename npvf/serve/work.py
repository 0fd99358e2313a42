"""What the process that judges uploads does: it loads the detector once, judges files, and writes their results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from npvf.detect.findings import QUESTIONS, evidence_text
from npvf.detect.loading import from_pretrained
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.errors import MissingDependency, NpvfError, Reason, Refused
from npvf.faces.landmarks import Landmarker
from npvf.models.device import choose_device
from npvf.prepare.ingest import DEFAULTS
from npvf.report.bundle import BundleSettings, verdicts_json, write_bundle
from npvf.report.report import render_report
from npvf.report.words import in_words
from npvf.serve.files import BUNDLE, PROGRESS, REPORT, RESULT, UPLOAD, WORDS
from npvf.serve.settings import Load, Upload

EVERY = 0.3  # seconds between two notes on the progress
MOST_ON_DISK = 2 << 30  # bytes of one file: a small upload can hold days of compressed silence


def work(task: Load | Upload) -> str:
    """Do one task. Returns "", or the reason why the detector cannot be used.

    A file that cannot be judged is a result, too: its verdict is "abstain".
    """
    try:
        predictor = _predictor(task if isinstance(task, Load) else task.load)
        if isinstance(task, Upload):
            _judge(task, predictor)
    except MissingDependency as error:
        return str(error)
    except NpvfError as error:
        if isinstance(task, Upload):
            raise  # `_judge` has an answer to each error of the file
        return str(error)
    return ""


@cache
def _predictor(load: Load) -> Predictor:
    return from_pretrained(load.detector, choose_device(load.device))


@cache
def _landmarker() -> Landmarker:
    return Landmarker(max_faces=DEFAULTS.max_faces)


def _judge(task: Upload, predictor: Predictor) -> None:
    _limit_files()
    video = task.folder / UPLOAD
    note = _Notes(task.folder / PROGRESS)
    try:
        judgement = predictor.judge(video, landmarker=_landmarker(), notify=_limited(task.max_seconds, note.notify))
    except MissingDependency:
        raise  # it would be missing for every other file as well
    except NpvfError as error:
        judgement = Judgement.abstain(str(video), error, predictor.settings.name)
    judgement.verdict.video = task.name  # nothing that the user sees has a path of this machine
    note.write("report", 0.0)
    html = render_report([judgement], predictor)
    save(task.folder / REPORT, html)
    save(task.folder / WORDS, json.dumps(_for_page(judgement, predictor)))
    options = {"max_seconds": task.max_seconds, "device": choose_device(task.load.device)}
    write_bundle(task.folder / BUNDLE, [judgement], predictor, html, BundleSettings(options))
    (verdict,) = json.loads(verdicts_json([judgement]))
    save(task.folder / RESULT, json.dumps(verdict, indent=2, ensure_ascii=False))


def _for_page(judgement: Judgement, predictor: Predictor) -> dict[str, Any]:
    """Return what the page shows beside the report: the words of the verdict, its kind, and lines to compare."""
    verdict = judgement.verdict
    kind = "broken" if judgement.broken else verdict.verdict
    lines = {"verdict": verdict.verdict, "because": verdict.reason}
    for found in verdict.findings:
        strength = evidence_text(found) or found.reason
        lines[QUESTIONS[found.name].title] = f"{found.statement.replace('_', ' ')}; {strength}"
    offset = verdict.audio_offset_s
    lines["audio offset"] = "not measured" if offset is None else f"{offset:+.2f} s"
    lines["length"] = f"{judgement.seconds:.1f} s, of which {verdict.coverage:.0%} were judged"
    lines["warnings"] = "; ".join(verdict.warnings) or "none"
    return {**asdict(in_words(judgement, predictor)), "kind": kind, "lines": lines}


def _limited(max_seconds: float, notify: Callable[[str, float, float], None]) -> Callable[[str, float, float], None]:
    """Refuse a video that is too long when it says so, or when it turns out to be."""

    def check(step: str, seconds: float, duration: float) -> None:
        if max(seconds, duration) > max_seconds:
            length = f"it has {duration:.0f} s" if duration > max_seconds else "it is longer than it declares"
            raise Refused(Reason.TOO_LONG, f"{length}, and this service judges at most {max_seconds:g} s.")
        notify(step, seconds, duration)

    return check


class _Notes:
    """Notes on the progress for the server, in a file: the step, and the share of it that is done."""

    def __init__(self, path: Path) -> None:
        self._path, self._step, self._next = path, "", 0.0

    def notify(self, step: str, seconds: float, duration: float) -> None:
        if step != self._step or time.monotonic() >= self._next:
            self.write(step, min(1.0, seconds / duration) if duration else 0.0)

    def write(self, step: str, share: float) -> None:
        self._step, self._next = step, time.monotonic() + EVERY
        save(self._path, json.dumps({"step": step, "share": round(share, 3)}))


def _limit_files() -> None:
    """Let a write beyond the limit fail with an OSError, which costs one job."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_ON_DISK, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def save(path: Path, text: str) -> None:
    """Write a file in one step: the server may read it at any time."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)
