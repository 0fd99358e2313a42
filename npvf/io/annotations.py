"""What a person says about a video: `<stem>.meta.json` beside it, or a row of a list file.

Every key is optional and an absent one stays unknown. A sidecar that holds anything else than these keys is refused:
a misspelt `lable` must not turn a forgery into an unlabelled video.
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
    """What is known of one video; None or empty is unknown.

    Attributes:
        label: 0 real, 1 fake.
        manipulation: how it was forged, in the corpus's own word.
        identity: the person shown.
        identities: everybody shown or driven by. Holds `identity` too.
        original: the id of the real video that this one, a forgery or a copy, was made from.
        split: the corpus's own split.
        intervals: the forged spans, seconds on the video's clock. Empty for a fake: nobody said which part.
        transcript: the words spoken.
        audio_label, video_label: as `label`, of each stream on its own.
        category: the corpus's own class of forgery, such as FakeAVCeleb's A to D.
        attributes: what else is said of the person or the recording, such as {"race": ..., "gender": ...}.
        mask: where the forged pixels are: a mask video or a `.mask.npz`, as written; relative to the list or sidecar.
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
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)  # so that what is known can key a cache
    mask: str | None = None

    @classmethod
    def from_json(cls, content: object) -> Annotation:
        """Check and take over a sidecar's content. Raises `Refused(BAD_SIDECAR)`."""
        if not isinstance(content, Mapping):
            raise _bad("it holds no JSON object")
        if unknown := sorted(set(content) - set(_CHECKS)):
            raise _bad(f"unknown key {unknown[0]!r}; the known ones are {', '.join(_CHECKS)}")
        known = cls(**{key: _CHECKS[key](key, value) for key, value in content.items() if value is not None})
        if known.identity is not None and known.identity not in known.identities:
            known = replace(known, identities=(known.identity, *known.identities))
        if known.label == REAL and FAKE in (known.audio_label, known.video_label):
            raise _bad("'label' says real and 'audio_label' or 'video_label' fake")
        return known

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it, lists for tuples."""
        content = asdict(self)
        lists = {"identities": list(self.identities), "intervals": [list(pair) for pair in self.intervals]}
        return content | lists | {"attributes": dict(self.attributes)}

    def over(self, other: Annotation) -> Annotation:
        """This one where it says something, else `other`."""
        said = {part.name: value for part in fields(self) if (value := getattr(self, part.name)) not in (None, ())}
        return replace(other, **said | {"attributes": {**other.attributes, **self.attributes}})


NOTHING_SAID = Annotation()


def cut_label(label: int | None, intervals: Intervals, start: float, end: float) -> tuple[int | None, Intervals]:
    """Label and forged spans of the piece [start, end), the spans on the piece's own clock.

    Where the forged spans are known, a piece that touches none of them is real.
    """
    inside = tuple((max(a, start) - start, min(b, end) - start) for a, b in intervals if a < end and b > start)
    return (int(bool(inside)) if intervals and label is not None else label), inside


def cut_stream_labels(
    audio: int | None, video: int | None, intervals: Intervals, start: float, end: float
) -> tuple[int | None, int | None]:
    """Labels of sound and picture of the piece [start, end).

    A piece that touches no forged span is real in both. In one that touches some of them, which stream is forged is
    only known where the other one is real.
    """
    touched = [a < end and b > start for a, b in intervals]
    if all(touched) or (any(touched) and {audio, video} == {REAL, FAKE}):
        return audio, video
    unforged = None if any(touched) else REAL
    return unforged if audio == FAKE else audio, unforged if video == FAKE else video


def read_sidecar(video: Path) -> Annotation:
    """The content of `<stem>.meta.json` beside `video`, or an empty annotation. Raises `Refused(BAD_SIDECAR)`."""
    path = video.with_name(video.stem + ".meta.json")
    if not path.is_file():
        return Annotation()
    try:
        return Annotation.from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # malformed JSON or UTF-8
        raise _bad(f"{path.name} is no JSON: {error}") from error
    except Refused as refusal:
        raise Refused(refusal.reason, f"{path.name}: {refusal.sentence}") from None


def read_list(path: Path) -> dict[str, Annotation | Refused]:
    """A CSV list: column `path` and any of the sidecar's keys. Video path as written -> what the row says.

    `identities` are separated by semicolons; `intervals` and `attributes` are JSON, as in `[[0.5, 1.2]]` and
    `{"gender": "women"}`. An empty cell says nothing. A row with a bad value is kept as its refusal.

    Raises:
        NpvfError: the file is no such list (no `path` column, an unknown column, a path twice or empty).
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
                fault = f"{video!r} stands twice" if video else "the path is empty"
                raise NpvfError(f"{path}, line {reader.line_num}: {fault}. Give every video one row.")
            rows[video] = _read_row(row, f"{path.name}, line {reader.line_num}")
    return rows


def _read_row(row: dict[str, str | None], place: str) -> Annotation | Refused:
    try:
        if None in row:
            raise _bad("more cells than columns")
        said = {key: cell.strip() for key, cell in row.items() if cell and cell.strip()}
        return Annotation.from_json({key: _from_cell(key, cell) for key, cell in said.items()})
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
        raise _bad(f"{key!r} is {cell!r}, which is no number or JSON") from error


def _label(key: str, value: object) -> int:
    if type(value) is not int or value not in (0, 1):
        raise _bad(f"{key!r} is {value!r}; 0 is real and 1 is fake")
    return value


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _bad(f"{key!r} is {value!r}, not a text")
    return value


def _texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _bad(f"{key!r} is {value!r}, not a list")
    return tuple(_text(key, item) for item in value)


def _mapping(key: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _bad(f'{key!r} is {value!r}; it is an object of texts, as in {{"gender": "women"}}')
    return {name: _text(f"{key}.{name}", item) for name, item in value.items()}


def _intervals(key: str, value: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not all(_is_interval(pair) for pair in value):
        raise _bad(f"{key!r} is {value!r}; it is a list of [start, end] in seconds, 0 <= start < end")
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
