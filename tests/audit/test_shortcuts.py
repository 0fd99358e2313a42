"""Planted shortcuts are found on the whole way from video files; where none is planted, none is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from npvf.audit.shortcuts import Shortcut, by_manipulation, rank_traits, shortcuts
from npvf.audit.traits import VideoTraits, corpus_traits, file_traits
from npvf.clip import FAKE, FPS, REAL, SAMPLE_RATE
from npvf.data.selection import Selection
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.media.encode import write_video
from npvf.metrics.bootstrap import Bootstrap
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.run import prepare
from tests.helpers.astronaut import head, scene, with_head
from tests.helpers.tiny_corpus import labelled_corpus
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow

QUICK = Bootstrap(100)
PEOPLE, FRAMES = 6, 24


def film(path: Path, seed: int, label: int, silence: float = 0.0) -> None:
    """A head in a room, and a hum that starts at once or after `silence`; the hum's level and pitch are by chance."""
    rng = np.random.default_rng(seed)
    picture = with_head(scene(240, 240, seed % PEOPLE), 20 + rng.integers(10), 10)
    time_N = np.arange(FRAMES * SAMPLE_RATE // FPS) / SAMPLE_RATE
    hum_N = rng.uniform(0.2, 0.5) * np.sin(2 * np.pi * rng.uniform(150, 300) * time_N) * (time_N >= silence)
    write_video(path, [picture] * FRAMES, audio=hum_N.astype(np.float32))
    said = {"label": label, "identity": f"p{seed % PEOPLE}", "manipulation": "hum" if label else None}
    path.with_suffix(".meta.json").write_text(json.dumps(said))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six reals, six fakes without and six with 80 ms of silence before the sound."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(PEOPLE):
        film(folder / f"real{seed}.mp4", seed, REAL)
        film(folder / f"clean{seed}.mp4", seed + 100 * PEOPLE, FAKE)
        film(folder / f"late{seed}.mp4", seed + 200 * PEOPLE, FAKE, silence=0.08)
    return folder


@pytest.fixture(scope="module")
def corpus(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    out = tmp_path_factory.mktemp("prepared")
    prepare(videos, out, settings=IngestSettings(phones="voice_activity"), workers=0)
    return Corpus(out)


def named(found: list[Shortcut], name: str) -> Shortcut:
    return next(one for one in found if one.name == name)


def test_80_ms_of_silence_are_found(corpus: Corpus) -> None:
    found = shortcuts(corpus, Selection(label="known", exclude=("clean*",)), QUICK)
    silence = named(found, "silence at the start")
    assert silence.is_shortcut and silence.auc == pytest.approx(1.0, abs=0.01) and found[0].auc == silence.auc
    assert (silence.coverage, silence.real, silence.fake) == (1.0, 6, 6)
    assert silence.typical_fake == "0.08 s" and "with and without it" in silence.sentence
    others = {one.name for one in found if one.is_shortcut} - {"silence at the start", "digital silence at the start"}
    assert not others


def test_where_none_is_planted_none_is_found(corpus: Corpus) -> None:
    found = shortcuts(corpus, Selection(label="known", exclude=("late*",)), QUICK)
    assert len(found) == 16 and not any(one.is_shortcut for one in found)
    known = {one.name: one.coverage for one in found}
    assert set(known.values()) == {1.0}, "everything is known of a corpus that this version has prepared"


def test_a_habit_of_one_manipulation_does_not_drown(corpus: Corpus) -> None:
    traits = corpus_traits(corpus)
    halves = [
        VideoTraits(v.video, v.label, v.video[:4] if v.label else None, v.identity, v.original, v.values)
        for v in traits
    ]
    kinds = by_manipulation(halves, QUICK)
    assert named(kinds["late"], "silence at the start").is_shortcut
    assert not named(kinds["clea"], "silence at the start").is_shortcut


def test_raw_videos_are_known_but_for_their_faces(videos: Path, corpus: Corpus) -> None:
    raw, prepared = file_traits(videos), corpus_traits(corpus)
    assert file_traits(in_store(videos)) == raw
    assert [v.video for v in raw] == [v.video for v in prepared]
    assert "face size" not in raw[0].values
    for name in ("silence at the start", "bit rate", "encoder tag", "frame rate", "sound format"):
        assert [v.values[name] for v in raw] == pytest.approx([v.values[name] for v in prepared], abs=0.005), name
    assert named(rank_traits([v for v in raw if "clean" not in v.video], QUICK), "silence at the start").is_shortcut


def test_what_an_old_corpus_does_not_say_is_unknown(tmp_path: Path) -> None:
    old = shortcuts(Corpus(labelled_corpus(tmp_path / "old", reals=1, fakes=1)), bootstrap=QUICK)
    encoder = named(old, "encoder tag")
    assert (encoder.auc, encoder.coverage, encoder.is_shortcut) == (None, 0.0, False)
    assert named(old, "face size").coverage == 1.0


def test_a_category_of_all_fakes_is_found_by_its_name() -> None:
    videos = [
        VideoTraits(f"v{i}", i % 2, None, f"p{i // 2}", None, {"encoder tag": ("Lavf58" if i % 2 else "HandBrake")})
        for i in range(20)
    ]
    (tag, *rest) = rank_traits(videos, QUICK)
    assert tag.name == "encoder tag" and tag.auc == 1.0 and tag.is_shortcut
    assert (tag.typical_real, tag.typical_fake) == ("HandBrake (100%)", "Lavf58 (100%)")
    assert all(one.auc is None for one in rest)


def test_fewer_is_as_telling_as_more_and_few_videos_tell_nothing() -> None:
    def measured(pairs: int) -> Shortcut:
        videos = [
            VideoTraits(f"v{i}", i % 2, None, None, None, {"bit rate": 1000.0 + i if i % 2 else 9000.0 + i})
            for i in range(2 * pairs)
        ]
        return named(rank_traits(videos, QUICK), "bit rate")

    assert measured(10).auc == 1.0 and measured(10).is_shortcut
    assert measured(2).auc == 1.0 and not measured(2).is_shortcut


def test_without_labels_there_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [head()] * 5)
    with pytest.raises(NpvfError, match="no labelled video"):
        file_traits(tmp_path)
