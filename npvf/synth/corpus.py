"""`npvf synth`: make a folder of talking heads as ordinary MP4 files, with sidecars of all known facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from npvf.clip import REAL
from npvf.io.files import write_json
from npvf.io.workers import in_processes
from npvf.media.encode import write_video
from npvf.synth.identity import identity
from npvf.synth.puppet import DEFAULT_SIZE, Puppet
from npvf.synth.room import record
from npvf.synth.sentences import sentences
from npvf.synth.visemes import MouthTrack
from npvf.synth.voice import Speech, Voice, speak
from npvf.version import __version__

DEFAULT_IDENTITIES = 16


@dataclass(frozen=True)
class Recipe:
    """All parameters of a clip: the same recipe gives the same frames and samples."""

    stem: str
    identity: int
    voice: Voice
    sentence: str
    seed: int
    size: int
    crf: int

    def speech(self) -> Speech:
        """Return the recorded audio and its phones, both on the clock of the clip."""
        return record(speak(self.sentence, self.voice), self.seed)

    def puppet(self) -> Puppet:
        """Return the puppet of the person who speaks."""
        return _puppet(self.identity, self.size)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Recipe:
        """Read the content of a `<stem>.synth.json`."""
        fields = {key: content[key] for key in cls.__dataclass_fields__}
        return cls(**{**fields, "voice": Voice(**fields["voice"])})


@lru_cache(maxsize=8)
def _puppet(number: int, size: int) -> Puppet:
    return Puppet(identity(number), size)


def plan(
    clips: int, seed: int = 0, people: Sequence[int] = range(DEFAULT_IDENTITIES), size: int = DEFAULT_SIZE
) -> list[Recipe]:
    """Return the recipes of a corpus: people take turns, and only a very large corpus repeats a sentence."""
    recipes = []
    for k, sentence in enumerate(sentences(clips, seed)):
        number = people[k % len(people)]
        rng = np.random.default_rng([seed, k])
        recipes.append(
            Recipe(
                stem=f"{identity(number).name}-{seed}-{k:05d}",
                identity=number,
                voice=identity(number).voice,
                sentence=sentence,
                seed=int(rng.integers(2**31)),
                size=size,
                crf=int(rng.integers(18, 27)),
            )
        )
    return recipes


def synthesise(
    out: Path | str,
    clips: int = 48,
    seed: int = 0,
    people: Sequence[int] = range(DEFAULT_IDENTITIES),
    size: int = DEFAULT_SIZE,
    workers: int = 1,
    splits: Mapping[int, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Make `clips` real talking-head clips in `out`, `<identity>/<stem>.mp4`, in the order of the plan.

    `people` are the numbers of the identities that take turns. `splits` gives the `split` of some of them, for the
    annotations of their clips.

    Each clip has the sidecars `.phones.json` (exact times), `.meta.json` (label 0, identity, words) and `.synth.json`
    (recipe and driving lip aperture of each frame); `synth.json` contains the settings of the corpus. A clip depends on
    `seed` and its number, not on `clips` or `workers`. Files get their names after they are complete, the video last.

    Raises MissingDependency without espeakng-loader and scikit-image (`pip install 'npvf[demo]'`).
    """
    if min(clips, len(people), workers) < 1:
        raise ValueError("clips, people and workers must be at least 1")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    recipes = plan(clips, seed, people, size)
    paths = [folder / identity(r.identity).name / f"{r.stem}.mp4" for r in recipes]
    parts = [(splits or {}).get(recipe.identity) for recipe in recipes]
    for done, _ in enumerate(in_processes(make_clip, list(zip(recipes, paths, parts, strict=True)), workers), 1):
        if progress:
            progress(done, clips)
    settings = {"clips": clips, "seed": seed, "people": list(people), "size": size, "npvf": __version__}
    write_json(folder / "synth.json", settings)
    return paths


def make_clip(recipe: Recipe, path: Path, split: str | None = None) -> None:
    """Make one real clip and its sidecars."""
    speech = recipe.speech()
    puppet = recipe.puppet()
    mouth = puppet.articulate(speech.phones, speech.seconds)
    name = puppet.who.name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path.with_suffix(".phones.json"), speech.phones.to_json())
    said = {"label": REAL, "identity": name, "identities": [name], "transcript": recipe.sentence}
    write_json(path.with_suffix(".meta.json"), said | ({"split": split} if split else {}))
    write_json(path.with_suffix(".synth.json"), {**asdict(recipe), "aperture": _rounded(mouth)})
    film(recipe, mouth, speech.audio_N, path)


def film(recipe: Recipe, mouth: MouthTrack, audio_N: np.ndarray, path: Path) -> None:
    """Render and encode this recipe's person, head and camera with a given mouth and audio."""
    frames = recipe.puppet().render_mouth(mouth, recipe.seed)
    write_video(path, frames, audio=audio_N, crf=recipe.crf)


def _rounded(mouth: MouthTrack) -> list[float]:
    return [round(float(a), 4) for a in mouth.aperture_T]
