"""Comparison with genuine videos of the same person."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npvf.detect.known_person import LEAST_VIDEOS, ClipMotion, KnownPerson
from npvf.errors import NpvfError
from npvf.faces.habits import HABITS
from tests.helpers.tiny_corpus import blob_clip


def habits(of: int, number: int, windows: int = 4) -> np.ndarray:
    """Return windows of a person: around a place of their own."""
    place = np.random.default_rng(of).uniform(-0.6, 0.6, HABITS)
    return place + 0.1 * np.random.default_rng(1000 * of + number).standard_normal((windows, HABITS))


@pytest.fixture
def known() -> KnownPerson:
    return KnownPerson(habits(1, number) for number in range(8))


def test_another_video_of_the_person_is_like_and_that_of_another_is_not(known: KnownPerson) -> None:
    assert known.compare(habits(2, 0)).statement == "unlike"
    said = [known.compare(habits(1, number)) for number in range(20, 40)]
    assert sum(one.statement == "unlike" for one in said) <= 6  # one in nine by chance
    assert any(one.statement == "like" for one in said)


def test_the_sentence_says_how_many_are_as_far(known: KnownPerson) -> None:
    assert str(known.compare(habits(2, 0))) == (
        "the face moves less like 8 genuine videos (38 s) of this person than each of them like the others"
    )
    found = known.compare(known.videos[0])
    assert found.as_far == 8 and "8 of them are at least as far" in str(found)


def test_too_little_material_is_refused() -> None:
    with pytest.raises(NpvfError, match=f"too_little_material: 4 genuine videos .* at least {LEAST_VIDEOS} videos"):
        KnownPerson(habits(1, number) for number in range(4))
    with pytest.raises(NpvfError, match="10 s of a moving face"):
        KnownPerson(habits(1, number, windows=1) for number in range(5))


def test_a_questioned_face_that_is_seen_too_shortly_is_not_judged(known: KnownPerson) -> None:
    found = known.compare(np.zeros((0, HABITS)))
    assert found.statement == "not_judged" and str(found).startswith("too_short: ")


def test_the_face_that_speaks_is_compared() -> None:
    motion = ClipMotion()
    quiet, speaker = blob_clip("a", 1, frames=120), blob_clip("a", 2, frames=72)
    quiet.meta = replace(quiet.meta, track=1, is_speaker=False)
    speaker.meta = replace(speaker.meta, track=2, is_speaker=True)
    motion.add(quiet)
    motion.add(speaker)
    assert motion.windows().shape == (2, HABITS)


def test_the_questioned_video_is_not_among_the_genuine_ones(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"")
    said = []
    with pytest.raises(NpvfError, match="0 genuine videos"):
        KnownPerson.from_folder(tmp_path, None, [video], lambda *told: said.append(told))  # type: ignore[arg-type]
    assert said == [(video, "it is the video to judge")]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="has no videos"):
        KnownPerson.from_folder(tmp_path, landmarker=None)  # type: ignore[arg-type]
