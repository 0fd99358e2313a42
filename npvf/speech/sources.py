"""Find the phones of a recording with their times, from the most reliable source available."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from npvf.clip import Phones, PhoneSource
from npvf.errors import MissingDependency, Reason, Refused
from npvf.speech.inventory import PHONES
from npvf.speech.recogniser import Heard, recognise
from npvf.speech.times import SUFFIXES, read_times
from npvf.speech.transcript import align_transcript
from npvf.speech.voice_activity import voice_activity

Source = PhoneSource | Literal["auto"]


def find_phones(
    audio_N: np.ndarray,
    video: Path | None = None,
    transcript: str | None = None,
    source: Source = "auto",
    listener: Callable[[], Heard] | None = None,
) -> Phones:
    """Phones of a clip from the best source there is; `Phones.source` says which it was.

    `auto` takes the first of
    1. `times`: phone times beside the video (`<stem>.phones.json`, `<stem>.TextGrid`, `<stem>.ctm`);
    2. `transcript`: the words given, or those in `<stem>.txt` beside the video, by forced alignment;
    3. `recogniser`: hama, if it is installed and hears any phone;
    4. `voice_activity`: loudness; every voiced stretch is speech of unknown content, hence non-critical.

    A source that is there but broken (a malformed file, a word nobody can pronounce) is an error, not a reason to
    take the next.

    Args:
        audio_N: (N,) float in [-1, 1] or int16, 16 kHz mono, from the video's first frame on; may be memory-mapped.
        video: whose neighbours are looked at; it is not opened.
        transcript: the spoken words.
        source: one source instead of `auto`.
        listener: called where the recogniser is needed, and gives its output for this audio, such as a caller that
            keeps the posteriors; None: `recognise` listens itself.

    Raises:
        Refused: BAD_SIDECAR, as `read_times` and `align_transcript` say, or where `times` or `transcript` is asked for
            and this video has none.
        MissingDependency: the source that has to be used is not installed.
        ValueError: an unknown source.
    """
    if source not in ("auto", *get_args(PhoneSource)):
        raise ValueError(f"source must be auto or one of {', '.join(get_args(PhoneSource))}, not {source!r}")
    if source in ("auto", "times") and (times := _beside(video, SUFFIXES)):
        return read_times(times)
    if source == "times":
        expected = f"expected a file ending in {', '.join(SUFFIXES)}"
        raise Refused(Reason.BAD_SIDECAR, f"no phone times beside {video}: {expected}")
    if source in ("auto", "transcript"):
        words = transcript if transcript is not None else read_transcript(video)
        if words is not None:
            return align_transcript(audio_N, words)
    if source == "transcript":
        raise Refused(Reason.BAD_SIDECAR, f"no transcript: none was given and none stands beside {video}")
    if source == "recogniser":
        return recognise(audio_N, heard=listener() if listener else None)
    if source == "auto":
        return _recognised(audio_N, listener)
    return voice_activity(audio_N)


def read_transcript(video: Path | None) -> str | None:
    """The words in `<stem>.txt` beside a video; of LRS2's and LRS3's files the `Text:` line."""
    path = _beside(video, (".txt",))
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise Refused(Reason.BAD_SIDECAR, f"{path.name}: cannot be read as UTF-8 text ({e})") from e
    spoken = re.match(r"Text:(.*)", text)
    return spoken[1] if spoken else text


def _recognised(audio_N: np.ndarray, listener: Callable[[], Heard] | None) -> Phones:
    """The recogniser's phones, or voice activity where it is missing or hears none."""
    try:
        recognised = recognise(audio_N, heard=listener() if listener else None)
    except MissingDependency:
        return voice_activity(audio_N)
    if any(p.phone in PHONES for p in recognised.items):
        return recognised
    return voice_activity(audio_N)


def _beside(video: Path | None, suffixes: tuple[str, ...]) -> Path | None:
    if video is None:
        return None
    candidates = (video.with_name(video.stem + suffix) for suffix in suffixes)
    return next((path for path in candidates if path.is_file()), None)
