"""The attributes of other packages that npvf uses although they are not public: a new release may rename them.

If a test fails after an update, change the file that the message names, or lower the bound in pyproject.toml.
"""

from __future__ import annotations

import ctypes
import sys

import pytest
import torch
from torch.testing import assert_close


def test_timm_swin_block_is_attention_and_mlp() -> None:
    """`LFASwinBlock` puts its layer between the two, so it repeats what the block does."""
    from timm.models.swin_transformer import SwinTransformerBlock

    block = SwinTransformerBlock(dim=8, input_resolution=(8, 8), num_heads=2, head_dim=4, window_size=4).eval()
    parts = ("_attn", "norm1", "norm2", "mlp", "drop_path1", "drop_path2")
    gone = [name for name in parts if not hasattr(block, name)]
    assert not gone, f"timm's SwinTransformerBlock does not have {gone}: see npvf/models/npv/lfa.py"
    x = torch.randn(1, 8, 8, 8)
    half = x + block.drop_path1(block._attn(block.norm1(x)))
    message = "timm's SwinTransformerBlock does more than npvf/models/npv/lfa.py repeats"
    assert_close(block(x), half + block.drop_path2(block.mlp(block.norm2(half))), msg=message)


def test_timm_hrnet_module_fuses_by_output_and_input() -> None:
    """The network ends with the finest output only, and starts with the coarse inputs at zero."""
    from timm.models.hrnet import BasicBlock, HighResolutionModule

    module = HighResolutionModule(2, BasicBlock, (1, 1), [8, 16], [8, 16], "SUM").eval()
    layers = getattr(module, "fuse_layers", None)
    message = (
        "timm's HighResolutionModule.fuse_layers is not a table of output and input: see npvf/models/stddl/hrnet.py"
    )
    assert layers is not None and [len(inputs) for inputs in layers] == [2, 2], message
    x = [torch.randn(1, 8, 8, 8), torch.randn(1, 16, 4, 4)]
    finest, _ = module([part.clone() for part in x])
    module.fuse_layers = layers[:1]
    (only,) = module(x)
    assert_close(only, finest, msg=message)


def test_mediapipe_landmarker_without_handle_closes_nothing() -> None:
    """At the interpreter's exit MediaPipe's own thread has ended, and closing would fail."""
    vision = pytest.importorskip("mediapipe.tasks.python.vision")
    landmarker = vision.FaceLandmarker.__new__(vision.FaceLandmarker)
    landmarker._handle = None
    try:
        landmarker.close()
    except Exception as error:
        pytest.fail(
            f"MediaPipe's FaceLandmarker.close() does not stop at `_handle = None`: see npvf/faces/graph.py ({error})"
        )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no dlclose")
def test_a_shared_library_can_be_unloaded() -> None:
    """eSpeak NG is unloaded after each sentence, so that its state does not depend on earlier ones."""
    import _ctypes
    import _heapq

    assert hasattr(_ctypes, "dlclose"), "CPython's _ctypes does not have dlclose: see npvf/synth/voice.py"
    library = ctypes.CDLL(getattr(_heapq, "__file__", None))
    assert isinstance(library._handle, int), "ctypes.CDLL does not have _handle: see npvf/synth/voice.py"
    _ctypes.dlclose(library._handle)
