"""The quality list: measurements of how well a video can be judged, with reasons, before any score.

It joins the measurements that decide whether a method is asked (`npvf.detect.conditions`) with blur and compression.
A bad mark says that an answer would be worth little; it says nothing about real and fake.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import cv2
import numpy as np

from npvf.clip import FPS, SEGMENT_FRAMES, Clip
from npvf.detect.conditions import LOOKS, Conditions, ConditionSettings, least_bits, measure
from npvf.errors import Reason, Refused
from npvf.faces.landmarks import Landmarker
from npvf.inspect.streams import Streams, VideoFacts
from npvf.prepare.ingest import IngestSettings, read_clips

Level = Literal["good", "limited", "bad"]

MOST_BLUR = 0.62  # `blur` of a face; a tenth of 35 faces in genuine videos is above
SEGMENT = SEGMENT_FRAMES / FPS  # seconds: with less speech there is nothing to compare lips with
LITTLE_SPEECH = 2.0  # seconds: up to here a comparison rests on one or two segments
BLUR_WIDTH = 11  # pixels of the crop, as in the paper


@dataclass(frozen=True, slots=True)
class Mark:
    """One measurement: its name, the face it belongs to (None: the whole file), what it means, and why."""

    name: str
    face: int | None
    value: float
    unit: str
    level: Level
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """The marks of a file. `refused` is the refusal, with its code, of a file whose faces cannot be looked at."""

    marks: tuple[Mark, ...]
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The measurements of one clip that the quality list needs."""

    track: int
    conditions: Conditions
    blur: float


def quality(
    path: Path, streams: Streams, landmarker: Landmarker, ingest: IngestSettings, settings: ConditionSettings
) -> Quality:
    """Measure how well a video can be judged.

    Args:
        path: the video; all of it is decoded.
        streams: of the same file.
        landmarker: is reset; its `max_faces` holds.
        ingest: `need_sound` must be False, or a video without sound is refused.
        settings: the limits.
    """
    try:
        looks = [look(clip, measure(clip, settings)) for clip in read_clips(path, landmarker, settings=ingest)]
    except Refused as refusal:
        return Quality(tuple(_compression(streams.video[:1])), refusal)
    return Quality(quality_marks(looks, streams, settings))


def look(clip: Clip, conditions: Conditions) -> Look:
    """Return the measurements of a clip for the quality list; `conditions` are those of the clip."""
    return Look(clip.meta.track, conditions, face_blur(clip))


def quality_marks(looks: Sequence[Look], streams: Streams | None, settings: ConditionSettings) -> tuple[Mark, ...]:
    """Return the marks of a video from the looks at all its clips; `streams` None: without its compression."""
    marks = list(_compression(streams.video[:1] if streams else ()))
    faces: dict[int, list[Look]] = defaultdict(list)
    for one in looks:
        faces[one.track].append(one)
    for number, seen in sorted(faces.items()):
        marks += _face(number, [one.conditions for one in seen], median(one.blur for one in seen), settings)
    if not faces:
        return tuple(marks)
    longest = max(faces.values(), key=lambda seen: sum(one.conditions.measurements["seconds"] for one in seen))
    return (*marks, *_sound([one.conditions for one in longest]))


def face_blur(clip: Clip) -> float:
    """Return how blurred the crops of a clip are, the median over some frames: 0 is sharp, 1 has no detail."""
    last = len(clip.face_THWC) - 1
    return median(blur(clip.face_THWC[t]) for t in np.linspace(0, last, min(last + 1, LOOKS)).astype(int))


def blur(image_HWC: np.ndarray) -> float:
    """Return the share of the steps between neighbouring pixels that is left after blurring the image once more.

    An image that is blurred already hardly changes. Crete et al., "The blur effect", SPIE 2007, section 2; the larger
    one of both directions. scikit-image has it, too, but belongs to the extra `demo`.

    Examples:
        >>> noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        >>> round(blur(noise), 1), round(blur(cv2.blur(noise, (9, 9))), 1)
        (0.1, 0.2)
    """
    grey_HW = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY).astype(np.float32)
    shares = []
    for axis, width in ((0, (1, BLUR_WIDTH)), (1, (BLUR_WIDTH, 1))):
        steps = np.abs(np.diff(grey_HW, axis=axis))
        left = np.abs(np.diff(cv2.blur(grey_HW, width), axis=axis))
        total = float(steps.sum())
        shares.append(1 - float(np.maximum(steps - left, 0).sum()) / total if total else 1.0)
    return max(shares)


