"""Self-blended samples: a new forgery from each real window that is sampled, returned together with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from npvf.clip import FAKE
from npvf.data.face_sample import FaceSample
from npvf.forge.face_patch import Patch, Track, patched, seen
from npvf.forge.self_blend import SelfBlend
from npvf.forge.smoothed import Smoothing

FAINT = 0.2  # a smaller share changes a pixel by less than a grey level, which H.264 takes away
SMOOTHED = 0.3  # the share of them; the others are self-blended


def self_blended(sample: FaceSample, generator: torch.Generator) -> FaceSample:
    """The sample with its own face changed a little in all frames, as `npvf forge` does it to whole videos.

    Self-blended (after Shiohara and Yamasaki, CVPR 2022) or smoothed; what an encoder would do to it is left
    to augmentation. A patch that falls outside of the crop leaves the sample as it was.
    """
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    track = Track.of(sample.landmarks_TN2.numpy())
    patch: Patch = Smoothing.draw(track, rng) if rng.random() < SMOOTHED else SelfBlend.draw(track, rng)
    pictures_THWC = np.ascontiguousarray(sample.frames_TCHW.permute(0, 2, 3, 1).numpy())
    shares_THW = np.stack([seen(patch.share(t, p.shape[:2])) for t, p in enumerate(pictures_THWC)])
    if not shares_THW.any():
        return sample
    forged_THWC = np.stack([patched(p, t, shares_THW[t], patch.paint) for t, p in enumerate(pictures_THWC)])
    mask_THW = torch.from_numpy(shares_THW > 0)
    return replace(
        sample,
        frames_TCHW=torch.from_numpy(forged_THWC).permute(0, 3, 1, 2).contiguous(),
        mask_THW=mask_THW,
        faint_THW=mask_THW & torch.from_numpy(shares_THW < FAINT),
        mask_known=True,
        label=FAKE,
        gate_T=mask_THW.flatten(1).any(1),
    )
