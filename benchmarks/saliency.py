"""Saliency: the pixels of the mouth that the agreement of lips and audio comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from npvf.data.datasets import collate
from npvf.data.transforms import Sample
from npvf.models.batch import Batch
from npvf.models.npv.npv import NPV


def mouth_saliency(
    model: NPV, sample: Sample, offset: int = 0, copies: int = 16, noise: float = 0.1, seed: int = 0
) -> np.ndarray:
    """The influence of each pixel of the mouth on the agreement of gated frames (SmoothGrad, Smilkov et al. 2017).

    The absolute gradient of the summed framewise agreement, summed over channels and averaged over noisy copies of the
    clip. A frame's map includes what it does to its neighbours' agreement, which see it too. The model is put into
    evaluation mode; no gradient is left on its weights.

    Args:
        model: any NPV.
        sample: one clip, cut and finished.
        offset: frames by which the sound is late; it is undone first.
        copies: noisy copies; 1 with a noise of 0 is the plain gradient.
        noise: standard deviation of the noise, as a share of the clip's range of grey levels.
        seed: of the noise.

    Returns:
        (T, H, W) float32, not negative, in agreement per grey level.

    Raises:
        ValueError: the gate keeps no frame, so that there is no agreement to explain.
    """
    if not bool(sample.gate_T.any()):
        raise ValueError(f"{sample.key}: no frame is gated, there is no agreement to explain")
    model.eval()
    device = next(model.parameters()).device
    batch = collate([sample]).to(device)
    mouth_BTCHW = batch.mouth_BTCHW.float()
    deviation = noise * float(mouth_BTCHW.max() - mouth_BTCHW.min())
    generator = torch.Generator().manual_seed(seed)
    total_THW = torch.zeros_like(mouth_BTCHW[0, :, 0])
    for _ in range(copies):
        noise_BTCHW = torch.randn(mouth_BTCHW.shape, generator=generator).to(device)
        gradient_BTCHW = _gradient(model, batch, mouth_BTCHW + deviation * noise_BTCHW, offset)
        total_THW += gradient_BTCHW[0].abs().sum(1)
    return (total_THW / copies).cpu().numpy()


def _gradient(model: NPV, batch: Batch, mouth_BTCHW: Tensor, offset: int) -> Tensor:
    """The gradient of the summed agreement of gated frames with respect to the mouth."""
    with torch.enable_grad():
        mouth_BTCHW = mouth_BTCHW.detach().requires_grad_()
        features = model.encode(replace(batch, mouth_BTCHW=mouth_BTCHW))
        if offset:
            features = features.shift_audio(torch.tensor([offset], device=mouth_BTCHW.device))
        agreement = model.agreement(features)[features.gate_BT].sum()
        return torch.autograd.grad(agreement, mouth_BTCHW)[0]
