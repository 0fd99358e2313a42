"""From shards to batches, by way of memory and without: nothing lost, nothing doubled, nothing made up."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from npvf.clip import ClipMeta, Phones
from npvf.data.augment import Augment
from npvf.data.datasets import EvaluationClips, MemoryClips, TrainingClips, Windows, collate, collate_windows
from npvf.data.sampling import Draw, seeded
from npvf.data.selection import Selection, check_disjoint, people, selected_metas
from npvf.data.stored import StoredClips
from npvf.data.transforms import ClipTransform, Sample
from npvf.errors import NpvfError
from npvf.io import shards
from npvf.io.corpus import Corpus
from npvf.models.batch import InputSpec
from tests.helpers.tiny_corpus import blob_clip, real_corpus, write_corpus

SPEC = InputSpec(mouth_size=32, mouth_channels=1, face_size=32, face_stride=4)
PLAIN = ClipTransform(SPEC)
WHOLE = Windows(PLAIN)
WINDOWS = Windows(ClipTransform(SPEC, Augment()), frames=32, segments=3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [str(real_corpus(tmp_path_factory.mktemp("corpus"), count=7, frames=40, shards=3))]


def test_memory_serves_every_clip_and_random_windows(folders: list[str]) -> None:
    clips = MemoryClips(folders, WHOLE, Selection())
    whole = EvaluationClips(clips, WHOLE)
    assert sorted(whole[i].video for i in range(len(whole))) == [f"v{i:02d}" for i in range(7)]
    training = TrainingClips(clips, WINDOWS)
    batch, starts_BK = collate_windows([training[Draw(i, seed=i)] for i in range(4)])
    assert starts_BK.shape == (4, 3)
    assert batch.mouth_BTCHW.shape[:3] == (4, 32, 1) and batch.face_BTCHW.shape[1] == 8
    assert batch.mel_BTM.shape == (4, 128, 64)
    again = training[Draw(0, seed=0)].sample
    assert torch.equal(again.mouth_TCHW, batch.mouth_BTCHW[0])


@pytest.mark.slow
def test_a_long_clip_is_visited_more_often(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [blob_clip("long", 0, frames=100), blob_clip("short", 1, frames=30)])
    clips = TrainingClips(MemoryClips([str(corpus)], WHOLE, Selection()), WINDOWS)
    assert Counter(clips.clips.samples[i].video for i in clips.indices) == {"long": 3, "short": 1}


def test_padding_is_not_valid() -> None:
    short, long = (PLAIN(blob_clip(name, 0, frames=frames)) for name, frames in (("a", 30), ("b", 41)))
    batch = collate([short, long])
    assert batch.valid_BT.sum(1).tolist() == [30, 41]
    assert batch.face_BTCHW.shape[1] == 11
    assert torch.equal(batch.mouth_BTCHW[0, 35], short.mouth_TCHW[-1])
    assert not batch.gate_BT[0, 30:].any() and not batch.speech_BT[0, 30:].any()


@pytest.mark.slow
def test_shards_and_memory_give_equal_tensors(tmp_path: Path) -> None:
    clips = [blob_clip(f"v{i}", i, frames=90, label=1, intervals=((2.0, 2.5),)) for i in range(5)]
    rng = np.random.default_rng(0)
    for clip in clips:  # lips that wander, sound without a gap: so that a window's borders matter
        clip.landmarks_TN2 += np.cumsum(rng.normal(0, 2, (90, 1, 2)), axis=0).astype(np.float32)
        clip.audio_N += rng.uniform(-0.1, 0.1, len(clip.audio_N)).astype(np.float32)
    folder = str(write_corpus(tmp_path, clips, shards=2))
    memory, stored = MemoryClips([folder], WHOLE, Selection()), StoredClips([folder], Selection())
    assert list(stored.frames) == memory.frames == [90] * 5
    labels = set()
    for draw in (Draw(place, seed) for place in range(5) for seed in range(6)):
        one, other = (TrainingClips(clips, WINDOWS)[Draw(draw.place * 2, draw.seed)] for clips in (memory, stored))
        same(one.sample, other.sample)
        assert torch.equal(one.starts_K, other.starts_K)
        labels.add(one.sample.label)
    assert labels == {0, 1}  # a window that holds nothing forged is real
    for index in range(5):
        same(*(EvaluationClips(clips, WHOLE)[index] for clips in (memory, stored)))


def same(a: Sample, b: Sample) -> None:
    for field in fields(Sample):
        one, other = getattr(a, field.name), getattr(b, field.name)
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other, field.name


@pytest.mark.slow
def test_a_clip_without_a_window_is_left_out_or_replaced(tmp_path: Path) -> None:
    clips = [blob_clip(name, i, frames=40, label=i % 2) for i, name in enumerate("abcd")]
    clips[1].phones = Phones((), "times")
    folder = str(write_corpus(tmp_path, clips))
    memory = MemoryClips([folder], WHOLE, Selection())
    stored = StoredClips([folder], Selection(), tag=lambda meta: (meta.label,))
    draws = [TrainingClips(stored, WINDOWS)[Draw(1, seed)].sample for seed in range(3)]
    assert {sample.video for sample in draws} == {"d"}  # the other one with the label of b
    stored.keep(stored.usable(range(4), WINDOWS))
    assert len(stored) == len(memory) == 3
    everything = [stored.whole(index, WHOLE).video for index in range(3)]
    assert everything == [sample.video for sample in memory.samples] == ["a", "c", "d"]


@pytest.mark.slow
def test_a_draw_reads_one_sample_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [blob_clip(f"v{i:03d}", i, frames=24, label=0 if i == 42 else 1) for i in range(43)]
    folder = write_corpus(tmp_path, clips, shards=8)
    stored = StoredClips([str(folder)], Selection(label="real"))
    read: list[int] = []
    whole = shards.read_sample
    monkeypatch.setattr(shards, "read_sample", lambda *place: read.append(place[2]) or whole(*place))
    assert [stored.sample(0, WINDOWS, seeded(n)).sample.video for n in range(4)] == ["v042"] * 4
    assert len(read) == 4 and max(read) < (folder / "shard-000002.tar").stat().st_size / 4


@pytest.mark.slow
def test_a_window_knows_where_in_its_video_it_begins(tmp_path: Path) -> None:
    clip = blob_clip("long", 0, frames=100)
    clip.meta = replace(clip.meta, span=(2.0, 6.0))
    folder = str(write_corpus(tmp_path, [clip]))
    memory, stored = MemoryClips([folder], WHOLE, Selection()), StoredClips([folder], Selection())
    whole = PLAIN.augment(memory.samples[0])
    assert whole.start == 50
    for sample in [clips.sample(0, WINDOWS, seeded(seed)).sample for seed in range(4) for clips in (memory, stored)]:
        first = sample.start - 50
        assert torch.equal(sample.gate_T, whole.gate_T[first : first + sample.frames])
    assert len({memory.sample(0, WINDOWS, seeded(seed)).sample.start for seed in range(9)}) > 1


def test_a_broken_sample_is_named_not_replaced(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path, [blob_clip("good", 0), blob_clip("bad", 1)])
    shard = folder / "shard-000000.tar"
    content = bytearray(shard.read_bytes())
    place = content.rindex(b"bad-t0-000.face.mp4") + 512
    content[place : place + 2000] = bytes(2000)
    shard.write_bytes(content)
    with pytest.raises(NpvfError, match=r"shard-000000\.tar, sample bad-t0-000"):
        MemoryClips([str(folder)], WHOLE, Selection())
    stored = StoredClips([str(folder)], Selection())
    with pytest.raises(NpvfError, match=r"shard-000000\.tar, sample bad-t0-000"):
        stored.whole(1, WHOLE)


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path, [blob_clip("a", 0)])
    stored = StoredClips([str(folder)], Selection())
    shard = folder / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:3000])
    with pytest.raises(NpvfError, match=r"shard-000000\.tar"):
        MemoryClips([str(folder)], WHOLE, Selection())
    with pytest.raises(NpvfError, match=r"shard-000000\.tar"):
        stored.whole(0, WHOLE)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    clips = [blob_clip("fake", 0, label=1), blob_clip("listener", 1, is_speaker=False)]
    folders = [str(write_corpus(tmp_path, clips))]
    counts = r"2 clips left out \(1 fake, 1 another face speaks\)"
    with pytest.raises(NpvfError, match=counts):
        MemoryClips(folders, WHOLE, Selection(label="unforged"))
    with pytest.raises(NpvfError, match=counts):
        StoredClips(folders, Selection(label="unforged"))


def metas(folders: list[str], selection: Selection) -> list[ClipMeta]:
    return [meta for folder in folders for meta in selected_metas(Corpus(folder), selection)]


def test_parts_by_hash_are_disjoint_complete_and_do_not_move(folders: list[str]) -> None:
    parts = {part: {m.video for m in metas(folders, Selection(part=part, held_out=0.4))} for part in PARTS}
    assert parts["train"] | parts["val"] == {f"v{i:02d}" for i in range(7)}
    assert not parts["train"] & parts["val"] and parts["train"] and parts["val"]


@pytest.mark.slow
def test_parts_by_hash_keep_all_clips_of_a_person_together(tmp_path: Path) -> None:
    clips = [blob_clip(f"v{i:02d}", i, frames=24, identity=f"p{i % 5}", identities=(f"p{i % 5}",)) for i in range(20)]
    clips += [blob_clip(f"nobody{i}", i, frames=24) for i in range(10)]
    folders = [str(write_corpus(tmp_path, clips))]
    found = {part: metas(folders, Selection(part=part, held_out=0.4)) for part in PARTS}
    who = {part: {person for meta in found[part] for person in people(meta)} for part in PARTS}
    assert who["train"] and who["val"] and not who["train"] & who["val"]
    assert all(any(meta.identity is None for meta in found[part]) for part in PARTS)
    assert sum(map(len, found.values())) == 30


def test_someone_in_both_parts_is_an_error() -> None:
    with pytest.raises(NpvfError, match="anna"):
        check_disjoint({"anna", "bert"}, {"anna"})


PARTS = ("train", "val")
