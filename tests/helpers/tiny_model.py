"""`npv_nano` shrunk until a test of it takes milliseconds, and a batch of random clips for it."""

import torch

from npvf.models import Batch, InputSpec

TINY_MODEL = {
    f"{tower}__{name}": value
    for tower in ("viseme", "face", "audio")
    for name, value in {"embed_dim": 8, "depths": (1, 1), "num_heads": (2, 2), "window": 4}.items()
} | {"dim": 24, "common_dim": 16, "awareness_hidden": 8}


def synthetic_batch(spec: InputSpec, clips: int = 3, frames: int = 48, seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    faces = -(-frames // spec.face_stride)
    on = torch.ones(clips, frames, dtype=torch.bool)
    mouth = (clips, frames, spec.mouth_channels, spec.mouth_size, spec.mouth_size)
    face = (clips, faces, spec.face_channels, spec.face_size, spec.face_size)
    geometry, phones = "geometry" in spec.picture, "phones" in spec.sound
    heard = (clips, 2 * frames, spec.posteriors)
    return Batch(
        mouth_BTCHW=torch.randint(0, 256, mouth, generator=g, dtype=torch.uint8),
        face_BTCHW=torch.randint(0, 256, face, generator=g, dtype=torch.uint8),
        mel_BTM=torch.randn(clips, 4 * frames, spec.n_mels, generator=g),
        gate_BT=torch.rand(clips, frames, generator=g) > 0.3,
        speech_BT=on.clone(),
        valid_BT=on.clone(),
        forged_BT=~on,
        label_B=torch.zeros(clips, dtype=torch.long),
        start_B=torch.zeros(clips, dtype=torch.long),
        keys=[f"clip{i}" for i in range(clips)],
        videos=[f"video{i}" for i in range(clips)],
        identities=[None] * clips,
        geometry_BTP2=torch.randn(clips, frames, spec.geometry_points, 2, generator=g) if geometry else None,
        posteriors_BFP=torch.randint(0, 256, heard, generator=g, dtype=torch.uint8) if phones else None,
    )
