"""From shards to batches, out of memory and as a stream: nothing lost, nothing doubled, nothing made up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from npvf.data.augment import Augment
from npvf.data.datasets import EvaluationClips, MemoryClips, TrainingClips, Windows, collate, collate_visits
from npvf.data.sampling import Draw
from npvf.data.selection import Selection, check_disjoint, selected_metas
from npvf.data.stream import EvaluationStream, Place, TrainingStream
from npvf.data.transforms import ClipTransform
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.models.batch import InputSpec
from tests.helpers.tiny_corpus import blob_clip, real_corpus, write_corpus

SPEC = InputSpec(mouth_size=32, mouth_channels=1, face_size=32, face_stride=4)
PLAIN = ClipTransform(SPEC)
WHOLE = Windows(PLAIN)
WINDOWS = Windows(ClipTransform(SPEC, Augment()), frames=32, segments=3)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return Corpus(real_corpus(tmp_path_factory.mktemp("corpus"), count=7, frames=40, shards=3)).urls


def test_memory_serves_every_clip_and_random_windows(urls: list[str]) -> None:
    clips = MemoryClips(urls, WHOLE, Selection())
    whole = EvaluationClips(clips, WHOLE)
    assert sorted(whole[i].video for i in range(len(whole))) == [f"v{i:02d}" for i in range(7)]
    training = TrainingClips(clips, WINDOWS)
    batch, starts_BK = collate_visits([training[Draw(i, seed=i)] for i in range(4)])
    assert starts_BK.shape == (4, 3)
    assert batch.mouth_BTCHW.shape[:3] == (4, 32, 1) and batch.face_BTCHW.shape[1] == 8
    assert batch.mel_BTM.shape == (4, 128, 64)
    again = training[Draw(0, seed=0)].sample
    assert torch.equal(again.mouth_TCHW, batch.mouth_BTCHW[0])


def test_a_long_clip_is_visited_more_often(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [blob_clip("long", 0, frames=100), blob_clip("short", 1, frames=30)])
    clips = TrainingClips(MemoryClips(Corpus(corpus).urls, WHOLE, Selection()), WINDOWS)
    assert Counter(clips.clips.metas[i].video for i in clips.indices) == {"long": 3, "short": 1}


def test_padding_is_not_valid() -> None:
    short, long = (PLAIN(blob_clip(name, 0, frames=frames)) for name, frames in (("a", 30), ("b", 41)))
    batch = collate([short, long])
    assert batch.valid_BT.sum(1).tolist() == [30, 41]
    assert batch.face_BTCHW.shape[1] == 11
    assert torch.equal(batch.mouth_BTCHW[0, 35], short.mouth_TCHW[-1])
    assert not batch.gate_BT[0, 30:].any() and not batch.speech_BT[0, 30:].any()


@pytest.mark.parametrize(("world", "workers"), [(1, 0), (2, 0), (1, 2), (5, 0)])
def test_an_evaluation_stream_gives_each_clip_once(urls: list[str], world: int, workers: int) -> None:
    keys = []
    for rank in range(world):
        stream = EvaluationStream(urls, WHOLE, Selection(), Place(rank, world))
        for batch in DataLoader(stream, 2, num_workers=workers, collate_fn=collate):
            keys += batch.keys
    assert sorted(keys) == [f"v{i:02d}-t0-000" for i in range(7)]


def test_a_stream_looks_at_the_same_picture_as_memory(urls: list[str]) -> None:
    from_memory = {s.key: s for s in map(PLAIN.finish, MemoryClips(urls, WHOLE, Selection()).samples)}
    for sample in EvaluationStream(urls, WHOLE, Selection(), Place()):
        assert torch.equal(sample.mouth_TCHW, from_memory[sample.key].mouth_TCHW)
        assert torch.equal(sample.gate_T, from_memory[sample.key].gate_T)


def test_a_training_stream_goes_round_and_repeats_itself_only_with_its_epoch(urls: list[str]) -> None:
    def keys(epoch: int) -> list[str]:
        stream = TrainingStream(urls, WINDOWS, [Selection()], visits=14, seed=0, epoch=epoch, place=Place())
        visits = list(stream)
        assert all(visit.starts_K.shape == (3,) for visit in visits)
        return [visit.sample.key for visit in visits]

    assert keys(0) == keys(0) != keys(1)
    assert Counter(keys(0)) == {f"v{i:02d}-t0-000": 2 for i in range(7)}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_stream_goes_on_where_it_was_left(urls: list[str], workers: int) -> None:
    def batches(done: int) -> list[tuple[list[str], torch.Tensor]]:
        stream = TrainingStream(
            urls, WINDOWS, [Selection()], visits=6, seed=0, epoch=1, place=Place(), done=done, batch_size=2
        )
        loader = DataLoader(stream, 2, num_workers=workers, collate_fn=collate_visits)
        return [(batch.keys, batch.mel_BTM) for batch, _ in loader]

    whole = batches(0)
    assert len(whole) == 3 * max(1, workers)
    for done in (1, 2):
        rest = batches(done)
        assert [keys for keys, _ in rest] == [keys for keys, _ in whole[done:]]
        assert all(torch.equal(ours[1], theirs[1]) for ours, theirs in zip(rest, whole[done:], strict=True))


def test_a_window_knows_where_in_its_video_it_begins(tmp_path: Path) -> None:
    clip = blob_clip("long", 0, frames=100)
    clip.meta = replace(clip.meta, span=(2.0, 6.0))
    urls = Corpus(write_corpus(tmp_path, [clip])).urls
    training = TrainingClips(MemoryClips(urls, WHOLE, Selection()), WINDOWS)
    stream = TrainingStream(urls, WINDOWS, [Selection()], visits=4, seed=0, epoch=0, place=Place())
    whole = PLAIN.finish(training.clips.samples[0])
    assert whole.start == 50
    for sample in [training[Draw(0, seed)].sample for seed in range(4)] + [visit.sample for visit in stream]:
        first = sample.start - 50
        assert torch.equal(sample.gate_T, whole.gate_T[first : first + sample.frames])
    assert len({training[Draw(0, seed)].sample.start for seed in range(9)}) > 1


def test_more_readers_than_shards_is_an_error(urls: list[str]) -> None:
    stream = TrainingStream(urls, WINDOWS, [Selection()], visits=1, seed=0, epoch=0, place=Place(0, 4))
    with pytest.raises(NpvfError, match="3 shards"):
        next(iter(stream))


def test_a_broken_sample_is_named_not_replaced(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path, [blob_clip("good", 0), blob_clip("bad", 1)])
    shard = folder / "shard-000000.tar"
    content = bytearray(shard.read_bytes())
    place = content.rindex(b"bad-t0-000.face.mp4") + 512
    content[place : place + 2000] = bytes(2000)
    shard.write_bytes(content)
    with pytest.raises(NpvfError, match=r"shard-000000\.tar, sample bad-t0-000"):
        MemoryClips([str(shard)], WHOLE, Selection())


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    shard = write_corpus(tmp_path, [blob_clip("a", 0)]) / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:3000])
    with pytest.raises(NpvfError, match=r"shard-000000\.tar"):
        MemoryClips([str(shard)], WHOLE, Selection())


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    clips = [blob_clip("fake", 0, label=1), blob_clip("listener", 1, is_speaker=False)]
    urls = Corpus(write_corpus(tmp_path, clips)).urls
    with pytest.raises(NpvfError, match=r"2 clips left out \(1 fake, 1 another face speaks\)"):
        MemoryClips(urls, WHOLE, Selection(label="unforged"))


def test_parts_by_hash_are_disjoint_complete_and_do_not_move(urls: list[str]) -> None:
    parts = {part: {m.video for m in selected_metas(urls, Selection(part=part, held_out=0.4))} for part in PARTS}
    assert parts["train"] | parts["val"] == {f"v{i:02d}" for i in range(7)}
    assert not parts["train"] & parts["val"]
    fewer = {m.video for m in selected_metas(urls[:1], Selection(part="val", held_out=0.4))}
    assert fewer <= parts["val"]


def test_someone_in_both_parts_is_an_error() -> None:
    one, two = (blob_clip(name, 0, frames=24, identity="anna", identities=("anna",)).meta for name in "ab")
    with pytest.raises(NpvfError, match="anna"):
        check_disjoint([one], [two])


PARTS = ("train", "val")
