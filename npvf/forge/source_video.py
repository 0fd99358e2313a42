"""`SourceVideo`, a real clip to be forged, and `write_forged`, which writes every forgery and every copy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npvf.clip import FAKE, FPS, REAL, SAMPLES_PER_FRAME, Phone, Phones
from npvf.errors import Reason, Refused
from npvf.io.annotations import Annotation
from npvf.io.files import write_json
from npvf.io.masks import SUFFIX, write_masks
from npvf.media.decode import iter_frames, read_audio
from npvf.media.encode import write_video
from npvf.speech.inventory import SILENCE

# One quality for all files, so that only the forgery tells a fake from a copied original.
CRF = 20.0


@dataclass(frozen=True)
class SourceVideo:
    """One source clip. `video` is its path relative to the source folder; `seconds` is its length at 25 fps."""

    video: str
    path: Path
    annotation: Annotation
    seconds: float

    @property
    def frames(self) -> int:
        """Return its length in frames."""
        return round(self.seconds * FPS)

    def phones(self) -> Phones | None:
        """Read `<stem>.phones.json` beside the video; None if it does not exist."""
        path = self.path.with_name(f"{self.path.stem}.phones.json")
        return Phones.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def sound(self, frames: int, start: float = 0.0) -> np.ndarray:
        """Return (640 * frames,) float32. A missing end is filled with room tone. Raises Refused(NO_AUDIO)."""
        audio = read_audio(self.path)
        if not np.abs(audio).max(initial=0) > 0:
            raise Refused(Reason.SILENT_AUDIO, f"{self.video} is silent: there is no sound to forge with.")
        first = round(start * FPS) * SAMPLES_PER_FRAME
        piece = audio[first : first + frames * SAMPLES_PER_FRAME]
        missing = frames * SAMPLES_PER_FRAME - len(piece)
        return np.concatenate([piece, room_tone(audio, missing, np.random.default_rng(0))]) if missing else piece


@dataclass(frozen=True)
class Forged:
    """The result of a kind of forgery: frames (H, W, 3) uint8, audio, and the facts about them."""

    frames: Iterable[np.ndarray]
    audio_N: np.ndarray
    phones: Phones | None
    heard: SourceVideo | None = None  # the source of the audio, if it is another clip
    shown: tuple[SourceVideo, ...] = ()  # further sources of frames
    several: bool = False  # True if it shows several people; then it has no single identity
    intervals: tuple[tuple[float, float], ...] | None = None  # the forged seconds; None: all
    masks: Iterable[np.ndarray] | None = None  # (H, W) bool for each frame: the forged pixels; None: unknown
    recipe: dict[str, Any] = field(default_factory=dict)  # the random parameters, for forge.jsonl


def pictures(source: SourceVideo, frames: int) -> Iterable[np.ndarray]:
    """Yield the first `frames` frames of a source video."""
    return iter_frames(source.path, end=(frames - 0.5) / FPS)


def unforged_masks(source: SourceVideo, frames: int) -> Iterator[np.ndarray]:
    """Yield masks, (H, W) bool, all False: those of a video whose audio alone is forged."""
    height, width = next(iter(pictures(source, 1))).shape[:2]
    yield from (np.zeros((height, width), bool) for _ in range(frames))


def write_forged(
    forged: Forged, source: SourceVideo, kind: str | None, path: Path, labels: tuple[int, int], crf: float = CRF
) -> None:
    """Write the MP4 file and its sidecars, with `<stem>.mask.npz` if the masks are known.

    Args:
        forged: the frames, the audio and the facts.
        source: the video that was forged.
        kind: the kind of forgery; None: a copy of the original, label 0.
        path: the path of the video. The file gets this name after it is complete.
        labels: the labels of audio and frames.
        crf: the constant rate factor of x264.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = len(forged.audio_N) / SAMPLES_PER_FRAME / FPS
    said = source.annotation
    heard = forged.heard.annotation if forged.heard else said
    others = [other.annotation.identities for other in forged.shown]
    meta = {
        "label": REAL if kind is None else FAKE,
        "audio_label": labels[0],
        "video_label": labels[1],
        "manipulation": kind,
        "identity": None if forged.several else said.identity,
        "identities": sorted({*said.identities, *heard.identities}.union(*others)),
        "original": source.video,
        "split": said.split,
        "intervals": [] if kind is None else forged.intervals or [[0.0, seconds]],
        "transcript": heard.transcript,
    }
    write_json(path.with_suffix(".meta.json"), {key: value for key, value in meta.items() if value not in (None, [])})
    if forged.phones is not None:
        write_json(path.with_suffix(".phones.json"), forged.phones.to_json())
    if forged.masks is not None:
        write_masks(path.with_suffix(SUFFIX), forged.masks)
    write_video(path, forged.frames, audio=forged.audio_N, crf=crf)


def cut_phones(phones: Phones | None, start: float, seconds: float) -> Phones | None:
    """Return `phones` of [start, start + seconds) on a clock that begins at `start`; gaps become silence."""
    if phones is None:
        return None
    items = list(phones.between(start, start + seconds, -start).items)
    begin, end = (items[0].start, items[-1].end) if items else (seconds, seconds)
    if begin > 1e-3:
        items.insert(0, Phone(SILENCE, 0.0, begin))
    if end < seconds - 1e-3:
        items.append(Phone(SILENCE, end, seconds))
    return Phones(tuple(items), phones.source)


def room_tone(audio_N: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Make (length,) float32 of background noise: overlapping random 40 ms grains of the clip's quietest tenth."""
    grain, hop = 640, 320
    if length <= 0:
        return np.zeros(0, np.float32)
    starts = np.arange(0, max(1, len(audio_N) - grain + 1), hop)
    energy = [float(np.mean(audio_N[s : s + grain] ** 2)) for s in starts]
    # Digital silence does not count as background noise, unless the clip contains nothing else.
    sounding = [k for k in np.argsort(energy) if energy[k] > 1e-10] or [0]
    quiet = starts[sounding[: max(3, len(sounding) // 10)]]
    window = np.sqrt(np.hanning(grain + 1)[:grain])
    tone = np.zeros(length + 2 * grain)
    for at in range(0, length + grain, hop):
        start = int(rng.choice(quiet))
        piece = audio_N[start : start + grain]
        tone[at : at + len(piece)] += window[: len(piece)] * piece * rng.choice([-1.0, 1.0])
    return tone[hop : hop + length].astype(np.float32)
