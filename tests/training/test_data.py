"""Every rank has something to validate on, or all of them say that it is too little."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from npvf.clip import Phones
from tests.helpers.ranks import run_ranks
from tests.helpers.stub_trainer import validate_on
from tests.helpers.tiny_corpus import blob_clip, write_corpus

WORLD = 2


@pytest.mark.slow
def test_two_ranks_share_one_shard_of_validation_or_both_refuse(tmp_path: Path) -> None:
    train, two, one = (tmp_path / name for name in ("train", "two", "one"))
    write_corpus(train, [blob_clip("t", 9, 28)])
    silent = blob_clip("a", 1, 28)
    silent.phones = Phones((), "times")
    clips = [silent, *(blob_clip(name, 2, 28) for name in "bc")]
    write_corpus(two, clips)
    write_corpus(one, clips[:2])
    run_ranks(validate_on, WORLD, tmp_path, train, [one, two], world=WORLD)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(WORLD)]
    # A clip without speech counts for neither.
    assert [shared for _, shared in found] == [
        (["b-t0-000"], ["b-t0-000", "c-t0-000"]),
        (["c-t0-000"], ["b-t0-000", "c-t0-000"]),
    ]
    assert all("1 clips to validate on are too few for 2 processes" in refused for refused, _ in found)