def _compression(streams: Sequence[VideoFacts]) -> Iterator[Mark]:
    for stream in streams:
        bits, least = stream.bits_per_pixel, least_bits(stream.codec)
        if bits < least:
            level: Level = "limited"
            reason = f"strongly compressed: less than {least}, as one {stream.codec} video in ten"
        else:
            level, reason = "good", f"at least {least} with {stream.codec}"
        yield Mark("compression", None, bits, "bits per pixel", level, reason)


def _face(number: int, found: Sequence[Conditions], blurred: float, settings: ConditionSettings) -> Iterator[Mark]:
    """Yield the marks of one face: limited if a reason holds for some of its clips, bad if it holds for all."""
    yield Mark("seen", number, sum(one.measurements["seconds"] for one in found), "s", *_seen(found, settings))
    size = median(one.measurements["face_px"] for one in found)
    small = size < settings.small_face
    yield Mark(
        "face size",
        number,
        size,
        "pixels from hairline to chin",
        "limited" if small else "good",
        f"errors are more frequent below {settings.small_face:.0f} pixels" if small else "large enough",
    )
    soft = blurred > MOST_BLUR
    reason = "the face has little detail" if soft else "the face has detail"
    yield Mark("blur", number, blurred, "of 1", "limited" if soft else "good", reason)
    hidden = [one.against_motion for one in found if one.against_motion.startswith(Reason.MOUTH_HIDDEN)]
    contrast = median(one.measurements["lip_contrast"] for one in found)
    yield Mark("mouth", number, contrast, "contrast of the lips", *_level(hidden, found, "the mouth can be seen"))
    still = [one.against_motion for one in found if one.against_motion and one.against_motion not in hidden]
    motion = median(one.measurements["lip_motion"] for one in found)
    yield Mark("lip motion", number, motion, "face sizes", *_level(still, found, "the lips move"))


def _seen(found: Sequence[Conditions], settings: ConditionSettings) -> tuple[Level, str]:
    if sum(one.measurements["seconds"] for one in found) < settings.short_clip:
        return "limited", f"errors are more frequent below {settings.short_clip:g} s"
    return "good", f"at least {settings.short_clip:g} s"


def _sound(found: Sequence[Conditions]) -> Iterator[Mark]:
    """Yield the marks of the sound during one face."""
    heard = [one for one in found if "speech_s" in one.measurements]
    if not heard:
        yield Mark("speech", None, 0.0, "s", "bad", f"{Reason.NO_AUDIO}: there is no sound to compare lips with")
        return
    speech = sum(one.measurements["speech_s"] for one in heard)
    level: Level = "good"
    reason = "enough to compare lips with"
    if speech < SEGMENT:
        level, reason = "bad", f"{Reason.TOO_LITTLE_SPEECH}: less than {SEGMENT:g} s"
    elif speech < LITTLE_SPEECH:
        level, reason = "limited", f"lips are compared with less than {LITTLE_SPEECH:g} s"
    yield Mark("speech", None, speech, "s", level, reason)
    codes = (Reason.MUSIC_OR_NOISE, Reason.SUNG)
    music = [one.against_sound for one in heard if one.against_sound.startswith(codes)]
    held = median(one.measurements["held_pitch"] for one in heard)
    yield Mark("music", None, held, "share of a held pitch", *_level(music, heard, "no music or song was found"))


def _level(against: Sequence[str], found: Sequence[Conditions], good: str) -> tuple[Level, str]:
    if not against:
        return "good", good
    if len(against) == len(found):
        return "bad", against[0]
    return "limited", f"{against[0]} (in {len(against)} of {len(found)} clips)"
