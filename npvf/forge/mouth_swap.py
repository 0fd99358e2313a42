"""Re-animate the mouth in real footage with other footage of the same person; the audio is kept.

In `mouth_reanimated` the mouth says something else throughout. `mouth_calibrated` is the threat that NPVForensics is
about: the lips close at every m, b and p of the audio and nowhere else, and say something else in between.

Frames near an m, b or p and silent frames are not changed. All other speech gets a new mouth, chin and jaw, from parts
of other footage without m, b or p, at natural speed (`mouth_plan`). Each frame is morphed and blended into the clip's
own head (`mouth_transfer`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import numpy as np

from npvf.clip import FPS, Phones
from npvf.errors import NpvfError
from npvf.faces.speaking import lip_aperture, lip_width
from npvf.forge.face_patch import Crop, Track, track_of
from npvf.forge.mouth_plan import Segment, plan_mouth, spans_of
from npvf.forge.mouth_transfer import DonorFrame, mouth_box, patch_weight, transfer
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures
from npvf.speech.gate import GATE_PAD, gate
from npvf.speech.sources import find_phones

# Unchanged frames on either side of an m, b or p: lips close before the sound, and phone times are not exact.
CLOSURE_PAD = GATE_PAD


def mouth_reanimated(
    source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator, keep_closures: bool = False
) -> Forged:
    """Forge the source video with the mouth of other footage: another clip of the person if there is one, else its own.

    Args:
        source: real footage that shows one face in every frame.
        frames: the number of its frames.
        donors: possible donors of the mouth. The first with the same identity is used; without one, the source video
            itself.
        rng: draws the positions in the donor.
        keep_closures: do not change the lips around each m, b and p of the audio, and never show one of a donor.

    Raises:
        Refused: NO_FACE, a frame shows no face.
        NpvfError: two faces; phone times are unknown; or there is too little speech to take a mouth from.
    """
    person = source.annotation.identity
    footage = [source, *[d for d in donors if person is not None and d.annotation.identity == person][:1]]
    tracks = [track_of(t) for t in footage]
    may_lend = [_forgeable(t, len(track), keep_closures) for t, track in zip(footage, tracks, strict=True)]
    spans = spans_of(may_lend[0][:frames])
    if not spans:
        raise NpvfError(f"{source.video} holds no {'speech between its m b p' if keep_closures else 'speech'} to forge")
    try:
        plan = plan_mouth(spans, [spans_of(mask) for mask in may_lend], [_shape(t) for t in tracks], own=0, rng=rng)
    except ValueError as error:
        lack = f"{source.video} has too little speech to lend itself a mouth ({error}); add clips of the same identity"
        raise NpvfError(lack) from error
    cast = _cast(plan, min(frames, len(tracks[0])))
    return Forged(
        _pictures(footage, tracks, cast),
        source.sound(frames),
        cut_phones(source.phones(), 0.0, frames / FPS),
        intervals=tuple((start / FPS, end / FPS) for start, end in spans),
        masks=_masks(source, tracks, cast),
    )


mouth_calibrated = partial(mouth_reanimated, keep_closures=True)


@lru_cache(maxsize=32)
def _phones(source: SourceVideo) -> Phones:
    """Find phones from the best available source."""
    return find_phones(source.sound(source.frames), source.path, source.annotation.transcript)


def _forgeable(source: SourceVideo, frames: int, keep_closures: bool) -> np.ndarray:
    """Return the frames to forge, (T,) bool: speech, without frames near an m, b or p if closures are kept."""
    phones = _phones(source)
    if keep_closures and phones.source == "voice_activity":
        raise NpvfError(f"{source.video}: which sounds are m b p is unknown; give phone times or a transcript")
    return gate(phones, frames, "noncritical" if keep_closures else "all", pad=CLOSURE_PAD)


def _shape(track: Track) -> np.ndarray:
    """Return the opening and the width of the mouth, (T, 2), which must not jump."""
    return np.stack([lip_aperture(track.landmarks_TN2), lip_width(track.landmarks_TN2)], axis=1)


# For each frame a list of (number of the donor, its frame, weight); empty if the frame does not change.
_Cast = list[list[tuple[int, int, float]]]


def _cast(plan: Sequence[Segment], frames: int) -> _Cast:
    """Return the source of each frame; frames outside the segments keep their own mouth."""
    cast: _Cast = [[] for _ in range(frames)]
    for segment in plan:
        for k, weight in enumerate(segment.weights):
            cast[segment.target + k].append((segment.donor, segment.source + k, float(weight)))
    for frame, seen in enumerate(cast):
        rest = 1 - sum(weight for *_, weight in seen)
        if seen and rest > 1e-6:
            seen.append((0, frame, rest))
    return cast


def _pictures(footage: Sequence[SourceVideo], tracks: Sequence[Track], cast: _Cast) -> Iterator[np.ndarray]:
    """Yield the forged frames. The donor's crops, about a third of a frame each, are kept in memory."""
    lent = [
        _crops(clip, tracks[k], {f for seen in cast for c, f, _ in seen if c == k}) for k, clip in enumerate(footage)
    ]
    for frame, picture in enumerate(pictures(footage[0], len(cast))):
        crops = [lent[clip][f] for clip, f, _ in cast[frame]]
        yield transfer(picture, tracks[0], frame, _donor_frames(cast[frame], tracks), crops) if crops else picture


def _masks(source: SourceVideo, tracks: Sequence[Track], cast: _Cast) -> Iterator[np.ndarray]:
    """Yield the masks, (H, W) bool: the pixels that the forgery changes."""
    height, width = next(iter(pictures(source, 1))).shape[:2]
    for frame, seen in enumerate(cast):
        share = patch_weight(tracks[0], frame, _donor_frames(seen, tracks), (height, width)) if seen else None
        yield np.zeros((height, width), bool) if share is None else share > 0


def _donor_frames(seen: Sequence[tuple[int, int, float]], tracks: Sequence[Track]) -> list[DonorFrame]:
    return [DonorFrame(tracks[clip], frame, weight) for clip, frame, weight in seen]


def _crops(source: SourceVideo, track: Track, wanted: set[int]) -> dict[int, Crop]:
    """Return the crop around the mouth by frame number."""
    crops = {}
    for frame, picture in enumerate(pictures(source, max(wanted, default=-1) + 1)):
        if frame in wanted:
            crops[frame] = Crop.of(picture, mouth_box(track, frame, *picture.shape[:2]))
    return crops
