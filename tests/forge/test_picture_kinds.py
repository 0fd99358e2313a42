"""Forgeries of a face's pixels: masks exactly where something changed, one face of several, and the recipe."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from npvf.clip import FPS
from npvf.errors import NpvfError
from npvf.forge.face_patch import Track, track_of
from npvf.forge.face_swap import _matched, find_faces
from npvf.forge.kinds import KINDS
from npvf.forge.layout import PEOPLE, Participant, lay_out
from npvf.forge.multi_source import assembled, multi_source
from npvf.forge.run import forge
from npvf.forge.source_video import SourceVideo, pictures
from npvf.forge.when import draw_strength
from npvf.io.annotations import Annotation, read_sidecar
from npvf.io.corpus import Corpus
from npvf.io.masks import read_masks
from npvf.media.decode import iter_frames, read_audio
from npvf.media.encode import write_video
from npvf.prepare.run import prepare
from npvf.synth.corpus import synthesise

pytestmark = pytest.mark.slow

FRAMES, LONG = 20, 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1.6 s of a clip of each of three rendered people."""
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("people")
    synthesise(folder, clips=3, seed=6, people=[1, 2, 3], size=192)
    for path in sorted(folder.rglob("*.mp4")):
        frames, audio_N = list(iter_frames(path))[:LONG], read_audio(path)[: LONG * 640]
        write_video(path, frames, audio=audio_N)
    return folder


@pytest.fixture(scope="module")
def sources(source: Path) -> list[SourceVideo]:
    paths = sorted(source.rglob("*.mp4"))
    return [SourceVideo(path.relative_to(source).as_posix(), path, read_sidecar(path), LONG / FPS) for path in paths]


@pytest.mark.parametrize("kind", ["face_swap", "self_blend", "smoothed"])
def test_outside_the_mask_nothing_changes_and_inside_it_all_does(sources: list[SourceVideo], kind: str) -> None:
    for seed, source in enumerate(sources[:2]):
        made = KINDS[kind].make(source, FRAMES, sources[2:], np.random.default_rng(seed))
        assert made.masks is not None and made.intervals is not None
        masks = list(made.masks)
        changed = []
        for mine, mask, real in zip(made.frames, masks, pictures(source, FRAMES), strict=True):
            np.testing.assert_array_equal(mine[~mask], real[~mask])
            changed.append((mine != real).any(axis=-1)[mask].mean())
        assert np.mean(changed) > 0.8
        assert all(0.003 < mask.mean() < 0.35 for mask in masks)
        assert made.intervals == ((0.0, FRAMES / FPS),)
        # It sits on the face: from one frame to the next it changes no more than the face moves.
        assert min((a & b).sum() / (a | b).sum() for a, b in pairwise(masks)) > 0.85
        json.dumps(made.recipe)


def test_a_swap_brings_the_other_faces_colours_to_the_clips(sources: list[SourceVideo]) -> None:
    source, donor = sources[0], sources[1]
    made = KINDS["face_swap"].make(source, FRAMES, [donor], np.random.default_rng(0))
    assert made.shown == (donor,) and made.recipe["face"] == donor.video
    assert made.masks is not None
    for mine, mask, real in list(zip(made.frames, made.masks, pictures(source, FRAMES), strict=True))[::7]:
        np.testing.assert_allclose(mine[mask].mean(axis=0), real[mask].mean(axis=0), atol=8)
        assert np.abs(mine[mask].astype(int) - real[mask]).mean() > 4


def test_without_another_person_a_face_is_not_swapped(sources: list[SourceVideo]) -> None:
    with pytest.raises(NpvfError, match="give identities"):
        KINDS["face_swap"].make(sources[0], FRAMES, [], np.random.default_rng(0))
    with pytest.raises(NpvfError, match="nobody to be seen beside"):
        KINDS["multi_source"].make(sources[0], FRAMES, [], np.random.default_rng(0))


def test_the_donors_frames_follow_the_clips_and_keep_their_order(sources: list[SourceVideo]) -> None:
    track = track_of(sources[0])
    np.testing.assert_array_equal(_matched(track, track, 30), np.arange(30))
    part = Track(track.landmarks_TN2[10:40], track.steady_TN2[10:40])
    cast = _matched(part, track, 30)
    np.testing.assert_array_equal(cast, np.arange(10, 40))
    assert (np.diff(_matched(track, track_of(sources[1]), 40)) == 1).mean() > 0.6


def test_faces_are_lent_by_other_known_people_of_the_same_split() -> None:
    def take(video: str, **said: object) -> SourceVideo:
        return SourceVideo(video, Path(video), Annotation(**said), 2.0)  # type: ignore[arg-type]

    me = take("me", identity="p", identities=("p",), split="train")
    stranger = take("stranger", identity="q", identities=("q",), split="train")
    others = [
        take("mine", identity="p", identities=("p",), split="train"),
        take("elsewhere", identity="r", identities=("r",), split="test"),
        take("unknown", split="train"),
        take("with me", identity="s", identities=("p", "s"), split="train"),
    ]
    assert find_faces(me, [me, stranger, *others]) == [stranger]


