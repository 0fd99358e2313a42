"""The files in the folder of a job, the name that a user sees, and the formats that are accepted."""

from __future__ import annotations

import re
import unicodedata

UPLOAD = "video"  # messages about the file begin with this name; it has no suffix, so that only its content counts
PROGRESS, WORDS = "progress.json", "words.json"
RESULT, REPORT, BUNDLE = "result.json", "report.html", "case.zip"
LONGEST_NAME = 120
ACCEPTED = "MP4, MOV, Matroska, WebM, AVI, MPEG, MPEG-TS, FLV, Ogg, ASF and MXF"

# The first bytes of each container. The decoder looks closer; this check answers at once, before a place in the queue.
_HEADS = (
    re.compile(rb".{4}(ftyp|moov|mdat|free|skip|wide|pnot)", re.DOTALL),
    re.compile(rb"\x1aE\xdf\xa3"),  # Matroska, WebM
    re.compile(rb"RIFF.{4}AVI ", re.DOTALL),
    re.compile(rb"\x00\x00\x01[\xb3\xba]"),  # MPEG
    re.compile(rb"G.{187}G|.{4}G.{191}G", re.DOTALL),  # MPEG-TS, and with time stamps (M2TS)
    re.compile(rb"FLV\x01"),
    re.compile(rb"OggS"),
    re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF, WMV
    re.compile(rb"\x06\x0e\x2b\x34"),  # MXF
)
HEAD = 400  # bytes that the check needs


def is_container(head: bytes) -> bool:
    """Return True if a file that begins with these bytes may be a video in an accepted container."""
    return any(pattern.match(head) for pattern in _HEADS)


def shown_name(name: str | None) -> str:
    """Return the name of an upload for people: without folders, line breaks and other control characters.

    It is never used as a path.

    Examples:
        >>> shown_name("../../etc/a" + chr(10) + "b.mp4")
        'ab.mp4'
    """
    last = re.split(r"[/\\]", name or "")[-1]
    plain = "".join(one for one in last if unicodedata.category(one)[0] != "C").strip(" .")
    return plain[-LONGEST_NAME:] or "video"
