"""Small clips made of noise, for tests of what is stored."""

import numpy as np

from npvf.clip import SAMPLES_PER_FRAME, Clip, ClipMeta, Phone, Phones


def make_clip(key: str = "a~mp4-t0-000", frames: int = 30, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    smooth_THWC = rng.integers(60, 200, (frames, 7, 7, 3)).astype(np.uint8).repeat(32, 1).repeat(32, 2)
    transform_T23 = np.tile(np.array([[0.5, 0.1, -20], [-0.1, 0.5, 30]], np.float32), (frames, 1, 1))
    source_TN2 = rng.uniform(100, 500, (frames, 478, 2)).astype(np.float32)
    crop_TN2 = np.einsum("tij,tnj->tni", transform_T23[:, :, :2], source_TN2) + transform_T23[:, None, :, 2]
    return Clip(
        face_THWC=smooth_THWC,
        audio_N=rng.uniform(-0.9, 0.9, frames * SAMPLES_PER_FRAME).astype(np.float32),
        landmarks_TN2=crop_TN2.astype(np.float32),
        source_landmarks_TN2=source_TN2,
        transform_T23=transform_T23,
        confidence_T=rng.uniform(0, 1, frames).astype(np.float32),
        phones=Phones((Phone("b", 0.1, 0.2, 0.5), Phone("iy", 0.2, 0.9)), "times"),
        meta=ClipMeta(key, "a.mp4", "0" * 64, 0, (2.0, 2.0 + frames / 25), 1, label=1, intervals=((0.1, 0.3),)),
    )
