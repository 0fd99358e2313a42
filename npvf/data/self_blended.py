"""Self-blended pairs: a genuine and a forged version of each genuine window, which differ in nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from npvf.clip import FAKE
from npvf.data.face_sample import FaceSample
from npvf.faces.geometry import face_centre
from npvf.forge.face_patch import Patch, Track, patched, seen
from npvf.forge.mouth_warp import MouthWarp
from npvf.forge.random_patch import Change, RandomPatch
from npvf.forge.self_blend import SelfBlend
from npvf.forge.smoothed import Smoothing

FAINT = 0.2  # a smaller share changes a pixel by less than a grey level, which H.264 takes away
# Shares of the kinds that `npvf forge` makes, or much the same; the other forgeries are random patches.
SMOOTHED, SWAPPED, SPEAKING = 0.2, 0.35, 0.2
VISIBLE = 4.0  # grey levels by which a forgery changes its pixels at least, the mean: less is lost in the next encoder
TRIES = 4
CHANGED = 0.5  # share of the genuine versions that are changed as a whole


def self_blended(sample: FaceSample, generator: torch.Generator) -> tuple[FaceSample, FaceSample]:
    """Return the sample as a genuine and as a forged version.

    Forged: a part of the face is changed a little in all frames and blended in again (after self-blended images,
    Shiohara and Yamasaki, CVPR 2022). Genuine: half of the time as it was, otherwise the whole picture is changed in
    the same ways, so that neither a warp nor softness nor a colour tells a forgery, but only that a part differs from
    the rest. What an encoder would do to both is left to augmentation.

    Where no patch that is drawn can be seen, both are genuine.
    """
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    track = Track.of(sample.landmarks_TN2.numpy())
    pictures_THWC = np.ascontiguousarray(sample.frames_TCHW.permute(0, 2, 3, 1).numpy())
    genuine = _changed(sample, pictures_THWC, track, rng) if rng.random() < CHANGED else sample
    made = next((made for _ in range(TRIES) if (made := _forged(pictures_THWC, track, rng)) is not None), None)
    if made is None:
        return genuine, sample
    forged_THWC, shares_THW = made
    mask_THW = torch.from_numpy(shares_THW > 0)
    faint_THW = mask_THW & torch.from_numpy(shares_THW < FAINT)
    forged = replace(
        sample,
        frames_TCHW=_tensor(forged_THWC),
        mask_THW=mask_THW,
        faint_THW=faint_THW,
        mask_known=True,
        label=FAKE,
        gate_T=mask_THW.flatten(1).any(1),
    )
    return replace(genuine, twin_THW=mask_THW, faint_THW=faint_THW), forged


def _forged(pictures_THWC: np.ndarray, track: Track, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """The pictures with a random patch, and its shares (T, H, W); None if hardly anything can be seen of it."""
    patch = _patch(track, rng)
    shares_THW = np.stack([seen(patch.share(t, p.shape[:2])) for t, p in enumerate(pictures_THWC)])
    if not shares_THW.any():
        return None
    forged_THWC = np.stack([patched(p, t, shares_THW[t], patch.paint) for t, p in enumerate(pictures_THWC)])
    inside = shares_THW > 0
    away = np.abs(forged_THWC[inside].astype(np.int16) - pictures_THWC[inside]).mean()
    return (forged_THWC, shares_THW) if away >= VISIBLE else None


def _patch(track: Track, rng: np.random.Generator) -> Patch:
    kind = rng.random()
    if kind < SMOOTHED:
        return Smoothing.draw(track, rng)
    if kind < SMOOTHED + SWAPPED:
        return SelfBlend.draw(track, rng)
    return MouthWarp.draw(track, rng) if kind < SMOOTHED + SWAPPED + SPEAKING else RandomPatch.draw(track, rng)


def _changed(sample: FaceSample, pictures_THWC: np.ndarray, track: Track, rng: np.random.Generator) -> FaceSample:
    """Change whole pictures; their landmarks are taken as they were, for the warp is small."""
    change = Change.draw(rng)
    made = [
        change.of(picture, face_centre(track.steady_TN2[t]), track.size(t)) for t, picture in enumerate(pictures_THWC)
    ]
    return replace(sample, frames_TCHW=_tensor(np.clip(np.stack(made) + 0.5, 0, 255).astype(np.uint8)))


def _tensor(pictures_THWC: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures_THWC).permute(0, 3, 1, 2).contiguous()
