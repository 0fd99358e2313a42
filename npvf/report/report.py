"""The report on videos: one HTML file that an analyst can read, play, print and keep.

`write_report` is the way in. The parts of a page are files of their own: `words` (the verdict in plain words),
`player` (the video and its timeline), `faces` (charts, mouths, heat-maps), `method` (error rates, settings, hashes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from npvf.clip import Verdict
from npvf.detect.findings import QUESTIONS, evidence_text
from npvf.detect.likelihood import SCALE
from npvf.detect.predictor import Predictor
from npvf.detect.quality import Mark, quality_marks
from npvf.detect.verdict import Judgement
from npvf.errors import NpvfError
from npvf.inspect.describe import fact_rows
from npvf.inspect.facts import FileFacts, inspect_file
from npvf.report.charts import CURVE_HEIGHT, FULL, LEFT, WIDTH, colour_of, leaning, y_of
from npvf.report.evidence_scale import evidence_scale
from npvf.report.faces import FaceSection, Suspect, face_sections, suspects
from npvf.report.mask_charts import AREA_HEIGHT, REACH, PartBar, gradient, part_bars
from npvf.report.method import Method, harder
from npvf.report.pages import render, visible
from npvf.report.player import Player, make_player
from npvf.report.preview import BUDGET, make_preview
from npvf.report.words import Words, in_words, sentence
from npvf.version import __version__

PHONE_SOURCES = {
    "times": "phone times that came with the video",
    "transcript": "a transcript, aligned with the audio",
    "recogniser": "a speech recogniser",
    "voice_activity": "voice activity only",
}


@dataclass(frozen=True, slots=True)
class VideoPage:
    """The part of a report on one video.

    Attributes:
        kind: the verdict, or "broken" if the file could not be read.
        paste: the text to paste.
        player: None if there is no copy of the video; `no_player` then says why.
        facts: names and texts; `no_facts` says why there are none.
        harder: the conditions of this video in which errors are more frequent.
    """

    name: str
    kind: str
    words: Words
    paste: str
    verdict: Verdict
    seconds: float
    sha256: str
    offset_undone: bool
    faces: list[FaceSection]
    parts: list[PartBar]
    suspects: list[Suspect]
    player: Player | None = None
    no_player: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    no_facts: str = ""
    marks: tuple[Mark, ...] = ()
    harder: list[str] = field(default_factory=list)


def write_report(judgements: Sequence[Judgement], detector: Predictor, path: str | Path) -> Path:
    """Render the report of some videos into a file, making its folder.

    The videos are read again, for their copies and facts, from `Judgement.file`. One that has moved is left out, and
    the report says so.

    Raises:
        OSError: the file cannot be written.
    """
    return save_page(render_report(judgements, detector, Path(path).parent), Path(path))


def save_page(html: str, path: Path) -> Path:
    """Write a page into a file, making its folder. Raises OSError if it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8", errors="backslashreplace")  # names of files can have any bytes
    return path


def render_report(judgements: Sequence[Judgement], detector: Predictor, folder: Path = Path()) -> str:
    """One self-contained HTML page on some videos that `detector` has judged, to lie in `folder`."""
    settings = detector.settings
    inputs = detector.speech_inputs
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    method = Method.of(detector)
    made_by = f"npvf {__version__}, detector {method.name}, {made}"
    budget = BUDGET // max(1, len(judgements))
    filters: dict[str, Callable[..., Any]] = {
        "question": lambda name: QUESTIONS[name].title,
        "seconds": _seconds,
        "sentence": sentence,
        "colour": colour_of,
        "y": y_of,
        "evidence": evidence_text,
        "evidence_scale": evidence_scale,
    }
    return render(
        "report",
        filters,
        videos=[_video(judgement, detector, folder, budget, made_by) for judgement in judgements],
        settings=settings,
        method=method,
        gate=detector.speech_gate,
        critical=sorted(inputs.critical) if inputs else [],
        pictures=detector.finds_pixels,
        findings=any(judgement.verdict.findings for judgement in judgements),
        scale=SCALE,
        heat=gradient(),
        reach=REACH,
        lean=lambda p: leaning(p, settings.threshold),
        phone_sources=PHONE_SOURCES,
        geometry={"width": WIDTH, "left": LEFT, "curve": CURVE_HEIGHT, "full": FULL, "area": AREA_HEIGHT},
        made=made,
        version=__version__,
    )


def _video(judgement: Judgement, detector: Predictor, folder: Path, budget: int, made_by: str) -> VideoPage:
    """Collect the content of one video."""
    verdict = judgement.verdict
    words = in_words(judgement, detector)
    facts, no_facts = _facts(judgement)
    player, no_player = _player(judgement, detector, budget, facts)
    marks = quality_marks(judgement.looks, facts.streams if facts else None, detector.conditions)
    name = Path(verdict.video).name
    sha256 = judgement.sha256 or (facts.sha256 if facts else "")
    return VideoPage(
        name=name,
        kind="broken" if judgement.broken else verdict.verdict,
        words=words,
        paste=words.text(visible(name), sha256, judgement.seconds, made_by),
        verdict=verdict,
        seconds=judgement.seconds,
        sha256=sha256,
        offset_undone=any(item.offset_s for item in judgement.evidence),
        faces=face_sections(judgement, detector, folder),
        parts=part_bars(list(verdict.parts or ())),
        suspects=suspects(judgement),
        player=player,
        no_player=no_player,
        facts=list(fact_rows(facts)) if facts else [],
        no_facts=no_facts,
        marks=marks,
        harder=harder(verdict.warnings, marks),
    )


def _facts(judgement: Judgement) -> tuple[FileFacts | None, str]:
    """Return the facts of a file, or the reason why there are none."""
    if judgement.file is None:
        return None, "The file is not known."
    try:
        facts = inspect_file(judgement.file)
    except (NpvfError, OSError) as error:
        return None, f"The facts of the file cannot be read: {error}"
    if judgement.sha256 and facts.sha256 != judgement.sha256:
        return None, "The file has changed since it was judged."
    return facts, ""


def _player(
    judgement: Judgement, detector: Predictor, budget: int, facts: FileFacts | None
) -> tuple[Player | None, str]:
    """Return the player, or the reason why there is none."""
    if judgement.file is None or facts is None or not judgement.seconds:
        return None, "The video is not shown here, since it was not judged or its file is not at hand."
    worst = next((sound.start for sound, _ in judgement.suspects(1)), 0.0)
    try:
        return make_player(judgement, detector, make_preview(judgement.file, judgement.seconds, budget, worst)), ""
    except NpvfError as error:
        return None, f"The video cannot be shown here: {error}"


def _seconds(time: float) -> str:
    """`4.20 s`, or `1:04.20` from a minute on."""
    minutes, rest = divmod(time, 60)
    return f"{rest:.2f} s" if not minutes else f"{minutes:.0f}:{rest:05.2f}"
