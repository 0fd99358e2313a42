"""What is kept of a clip once it is judged: for the verdict numbers, and for a report pictures as well."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import cv2
import numpy as np

from npvf.clip import FPS, Clip, PhoneEvidence, Phones
from npvf.data.transforms import OUTER_LIPS
from npvf.detect.aggregate import ClipScore
from npvf.detect.heatmaps import PictureEvidence, jpeg
from npvf.detect.paste import MaskPiece
from npvf.detect.scoring import ScoredClip

SILENCE = "sil"
THUMBNAILS = 8  # faces kept of a clip
MOUTHS = 8  # sounds of a clip whose mouths are kept
SHORTEST = 1 / FPS  # seconds; a sound below that hardly shows in a picture
_THUMBNAIL_SIZE = (112, 112)
_MOUTH_SIDE = 104  # pixels of the crop around the lips
_EPSILON = 1e-6  # times are sums of 10 ms steps: no rounding error may reach into the next frame


@dataclass(slots=True)
class ClipEvidence:
    """What is kept of a clip once it is judged: scores, phones, and for a report a few small pictures; not its frames.

    Attributes:
        score: what `npvf.detect.aggregate` makes the video's score of.
        span: on the video's clock; `phones` are on the clip's own.
        scored: lips against sound; None where they were not compared, as for a face that does not speak.
        sounds: those that met a picture, on the video's clock, each with the agreement of its frames.
        picture: where forged pixels were looked for, what was found.
        mask: the forged pixels themselves.
        faces, mouths: JPEGs by frame: faces evenly over the clip, mouths at the sounds that fit them least. Empty
            unless pictures are asked for.
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

    @classmethod
    def of(
        cls,
        clip: Clip,
        score: ClipScore,
        scored: ScoredClip | None = None,
        critical: Set[str] = frozenset(),
        pictures: bool = True,
    ) -> ClipEvidence:
        """Keep what a verdict needs, and with `pictures` what a report needs; `critical` phones are marked as such."""
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
            frame = self.frame_of(sound)
            self.mouths[frame] = jpeg(_mouth(clip, frame))

    @property
    def track(self) -> int:
        """The number of the face."""
        return self.score.track

    @property
    def offset_s(self) -> float:
        """By how much the sound was moved before it was judged."""
        return self.scored.offset_s or 0.0 if self.scored and self.scored.undone else 0.0

    def frame_of(self, sound: PhoneEvidence) -> int:
        """The clip's frame in the middle of a sound of this clip."""
        middle = (sound.start + sound.end) / 2 - self.span[0] - self.offset_s
        return int(np.clip(middle * FPS, 0, round((self.span[1] - self.span[0]) * FPS) - 1))


def phone_evidence(item: ClipEvidence, scored: ScoredClip, critical: Set[str]) -> list[PhoneEvidence]:
    """The sounds of a clip, each with the mean agreement of its frames.

    Their times are those at which they are heard in the video; the frames are those that the offset moves them to. A
    sound that it moves out of the clip met no picture, and is not among them.
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
    """Those that go least with the lips, the worst first; very short ones are left out."""
    return sorted((s for s in sounds if s.end - s.start > SHORTEST - _EPSILON), key=lambda s: s.agreement)[:count]


def _mouth(clip: Clip, frame: int) -> np.ndarray:
    """The square around the lips, (104, 104, 3)."""
    corner = clip.landmarks_TN2[frame, OUTER_LIPS].mean(axis=0) - _MOUTH_SIDE / 2
    height, width = clip.face_THWC.shape[1:3]
    x, y = np.clip(corner, 0, (width - _MOUTH_SIDE, height - _MOUTH_SIDE)).round().astype(int)
    return clip.face_THWC[frame, y : y + _MOUTH_SIDE, x : x + _MOUTH_SIDE]
