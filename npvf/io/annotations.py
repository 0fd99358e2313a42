"""Annotations of a video: `<stem>.meta.json` beside it (a sidecar), or a row of a list file.

All keys are optional; a missing key means that the value is unknown. A sidecar with an unknown key is refused: a
misspelt `lable` must not turn a forgery into an unlabelled video.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.errors import NpvfError, Reason, Refused

Intervals = tuple[tuple[float, float], ...]
"""Spans of time in seconds, in order."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """The known facts about one video. None or empty means unknown.

    Attributes:
        label: 0 real, 1 fake.
        manipulation: the method of the forgery, as the corpus names it.
        identity: the person shown.
        identities: all people shown or used as a donor, including `identity`.
        original: the id of the real video that this forgery or copy was made from.
        split: the official split of the corpus.
        intervals: the forged spans in seconds on the clock of the video. For a fake, empty means unknown.
        transcript: the spoken words.
        audio_label, video_label: like `label`, but for one stream alone.
        category: the class of forgery as the corpus names it, such as A to D in FakeAVCeleb.
        attributes: other facts about the person or the recording, such as {"race": ..., "gender": ...}.
        mask: the path of a mask video or a `.mask.npz`, relative to the list or sidecar.
    """

    label: int | None = None
    manipulation: str | None = None
    identity: str | None = None
    identities: tuple[str, ...] = ()
    original: str | None = None
    split: str | None = None
    intervals: Intervals = ()
    transcript: str | None = None
    audio_label: int | None = None
    video_label: int | None = None
    category: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)  # hashable: annotations are keys of a cache
    mask: str | None = None

    @classmethod
    def from_json(cls, content: object) -> Annotation:
        """Check the content of a sidecar and build the annotation. Raises `Refused(BAD_SIDECAR)`."""
        if not isinstance(content, Mapping):
            raise _bad("the content is not a JSON object")
        if unknown := sorted(set(content) - set(_CHECKS)):
            raise _bad(f"unknown key {unknown[0]!r}; known keys: {', '.join(_CHECKS)}")
        known = cls(**{key: _CHECKS[key](key, value) for key, value in content.items() if value is not None})
        if known.identity is not None and known.identity not in known.identities:
            known = replace(known, identities=(known.identity, *known.identities))
        if known.label == REAL and FAKE in (known.audio_label, known.video_label):
            raise _bad("'label' is real, but 'audio_label' or 'video_label' is fake")
        return known

    def to_json(self) -> dict[str, Any]:
        """Return the content that `from_json` reads, with lists instead of tuples."""
        content = asdict(self)
        lists = {"identities": list(self.identities), "intervals": [list(pair) for pair in self.intervals]}
        return content | lists | {"attributes": dict(self.attributes)}

    def over(self, other: Annotation) -> Annotation:
        """Merge two annotations: values of this one take precedence, unknown ones come from `other`."""
        if self is NO_ANNOTATION:
            return other  # most videos of a large corpus have nothing but their name: they share one object
        known = {part.name: value for part in fields(self) if (value := getattr(self, part.name)) not in (None, ())}
        return replace(other, **known | {"attributes": {**other.attributes, **self.attributes}})


NO_ANNOTATION = Annotation()


def cut_label(label: int | None, intervals: Intervals, start: float, end: float) -> tuple[int | None, Intervals]:
    """Return the label and the forged spans of the piece [start, end), on the clock of the piece.

    If the forged spans are known, a piece that overlaps none of them is real.
    """
    inside = tuple((max(a, start) - start, min(b, end) - start) for a, b in intervals if a < end and b > start)
    return (int(bool(inside)) if intervals and label is not None else label), inside


def cut_stream_labels(
    audio: int | None, video: int | None, intervals: Intervals, start: float, end: float
) -> tuple[int | None, int | None]:
    """Return the audio and video labels of the piece [start, end).

    A piece that overlaps no forged span is real in both streams. If a piece overlaps some of the spans, the forged
    stream is known only if the other stream is real.
    """
    touched = [a < end and b > start for a, b in intervals]
    if all(touched) or (any(touched) and {audio, video} == {REAL, FAKE}):
        return audio, video
    unforged = None if any(touched) else REAL
    return unforged if audio == FAKE else audio, unforged if video == FAKE else video


def read_sidecar(video: Path) -> Annotation:
    """Read `<stem>.meta.json` beside `video`; empty if there is no such file. Raises `Refused(BAD_SIDECAR)`."""
    path = video.with_name(video.stem + ".meta.json")
    if not path.is_file():
        return NO_ANNOTATION
    return parse_sidecar(path.read_bytes(), path.name)


def parse_sidecar(content: bytes, name: str) -> Annotation:
    """Read the content of a sidecar; errors contain its `name`. Raises `Refused(BAD_SIDECAR)`."""
    try:
        return Annotation.from_json(json.loads(content))
    except ValueError as error:  # malformed JSON or UTF-8
        raise _bad(f"{name} is not valid JSON: {error}") from error
    except Refused as refusal:
        raise Refused(refusal.reason, f"{name}: {refusal.sentence}") from None


def read_list(path: Path) -> dict[str, Annotation | Refused]:
    """Read a CSV list with the column `path` and any keys of a sidecar. Returns path -> annotation of the row.

    `identities` are separated by semicolons; `intervals` and `attributes` are JSON, as in `[[0.5, 1.2]]` and
    `{"gender": "women"}`. An empty cell means unknown. A row with a bad value gives a refusal instead.

    Raises:
        NpvfError: the column `path` is missing, a column is unknown, or a path is empty or given twice.
    """
    rows: dict[str, Annotation | Refused] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if "path" not in columns or (unknown := sorted(set(columns) - {"path", *_CHECKS})):
            known = ", ".join(["path", *_CHECKS])
            fault = f"unknown column {unknown[0]!r}" if "path" in columns else "no column 'path'"
            raise NpvfError(f"{path}: {fault}. A list has a header line; its columns are {known}.")
        for row in reader:
            video = (row.pop("path") or "").strip()
            if not video or video in rows:
                fault = f"{video!r} is listed twice" if video else "the path is empty"
                raise NpvfError(f"{path}, line {reader.line_num}: {fault}. Give each video exactly one row.")
            rows[video] = _read_row(row, f"{path.name}, line {reader.line_num}")
    return rows


def _read_row(row: dict[str, str | None], place: str) -> Annotation | Refused:
    try:
        if None in row:
            raise _bad("the row has more cells than there are columns")
        cells = {key: cell.strip() for key, cell in row.items() if cell and cell.strip()}
        return Annotation.from_json({key: _from_cell(key, cell) for key, cell in cells.items()})
    except Refused as refusal:
        return Refused(refusal.reason, f"{place}: {refusal.sentence}")


def _from_cell(key: str, cell: str) -> object:
    if key == "identities":
        return [name.strip() for name in cell.split(";") if name.strip()]
    if key not in ("label", "audio_label", "video_label", "intervals", "attributes"):
        return cell
    try:
        return json.loads(cell)
    except ValueError as error:
        raise _bad(f"{key!r} is {cell!r}, expected a number or JSON") from error


def _label(key: str, value: object) -> int:
    if type(value) is not int or value not in (0, 1):
        raise _bad(f"{key!r} is {value!r}, expected 0 (real) or 1 (fake)")
    return value


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _bad(f"{key!r} is {value!r}, expected a string that is not empty")
    return value


def _texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _bad(f"{key!r} is {value!r}, expected a list")
    return tuple(_text(key, item) for item in value)


def _mapping(key: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _bad(f'{key!r} is {value!r}, expected an object of strings, as in {{"gender": "women"}}')
    return {name: _text(f"{key}.{name}", item) for name, item in value.items()}


def _intervals(key: str, value: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not all(_is_interval(pair) for pair in value):
        raise _bad(f"{key!r} is {value!r}, expected a list of [start, end] in seconds with 0 <= start < end")
    return tuple(sorted((float(start), float(end)) for start, end in value))


def _is_interval(pair: object) -> bool:
    if not isinstance(pair, list) or len(pair) != 2 or any(type(x) not in (int, float) for x in pair):
        return False
    return 0 <= pair[0] < pair[1] and math.isfinite(pair[1])


def _bad(sentence: str) -> Refused:
    return Refused(Reason.BAD_SIDECAR, sentence)


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "label": _label,
    "manipulation": _text,
    "identity": _text,
    "identities": _texts,
    "original": _text,
    "split": _text,
    "intervals": _intervals,
    "transcript": _text,
    "audio_label": _label,
    "video_label": _label,
    "category": _text,
    "attributes": _mapping,
    "mask": _text,
}