@pytest.mark.parametrize("name", PEOPLE)
def test_a_layout_keeps_the_first_persons_pixels_and_hides_what_it_covers(name: str) -> None:
    rng = np.random.default_rng(0)
    landmarks_TN2 = np.random.default_rng(1).uniform(-1, 1, (3, 478, 2))
    sizes = [(240, 321), (180, 200), (300, 300), (121, 141)]
    participants = [
        Participant(Track.of(landmarks_TN2 * h / 8 + (w / 2, h / 2)), (h, w)) for h, w in sizes[: PEOPLE[name]]
    ]
    layout = lay_out(name, participants, rng)
    # In these pictures the faces are small enough for an inset.
    assert layout.name == name
    assert layout.size_hw[0] % 2 == layout.size_hw[1] % 2 == 0
    streams = [[np.full((*participant.size_hw, 3), 20 * k, np.uint8)] for k, participant in enumerate(participants)]
    streams[0] = [rng.integers(100, 255, (*participants[0].size_hw, 3)).astype(np.uint8)]
    (picture,) = layout.pictures(streams)
    assert picture.shape == (*layout.size_hw, 3)
    (mask,) = layout.masks([np.ones(participants[0].size_hw, bool)])
    x0, y0, x1, y1 = layout.panels[0].window
    left, top, right, bottom = layout.panels[0].place
    assert mask.sum() > 0.5 * (right - left) * (bottom - top)
    own = np.zeros_like(picture)
    own[top:bottom, left:right] = streams[0][0][y0:y1, x0:x1]
    np.testing.assert_array_equal(picture[mask], own[mask])
    assert (picture[~mask] < 100).sum() + (picture[~mask] == 235).sum() == (~mask).sum() * 3


def test_an_inset_never_hides_the_face_below_it() -> None:
    face_TN2 = np.random.default_rng(1).uniform(-1, 1, (3, 478, 2))
    close = Participant(Track.of(face_TN2 * 120 + 100), (200, 200))
    assert lay_out("inset", [close, close], np.random.default_rng(0)).name == "side by side"


def test_a_twin_is_the_splice_without_its_forgery(sources: list[SourceVideo]) -> None:
    made = multi_source(sources[0], FRAMES, sources[1:], np.random.default_rng(3))
    twin = assembled(sources[0], FRAMES, sources[1:], np.random.default_rng(3))
    assert made.several and made.masks is not None and twin.masks is None
    assert made.heard == twin.heard and made.recipe["layout"] == twin.recipe["layout"]
    np.testing.assert_array_equal(made.audio_N, twin.audio_N)
    masks = list(made.masks)
    assert 0 < np.mean(masks) < 0.2
    for mine, mask, real in zip(made.frames, masks, twin.frames, strict=True):
        np.testing.assert_array_equal(mine[~mask], real[~mask])


def test_of_several_people_the_forged_one_is_found_in_the_prepared_corpus(source: Path, tmp_path: Path) -> None:
    summary = forge(source, tmp_path / "forged", kinds=("multi_source",), copies=True, seed=2, crf=23)
    assert summary.count("written") == {"multi_source": 3, "none": 6}
    line = next(line for line in summary.lines if line["manipulation"] == "multi_source")
    video = tmp_path / "forged" / line["video"]
    said = read_sidecar(video)
    assert (said.label, said.audio_label, said.video_label, said.identity) == (1, 0, 1, None)
    assert len(said.identities) >= 2
    assert read_masks(video.with_suffix(".mask.npz")).any()
    (tmp_path / "one.csv").write_text(f"path\n{video}\n{tmp_path}/forged/none/{_twin(line['video'])}\n")
    prepare(tmp_path / "one.csv", tmp_path / "prepared", workers=0)
    corpus = Corpus(tmp_path / "prepared")
    clips = list(corpus.clips)
    forged = [clip for clip in clips if clip.meta.manipulation == "multi_source"]
    assert [line["label"] for line in corpus.manifest] == [1, 0]
    assert len(forged) >= 2 and len(clips) == 2 * len(forged)
    assert sorted(clip.meta.label for clip in forged) == [0] * (len(forged) - 1) + [1]
    for clip in forged:
        assert clip.mask_THW is not None and clip.mask_THW.any() == bool(clip.meta.label)
    assert all(clip.meta.label == 0 for clip in clips if clip.meta.manipulation is None)


def _twin(video: str) -> str:
    return Path(video).relative_to("multi_source").as_posix().replace("-multi_source-", "-none-multi_source-")


def test_a_part_of_a_clip_is_forged_with_ramps() -> None:
    parts = [draw_strength(100, np.random.default_rng(seed)) for seed in range(60)]
    for strength_T, ((start, end),) in parts:
        inside = np.zeros(100, bool)
        inside[round(start * FPS) : round(end * FPS)] = True
        np.testing.assert_array_equal(strength_T > 0, inside)
        assert inside.sum() >= 24 and np.abs(np.diff(strength_T)).max(initial=0) <= 0.26
    whole = sum(bool((strength_T == 1).all()) for strength_T, _ in parts)
    assert 30 <= whole <= 50
    assert (draw_strength(40, np.random.default_rng(0))[0] == 1).all()
