"""What is ours of the comparison with LR-ASD: its inputs, and how its judgements become a curve."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from benchmarks.lr_asd import SIDE, JudgedPairs, face_crops, mfcc


def test_mfcc_of_a_tone() -> None:
    """100 frames a second, of which the first value is the energy; twice the level adds log 4 to it alone."""
    tone_N = (0.2 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)).astype(np.float32)
    soft_MC, loud_MC = mfcc(tone_N), mfcc(2 * tone_N)
    assert soft_MC.shape == (99, 13)  # 16 000 samples hold 99 windows of 25 ms, the last one filled up
    assert np.allclose(loud_MC[1:-1, 0] - soft_MC[1:-1, 0], np.log(4), atol=1e-3)
    assert np.allclose(loud_MC[1:-1, 1:], soft_MC[1:-1, 1:], atol=0.2)
    assert mfcc(np.zeros(640, np.float32)).shape == (3, 13)


def test_the_crop_is_the_lower_face_wherever_the_face_is() -> None:
    """A face from (60, 40) to (140, 180): half its height is 70, so the crop is 98 wide, around (100, 138)."""
    face_THWC = np.zeros((20, 224, 224, 3), np.uint8)
    face_THWC[:, 138:, :100] = 255
    corners = np.array([(60, 40), (140, 180)], np.float32)
    crops_THW = face_crops(face_THWC, np.tile(corners, (20, 1, 1)))
    assert crops_THW.shape == (20, SIDE, SIDE) and crops_THW.dtype == np.uint8
    half = SIDE // 2
    assert (crops_THW[:, half + 2 :, : half - 2] == 255).all()
    assert (crops_THW[:, : half - 2] == 0).all() and (crops_THW[:, :, half + 2 :] == 0).all()


def test_late_sound_peaks_at_its_offset() -> None:
    def logits(v_NTD: torch.Tensor, a_NTD: torch.Tensor) -> torch.Tensor:
        return -(v_NTD - a_NTD).abs().mean(-1)

    generator = torch.Generator().manual_seed(0)
    sounds = [torch.randn(60, 4, generator=generator) for _ in range(2)]
    streams = JudgedPairs(SimpleNamespace(logits=logits), [(a_TD.roll(-3, 0), a_TD) for a_TD in sounds])
    assert streams.curve(0, 0, 5).argmax() == 5 + 3
    assert streams.curve(0, 0, 5).max() > streams.curve(0, 1, 5).max() + 0.5
    assert np.isnan(streams.curve(0, 0, 5, slice(0, 10))[[0, 10]]).all()
    assert (streams.frames(0, slice(50, 70)), streams.lengths) == (10, [60, 60])
    matrix = streams.matrix([(0, 10), (1, 10)], 24)
    assert matrix.shape == (2, 2) and (matrix < 0).all()
