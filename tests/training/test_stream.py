"""Training reads a corpus at a URL: shared out to ranks and workers, and gone on with in the middle of an epoch."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from npvf.training.data import Loader, SegmentWindows
from pretrain.data import RealClips, TalkingFaces
from pretrain.module import PretrainModule
from tests.helpers.stub_trainer import SMALL, set_up
from tests.helpers.tiny_corpus import real_corpus
from tests.helpers.urls import put, s3_server

pytestmark = pytest.mark.slow

CLIPS, BATCH, EPOCHS = 12, 2, 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_corpus(tmp_path_factory.mktemp("corpus"), count=CLIPS, frames=28, shards=3)


@pytest.fixture(scope="module")
def module() -> PretrainModule:
    return PretrainModule(model="npv_nano", model_args=SMALL)


def batches(
    url: str, module: PretrainModule, rank: int, world: int, workers: int, epoch: int, done: int = 0
) -> list[list[str]]:
    """The keys of each batch of one rank in an epoch, of which `done` batches were trained on before."""
    loader = Loader(batch_size=BATCH, cache="stream", workers=workers)
    windows = SegmentWindows(frames=28, segments=2)
    data = TalkingFaces([url], [url], clips=RealClips(), windows=windows, augment=None, loader=loader)
    set_up(data, module, rank, world)
    data.load_state_dict({"epoch": epoch, "batches": done})
    return [batch.keys for batch, _ in data.train_dataloader()]


@pytest.mark.parametrize("world", [1, 3])
def test_ranks_and_workers_take_every_clip_once_an_epoch(corpus: Path, module: PretrainModule, world: int) -> None:
    url = f"local://{corpus}"
    orders = []
    for epoch, workers in product(range(EPOCHS), (0, 2)):
        shares = [batches(url, module, rank, world, workers, epoch) for rank in range(world)]
        taken = Counter(key for share in shares for keys in share for key in keys)
        assert len(taken) == CLIPS and set(taken.values()) == {1}
        assert {len(share) for share in shares} == {CLIPS // BATCH // world}
        orders.append(shares)
    assert (
        orders[0] == orders[1] and orders[2] == orders[3] and orders[0] != orders[2]
    )  # the epoch decides, not workers


def test_an_epoch_goes_on_in_its_middle_with_other_workers(corpus: Path, module: PretrainModule) -> None:
    url = f"local://{corpus}"
    for rank in range(2):
        whole = batches(url, module, rank, 2, workers=2, epoch=1)
        assert batches(url, module, rank, 2, workers=0, epoch=1, done=2) == whole[2:]


def test_from_a_server_in_worker_processes(corpus: Path, module: PretrainModule) -> None:
    with s3_server() as bucket:
        put(corpus, f"{bucket}/corpus")
        streamed = batches(f"{bucket}/corpus", module, 0, 1, workers=2, epoch=0)
    assert streamed == batches(str(corpus), module, 0, 1, workers=0, epoch=0)
