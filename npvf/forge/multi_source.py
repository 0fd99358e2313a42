"""Two or more people in one frame, as in an interview; one of them is forged, and one of them is heard.

The forged clip keeps its pixels, and the others are scaled to it. The unforged twin, `assembled`, has the role that a
copy has for other kinds: neither the layout nor the number of faces tells a fake from a real video.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npvf.clip import FPS
from npvf.errors import NpvfError
from npvf.forge.face_patch import track_of
from npvf.forge.face_swap import face_swap
from npvf.forge.layout import PEOPLE, Layout, Participant, lay_out
from npvf.forge.mouth_swap import mouth_reanimated
from npvf.forge.self_blend import self_blend
from npvf.forge.smoothed import smoothed
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures

_FORGERS: dict[str, Callable[[SourceVideo, int, list[SourceVideo], np.random.Generator], Forged]] = {
    "face_swap": face_swap,
    "self_blend": self_blend,
    "smoothed": smoothed,
    "mouth_reanimated": mouth_reanimated,
}


@dataclass(frozen=True)
class _Scene:
    """The people in the video, their positions, and the one who is heard; `spare` are donors that are not shown."""

    layout: Layout
    people: tuple[SourceVideo, ...]
    heard: SourceVideo
    frames: int
    spare: list[SourceVideo]


def multi_source(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Forge the frames of the source video and show it beside one to three others.

    Raises:
        Refused: NO_FACE, in a frame of the source video.
        NpvfError: it shows two faces; there is no clip of other people (`find_faces`); or every forgery fails.
    """
    scene = _scene(source, frames, donors, rng)
    problems = []
    for name in rng.permutation(list(_FORGERS)):
        lent = scene.spare or list(scene.people[1:]) if name == "face_swap" else scene.spare
        try:
            forged = _FORGERS[name](source, scene.frames, lent, rng)
        except NpvfError as error:
            problems.append(f"{name}: {error}")
            continue
        assert forged.masks is not None  # each of these functions sets them
        return _film(scene, forged, {"forged": str(name), **forged.recipe})
    raise NpvfError(f"{source.video}: it can be forged in no way; {problems[0]}")


def assembled(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Make the same video as `multi_source` with the same `rng`, but without a forgery."""
    return _film(_scene(source, frames, donors, rng), None, {})


def _scene(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> _Scene:
    usable, problems = [], []
    for donor in donors:
        try:
            track_of(donor)
            usable.append(donor)
        except NpvfError as error:
            problems.append(str(error))
    if not usable:
        why = problems[0] if problems else "no clip of another known identity in its split"
        raise NpvfError(f"{source.video}: nobody to be seen beside: {why}")
    name = str(rng.choice([name for name, people in PEOPLE.items() if people <= 1 + len(usable)]))
    people = (source, *usable[: PEOPLE[name] - 1])
    layout = lay_out(name, [_participant(person) for person in people], rng)
    heard = people[int(rng.integers(len(people)))]
    frames = min([frames, *(min(person.frames, len(track_of(person))) for person in people)])
    return _Scene(layout, people, heard, frames, usable[len(people) - 1 :])


def _participant(source: SourceVideo) -> Participant:
    height, width = next(iter(pictures(source, 1))).shape[:2]
    return Participant(track_of(source), (height, width))


def _film(scene: _Scene, forged: Forged | None, recipe: dict[str, object]) -> Forged:
    source, *others = scene.people
    streams = [pictures(source, scene.frames) if forged is None else forged.frames]
    streams += [pictures(other, scene.frames) for other in others]
    masks = None if forged is None or forged.masks is None else scene.layout.masks(forged.masks)
    return Forged(
        scene.layout.pictures(streams),
        scene.heard.sound(scene.frames),
        cut_phones(scene.heard.phones(), 0.0, scene.frames / FPS),
        heard=None if scene.heard == source else scene.heard,
        shown=(*others, *(forged.shown if forged else ())),
        several=True,
        intervals=None if forged is None else forged.intervals,
        masks=masks,
        recipe={"layout": scene.layout.name, "people": [person.video for person in scene.people], **recipe},
    )
