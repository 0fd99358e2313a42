"""The threat that NPVForensics is about: lips that close when they must, but otherwise say something else.

The audio is kept. The frames are rendered again with the same person, head, eyes, light and camera. The mouth says
another sentence, but its lips close at every m, b and p of the audio and nowhere else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from npvf.clip import FPS, Phones
from npvf.errors import NpvfError
from npvf.forge.source_video import Forged, SourceVideo, cut_phones
from npvf.media.decode import iter_frames
from npvf.speech.inventory import SILENCE
from npvf.synth.corpus import Recipe, film
from npvf.synth.sentences import SENTENCES
from npvf.synth.visemes import MouthTrack
from npvf.synth.voice import speak


def calibrated(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Re-render the video so that the mouth speaks another sentence between the closures.

    Raises NpvfError for a video that `npvf synth` did not make.
    """
    path = source.path.with_name(f"{source.path.stem}.synth.json")
    if not path.is_file():
        raise NpvfError(
            f"{source.video}: a calibrated forgery needs the .synth.json of a video made by npvf synth; for other "
            "videos use mouth_calibrated"
        )
    recipe = Recipe.from_json(json.loads(path.read_text(encoding="utf-8")))
    mouth = forged_mouth(recipe, str(rng.choice([s for s in SENTENCES if s != recipe.sentence])))
    pictures = _filmed(recipe, mouth, source, frames)
    return Forged(pictures, source.sound(frames), cut_phones(source.phones(), 0.0, frames / FPS))


def forged_mouth(recipe: Recipe, sentence: str) -> MouthTrack:
    """Return the mouth that says `sentence` while the recipe speaks, and closes where the recipe's audio does."""
    sound = recipe.speech()
    spoken = speak(sentence, recipe.voice).phones
    visemes = _stretched(spoken, *_span(sound.phones))
    return recipe.puppet().articulate(visemes, sound.seconds, closures=sound.phones)


def _span(phones: Phones) -> tuple[float, float]:
    """Return the start of the first phone and the end of the last one."""
    sounds = [p for p in phones.items if p.phone != SILENCE]
    return sounds[0].start, sounds[-1].end


def _stretched(phones: Phones, start: float, end: float) -> Phones:
    """Return `phones` without pauses, evenly stretched onto [start, end]."""
    first, last = _span(phones)
    rate = (end - start) / (last - first)
    cut = phones.between(first, last).items
    items = [replace(p, start=start + (p.start - first) * rate, end=start + (p.end - first) * rate) for p in cut]
    return Phones(tuple(items), phones.source)


def _filmed(recipe: Recipe, mouth: MouthTrack, source: SourceVideo, frames: int) -> Iterator[np.ndarray]:
    """Render the frames and encode them once as the original was, so that both had the same encoders."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mouth.mp4"
        film(recipe, mouth, source.sound(len(mouth)), path)
        yield from iter_frames(path, end=(frames - 0.5) / FPS)
