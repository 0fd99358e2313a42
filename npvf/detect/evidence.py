"""The evidence kept from a judged clip: numbers for the verdict, and images if there is a report."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import cv2
import numpy as np

from npvf.clip import FPS, Clip, PhoneEvidence, Phones
from npvf.data.transforms import OUTER_LIPS
from npvf.detect.aggregate import ClipScore
from npvf.detect.conditions import Conditions
from npvf.detect.heatmaps import PictureEvidence, jpeg
from npvf.detect.paste import MaskPiece
from npvf.detect.scoring import ScoredClip

SILENCE = "sil"
THUMBNAILS = 8  # images of the face kept from a clip
MOUTHS = 8  # phones of a clip for which an image of the mouth is kept
OTHERS = 3  # occurrences of the same phone that are shown beside a suspicious one
SHORTEST = 1 / FPS  # seconds; a shorter phone can hardly be seen in a frame
_THUMBNAIL_SIZE = (112, 112)
_MOUTH_SIDE = 104  # pixels of the crop around the lips
_EPSILON = 1e-6  # times are sums of 10 ms steps; a rounding error must not add a frame


@dataclass(slots=True)
class ClipEvidence:
    """The evidence kept from a judged clip: scores, phones, and a few small images for a report, but not its frames.

    Attributes:
        score: the score of the clip, from which `npvf.detect.aggregate` computes that of the video.
        span: start and end in seconds of the video. The times of `phones` begin with the clip instead.
        scored: the comparison of lips and audio; None if there was none, for example because the face does not speak.
        sounds: the phones that overlap with frames, in seconds of the video, each with its mean agreement.
        picture: the result of the search for forged pixels; None if there was none.
        mask: the forged pixels.
        faces, mouths: JPEGs by frame: faces at even distances, mouths at the phones with the lowest agreement, and at
            other phones of the same kind (`same_phone`). Empty if no images are requested.
        boxes_T4: the box of the face in pixels of the source video; None if no images are requested.
        conditions: those of the clip, if the detector measured them to decide which methods to ask.
    """

    score: ClipScore
    span: tuple[float, float]
    phones: Phones
    scored: ScoredClip | None = None
    sounds: list[PhoneEvidence] = field(default_factory=list)
    picture: PictureEvidence | None = None
    mask: MaskPiece | None = None
    faces: dict[int, bytes] = field(default_factory=dict)
    mouths: dict[int, bytes] = field(default_factory=dict)
    boxes_T4: np.ndarray | None = None
    conditions: Conditions | None = None

    @classmethod
    def of(
        cls,
        clip: Clip,
        score: ClipScore,
        scored: ScoredClip | None = None,
        critical: Set[str] = frozenset(),
        pictures: bool = True,
    ) -> ClipEvidence:
        """Return the evidence for a verdict, with `pictures` also for a report; phones in `critical` are marked."""
        item = cls(score, clip.meta.span, clip.phones, scored)
        if scored is not None:
            item.sounds = phone_evidence(item, scored, critical)
        if pictures:
            item._draw(clip)
        return item

    def _draw(self, clip: Clip) -> None:
        for frame in np.linspace(0, clip.frames - 1, THUMBNAILS).round().astype(int).tolist():
            self.faces[frame] = jpeg(cv2.resize(clip.face_THWC[frame], _THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA))
        for sound in most_suspicious(self.sounds, MOUTHS):
            for frame in map(self.frame_of, (sound, *same_phone(sound, self.sounds))):
                self.mouths.setdefault(frame, jpeg(_mouth(clip, frame)))
        points_TN2 = clip.source_landmarks_TN2
        self.boxes_T4 = np.concatenate([points_TN2.min(axis=1), points_TN2.max(axis=1)], axis=1)

    @property
    def track(self) -> int:
        """The number of the track."""
        return self.score.track

    @property
    def offset_s(self) -> float:
        """The correction of the audio offset before judging, in seconds."""
        return self.scored.offset_s or 0.0 if self.scored and self.scored.undone else 0.0

    def frame_of(self, sound: PhoneEvidence) -> int:
        """Return the frame of this clip in the middle of one of its phones."""
        middle = (sound.start + sound.end) / 2 - self.span[0] - self.offset_s
        return int(np.clip(middle * FPS, 0, round((self.span[1] - self.span[0]) * FPS) - 1))


def phone_evidence(item: ClipEvidence, scored: ScoredClip, critical: Set[str]) -> list[PhoneEvidence]:
    """Return the phones of a clip, each with the mean agreement of its frames.

    Times are those of the audio in the video. Frames are those that a phone belongs to after the audio offset was
    corrected. A phone that the correction moves out of the clip has no frames and is left out.
    """
    frames = len(scored.agreement_T)
    found = []
    for p in item.phones.items:
        if p.phone == SILENCE:
            continue
        start, stop = p.start - item.offset_s, p.end - item.offset_s
        first = int(np.floor(start * FPS + _EPSILON))
        last = max(int(np.ceil(stop * FPS - _EPSILON)), first + 1)
        met_T = scored.agreement_T[max(first, 0) : min(max(last, 0), frames)]
        met_T = met_T[np.isfinite(met_T)]
        if len(met_T):
            times = item.span[0] + p.start, item.span[0] + p.end
            found.append(PhoneEvidence(p.phone, *times, p.phone in critical, float(met_T.mean())))
    return found


def most_suspicious(sounds: Sequence[PhoneEvidence], count: int) -> list[PhoneEvidence]:
    """Return the phones with the lowest agreement, the worst first; very short ones are left out."""
    return sorted((s for s in sounds if s.end - s.start > SHORTEST - _EPSILON), key=lambda s: s.agreement)[:count]


def same_phone(sound: PhoneEvidence, sounds: Sequence[PhoneEvidence], count: int = OTHERS) -> list[PhoneEvidence]:
    """Return the other occurrences of a phone that agree better with the lips, the best first."""
    others = [s for s in sounds if s.phone == sound.phone and s.agreement > sound.agreement]
    return sorted(
        (s for s in others if s.end - s.start > SHORTEST - _EPSILON), key=lambda s: s.agreement, reverse=True
    )[:count]


def _mouth(clip: Clip, frame: int) -> np.ndarray:
    """Return the square around the lips, (104, 104, 3)."""
    corner = clip.landmarks_TN2[frame, OUTER_LIPS].mean(axis=0) - _MOUTH_SIDE / 2
    height, width = clip.face_THWC.shape[1:3]
    x, y = np.clip(corner, 0, (width - _MOUTH_SIDE, height - _MOUTH_SIDE)).round().astype(int)
    return clip.face_THWC[frame, y : y + _MOUTH_SIDE, x : x + _MOUTH_SIDE]
