"""Read phone times of the user: Praat TextGrid (MFA, P2FA), CTM (Kaldi), JSON (npvf, MFA, WhisperX with phones).

All times are seconds on the clip's clock, whose zero is the first video frame.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

from npvf.clip import Phone, Phones, PhoneSource
from npvf.errors import Reason, Refused
from npvf.speech.inventory import from_label
from npvf.speech.textgrid import read_tiers

SUFFIXES = (".phones.json", ".TextGrid", ".ctm")

_TOLERANCE = 0.002  # seconds by which two neighbours may overlap because of rounding


class _Entry(NamedTuple):
    """One labelled interval, with its position in the file."""

    label: str
    start: float
    end: float
    confidence: float
    place: str


def read_times(path: Path) -> Phones:
    """Read the phones of a file of phone times; the suffix gives the format (.json, .TextGrid or .ctm).

    Labels may be ARPAbet (stress is dropped), TIMIT's or IPA; empty labels are silence. `source` is `times`,
    unless an npvf file contains another one.

    Raises:
        Refused: BAD_SIDECAR, with the line or entry: unreadable, an unknown format, labels that are words and not
            phones, an end before its start, an overlap.
    """
    text = _text(path)
    source: PhoneSource = "times"
    suffix = path.suffix.lower()
    if suffix == ".json":
        content = _json(text, path)
        if isinstance(content, dict) and content.get("source") in get_args(PhoneSource):
            source = content["source"]
        entries = _json_entries(content, path)
    elif suffix == ".textgrid":
        entries = _textgrid_entries(text, path)
    elif suffix == ".ctm":
        entries = _ctm_entries(text, path)
    else:
        raise _bad(path, "phone times are read from .json, .TextGrid and .ctm files")
    return Phones(tuple(_phones(entries, path)), source)


def _phones(entries: Iterable[_Entry], path: Path) -> Iterator[Phone]:
    """Check and sort the entries. The time of an IPA label with several phones is divided evenly."""
    last = 0.0
    for label, start, end, confidence, place in sorted(entries, key=lambda e: (e.start, e.end)):
        if not (math.isfinite(start) and math.isfinite(end)):
            raise _bad(path, f"{place}: {label!r} has a time that is not a number")
        if start < 0 or end < start:
            raise _bad(path, f"{place}: {label!r} lasts from {start:g} to {end:g} s")
        if start < last - _TOLERANCE:
            raise _bad(path, f"{place}: {label!r} begins at {start:g} s, before its predecessor ends ({last:g} s)")
        names = from_label(label)
        if len(names) not in (1, 2):  # a word would be read as IPA, letter by letter
            raise _bad(path, f"{place}: {label!r} is not a phone (times of words or letters are not enough)")
        start = max(start, last)
        if end > start:
            step = (end - start) / len(names)
            for k, name in enumerate(names):
                yield Phone(name, start + k * step, start + (k + 1) * step, confidence)
            last = end


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as e:
        raise _bad(path, f"line {e.lineno}: not JSON ({e.msg})") from e


def _json_entries(content: Any, path: Path) -> list[_Entry]:
    """npvf: {"phones": [{phone, start, end}]}; MFA: {"tiers": {"phones": {"entries": [[start, end, label]]}}};
    WhisperX: {"segments": [{"phones": [...]}]}."""
    if not isinstance(content, dict):
        raise _bad(path, "expected a JSON object with phones, tiers or segments")
    try:
        if "phones" in content:
            return [_named(p, f"phone {k}") for k, p in enumerate(content["phones"], 1)]
        if "tiers" in content:
            tier = _phone_tier({name: t["entries"] for name, t in content["tiers"].items()}, path)
            return [_Entry(str(e[2]), float(e[0]), float(e[1]), 1.0, f"entry {k}") for k, e in enumerate(tier, 1)]
        if "segments" in content:
            return _segment_entries(content["segments"], path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
        raise _bad(path, f"lacks a part, or has one of the wrong kind ({type(e).__name__}: {e})") from e
    raise _bad(path, "holds neither phones (npvf), tiers (MFA) nor segments (WhisperX)")


def _segment_entries(segments: list[dict[str, Any]], path: Path) -> list[_Entry]:
    found = [
        _named(p, f"segment {k}")
        for k, segment in enumerate(segments, 1)
        for key in ("phones", "phonemes")
        for p in segment.get(key, ())
    ]
    if not found and segments:
        raise _bad(path, "holds times of words or letters only; phone times are needed (align with a phone model)")
    return found


def _named(entry: dict[str, Any], place: str) -> _Entry:
    label = str(entry["phone"] if "phone" in entry else entry["phoneme"])
    confidence = float(entry.get("confidence", entry.get("score", 1.0)))
    return _Entry(label, float(entry["start"]), float(entry["end"]), confidence, place)


def _textgrid_entries(text: str, path: Path) -> list[_Entry]:
    try:
        tiers = read_tiers(text)
    except ValueError as e:
        raise _bad(path, str(e)) from e
    tier = _phone_tier(tiers, path)
    return [_Entry(i.text, i.start, i.end, 1.0, f"line {i.line}") for i in tier]


def _phone_tier(tiers: dict[str, Any], path: Path) -> Any:
    """Return the only tier of phones; MFA calls it `phones`, or `<speaker> - phones`."""
    found = [name for name in tiers if re.search(r"\b(phones?|phonemes?|segments?)$", name.strip(), re.IGNORECASE)]
    if len(found) == 1:
        return tiers[found[0]]
    names = ", ".join(map(repr, found or tiers))
    raise _bad(path, f"holds several phone tiers ({names}): keep one" if found else f"no tier of phones among {names}")


def _ctm_entries(text: str, path: Path) -> list[_Entry]:
    """`recording channel start duration phone [confidence]` per line; Kaldi's word position (`_B`) is dropped."""
    entries: list[_Entry] = []
    recordings = set()
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or line.startswith((";;", "#")):
            continue
        try:
            recording, channel, start, duration, label = fields[:5]
            begin, length = float(start), float(duration)
            confidence = float(fields[5]) if len(fields) > 5 else 1.0
        except ValueError as e:
            raise _bad(path, f"line {number}: expected 'recording channel start duration phone [confidence]'") from e
        recordings.add((recording, channel))
        bare = re.sub(r"_[BIES]$", "", label)
        entries.append(_Entry(bare, begin, begin + length, confidence, f"line {number}"))
    if len(recordings) > 1:
        raise _bad(path, f"holds {len(recordings)} recordings or channels: keep one")
    return entries


def _text(path: Path) -> str:
    """Read UTF-8, or UTF-16 if the file begins with its mark (Praat writes it for letters outside Latin-1)."""
    try:
        raw = path.read_bytes()
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise _bad(path, f"cannot be read as UTF-8 or UTF-16 text ({e})") from e


def _bad(path: Path, sentence: str) -> Refused:
    return Refused(Reason.BAD_SIDECAR, f"{path.name}: {sentence}")
