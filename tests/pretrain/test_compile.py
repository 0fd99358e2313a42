"""Compiled towers keep the names of their weights and give what plain ones give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from npvf.models import NPV, Batch
from pretrain.module import PretrainModule
from tests.helpers.tiny_model import TINY_MODEL


@pytest.mark.slow
def test_a_compiled_model_has_the_weights_of_a_plain_one(make_batch: Callable[..., Batch], tmp_path: Path) -> None:
    module = PretrainModule(model_args=TINY_MODEL).eval()
    module.compile_towers(backend="eager")  # the graph is traced as ever, the machine's compiler left alone
    model, mel_BTM = module.model, make_batch(module.model.config.inputs).mel_BTM
    compiled = model.audio_tower(mel_BTM)
    plain = NPV.from_pretrained(model.save_pretrained(tmp_path))
    assert plain.state_dict().keys() == model.state_dict().keys()
    torch.testing.assert_close(compiled, plain.audio_tower(mel_BTM))
