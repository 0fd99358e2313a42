"""What training is given: the same from shards as from memory, balanced, in epochs of the length asked for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import DataLoader

from finetune.data import LabelledFaces
from finetune.module import DetectionModule
from npvf.clip import FAKE, REAL
from npvf.training.data import Loader, SegmentWindows
from tests.helpers.stub_trainer import SMALL, set_up
from tests.helpers.tiny_corpus import blob_clip, write_corpus

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {"batch_size": 8, "steps_per_epoch": 10}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As FakeAVCeleb: 42 fakes a real, whose shard is the last of eight; one manipulation has few clips."""
    clips = []
    for split, fakes in (("train", 42), ("val", 2)):
        who = {"identity": split, "identities": (split,), "split": split}
        for i in range(fakes):
            kind = "rare" if i % 14 == 0 else "common"
            clips.append(blob_clip(f"{split}-{kind}{i}", i, 28, label=FAKE, manipulation=kind, **who))
    clips += [blob_clip(f"{split}-real", 0, 28, label=REAL, identity=split, split=split) for split in ("train", "val")]
    share = -(-len(clips) // 8)
    dealt = [clip for place in range(share) for clip in clips[place::share]]  # `write_corpus` deals them out again
    return write_corpus(tmp_path_factory.mktemp("corpus"), dealt, shards=8)


@pytest.fixture(scope="module")
def module() -> DetectionModule:
    return DetectionModule(model="npv_nano", model_args=SMALL)


def data_of(corpus: Path, module: DetectionModule, **settings: Any) -> LabelledFaces:
    data = LabelledFaces([str(corpus)], windows=SegmentWindows(4, 28), augment=None, loader=Loader(**settings))
    set_up(data, module)
    return data


@pytest.fixture(scope="module")
def from_memory(corpus: Path, module: DetectionModule) -> list[list[str]]:
    return keys(data_of(corpus, module, cache="memory", **SETTINGS).train_dataloader())


def keys(loader: DataLoader[Any]) -> list[list[str]]:
    return [batch.keys for batch, _ in loader]


def test_the_reals_lie_in_one_shard(corpus: Path) -> None:
    with_reals = [path.name for path in sorted(corpus.glob("*.tar")) if b"-real-t0" in path.read_bytes()]
    assert with_reals == ["shard-000007.tar"]


def test_epochs_are_balanced(from_memory: list[list[str]]) -> None:
    kinds = Counter(key.split("-")[1].rstrip("0123456789") for batch in from_memory for key in batch)
    assert kinds == {"real": 40, "common": 20, "rare": 20}


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_batches_from_shards_are_those_from_memory(
    corpus: Path, module: DetectionModule, from_memory: list[list[str]], workers: int
) -> None:
    loader = data_of(corpus, module, cache="stream", workers=workers, **SETTINGS).train_dataloader()
    assert keys(loader) == from_memory
    assert len(loader) == len(from_memory) == 10  # whatever the number of workers


def test_validation_reads_every_clip_once(corpus: Path, module: DetectionModule) -> None:
    data = data_of(corpus, module, cache="stream", batch_size=2, workers=2)
    found = [key for batch in data.val_dataloader() for key in batch.keys]
    assert sorted(found) == ["val-common1-t0-000", "val-rare0-t0-000", "val-real-t0-000"]
