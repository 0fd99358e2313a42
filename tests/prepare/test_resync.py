from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from npvf.clip import FPS, SAMPLES_PER_FRAME, Clip
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.entries import read_entries
from npvf.io.shards import decode_clip, read_sample
from npvf.prepare.resync import SynchroniseSettings, move_sound, natural_offset, synchronise
from tests.helpers.tiny_corpus import blob_clip, write_corpus
from tests.helpers.urls import in_store

SETTINGS = SynchroniseSettings()


def talk(frames: int, late: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors of lips and of a sound that comes `late` frames after them."""
    stream = normalize(torch.randn(frames + 40, 16, generator=torch.Generator().manual_seed(seed)), dim=-1)
    return stream[20 : 20 + frames], stream[20 - late : 20 - late + frames]


@pytest.mark.parametrize("late", [-7, 0, 3])
def test_a_constant_delay_is_found(late: int) -> None:
    assert natural_offset(*talk(120, late), SETTINGS) == late


def test_what_is_not_in_sync() -> None:
    assert natural_offset(*talk(120, 9), SETTINGS) is None  # farther than any encoder delays
    assert natural_offset(talk(120, 0)[0], talk(120, 0, seed=1)[1], SETTINGS) is None  # another's voice
    (v1, a1), (v2, a2) = talk(60, -4), talk(60, 4, seed=1)
    assert natural_offset(torch.cat([v1, v2]), torch.cat([a1, a2]), SETTINGS) is None  # an edit in the middle
    assert natural_offset(*talk(30, 0), SETTINGS) is None  # too short to tell


@pytest.mark.parametrize("frames", [-3, 0, 5])
def test_moved_sound_meets_its_picture(frames: int) -> None:
    clip = blob_clip("a", 0, frames=50)
    clip.posteriors_FP = np.repeat(np.arange(100, dtype=np.uint8)[:, None], 191, axis=1)
    moved = move_sound(clip, frames)
    assert moved.frames == 50 - abs(frames) and len(moved.audio_N) == moved.frames * SAMPLES_PER_FRAME
    first = max(0, -frames)
    assert np.array_equal(moved.face_THWC[0], clip.face_THWC[first])
    assert np.array_equal(moved.audio_N[:640], clip.audio_N[(first + frames) * 640 :][:640])
    assert moved.posteriors_FP[0, 0] == 2 * (max(0, -frames) + frames) and len(moved.posteriors_FP) == 2 * moved.frames
    assert moved.meta.sound_moved == frames
    assert moved.meta.span == pytest.approx((first / FPS, (first + moved.frames) / FPS))

    def heard(of: Clip, time: float) -> list[str]:
        return [p.phone for p in of.phones.items if p.start <= time < p.end]

    assert heard(moved, 0.65 - (first + frames) / FPS) == heard(clip, 0.65) == ["m"]


def embed_by_name(clip: Clip) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A clip called late3 is 3 frames late; one called noise fits nowhere."""
    name = clip.meta.video
    v_TD, a_TD = talk(clip.frames, int(name.removeprefix("late")) if name.startswith("late") else 0)
    if name == "noise":
        a_TD = talk(clip.frames, 0, seed=1)[1]
    return v_TD, a_TD, torch.ones(clip.frames, dtype=torch.bool)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    clips = [blob_clip(name, seed, frames=100) for seed, name in enumerate(("late0", "late3", "noise"))]
    return Corpus(write_corpus(tmp_path / "corpus", clips, shards=2))


@pytest.mark.slow
def test_a_corpus_is_written_anew(corpus: Corpus, tmp_path: Path) -> None:
    dataset = synchronise(Corpus(in_store(tmp_path / "corpus")), tmp_path / "out", embed_by_name)
    assert dataset["synchronised"]["clips_by_offset"] == {"0": 1, "3": 1}
    clean = Corpus(tmp_path / "out")
    assert {clip.meta.video: clip.frames for clip in clean.clips} == {"late0": 100, "late3": 97}
    read = {e.meta.video: read_sample(clean.place(e.shard), e.offset, e.size) for e in read_entries(clean)}
    assert {video: decode_clip(sample).frames for video, sample in read.items()} == {"late0": 100, "late3": 97}
    assert len(clean) == dataset["clips"] == 2 and dataset["refused"] == {"out_of_sync": 1}
    refused = next(line for line in clean.manifest if line["status"] == "refused")
    assert refused["video"] == "noise" and "fits the lips nowhere" in refused["sentence"]


def test_forgeries_are_left_as_they_are(tmp_path: Path) -> None:
    corpus = Corpus(write_corpus(tmp_path / "corpus", [blob_clip("late0", 0, label=1)]))
    with pytest.raises(NpvfError, match="forgery"):
        synchronise(corpus, tmp_path / "out", embed_by_name)


def test_nothing_is_overwritten_and_nothing_empty_is_left_unsaid(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="not empty"):
        synchronise(corpus, corpus.folder, embed_by_name)
    with pytest.raises(NpvfError, match="no clip of"):
        synchronise(corpus, tmp_path / "out", lambda clip: (*talk(clip.frames, 12), torch.ones(1)))
