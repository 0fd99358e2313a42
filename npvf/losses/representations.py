"""The representations of a batch that losses compare: what is sent to other ranks, and kept after encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Literal

import torch
from torch import Tensor

from npvf.losses.distributed import gather_rows
from npvf.models.batch import Batch, Features, slice_segments
from npvf.models.npv.npv import Fused, Projections

Context = Literal["clip", "segment"]


@dataclass(slots=True)
class Representations:
    """B clips with K segments each. Every tensor has one row a clip, so clips are joined, chosen and gathered by rows.

    Shapes:
        viseme_BKSP, audio_BKSP: unit vectors in S_va, frame by frame.
        gate_BKS: bool, frames on which the two are compared.
        start_BK: long, the segments' first frames, counted in their video.
        video_B, identity_B: long, a number for each video and person, the same on every rank. A person who is not
            known is whoever speaks in this video.
        face_BLP, voice_BLP: unit vectors in S_fa, pooled over the clip (L = 1) or over each segment (L = K).
        fused_*_BKSD: the awareness module's streams, None where nothing aligns them.
    """

    viseme_BKSP: Tensor
    audio_BKSP: Tensor
    gate_BKS: Tensor
    start_BK: Tensor
    video_B: Tensor
    identity_B: Tensor
    face_BLP: Tensor
    voice_BLP: Tensor
    fused_viseme_BKSD: Tensor | None = None
    fused_audio_BKSD: Tensor | None = None
    fused_face_BKSD: Tensor | None = None
    fused_context_BKSD: Tensor | None = None

    def __len__(self) -> int:
        return len(self.video_B)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are not None, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    def fused(self) -> Fused:
        """The awareness module's streams of all segments, (B K, S, D) each."""
        own = self.tensors()
        return Fused(*(own[f"fused_{name}_BKSD"].flatten(0, 1) for name in Fused.__slots__))

    def rows(self, index_B: Tensor) -> Representations:
        """The clips at an index or under a mask."""
        return Representations(**{name: value[index_B] for name, value in self.tensors().items()})

    def gathered(self) -> Representations:
        """The clips of all ranks, see `gather_rows`."""
        own = self.tensors()
        return Representations(**dict(zip(own, gather_rows(*own.values()), strict=True)))

    @classmethod
    def joined(cls, parts: Sequence[Representations]) -> Representations:
        """The clips of all parts."""
        return cls(**{name: torch.cat([part.tensors()[name] for part in parts]) for name in parts[0].tensors()})


def represent(
    projections: Projections,
    features: Features,
    fused: Fused | None,
    batch: Batch,
    starts_BK: Tensor,
    context: Context = "clip",
) -> Representations:
    """Put together what the losses compare.

    Args:
        context: over what F and A' are pooled, the "clip" or each "segment".

    Shape:
        starts: (B, K) long, first frames of the segments in their window; fused streams: (B K, S, D).
    """
    aligned = {} if fused is None else {name: getattr(fused, name) for name in Fused.__slots__}
    device = starts_BK.device

    def span(x_BT: Tensor) -> Tensor:
        return x_BT[:, None] if context == "clip" else slice_segments(x_BT, starts_BK)

    people = [
        number("video", video) if person is None else number("person", person)
        for video, person in zip(batch.videos, batch.identities, strict=True)
    ]
    return Representations(
        viseme_BKSP=slice_segments(projections.viseme, starts_BK),
        audio_BKSP=slice_segments(projections.audio, starts_BK),
        gate_BKS=slice_segments(features.gate_BT, starts_BK),
        start_BK=starts_BK + batch.start_B[:, None],
        video_B=torch.tensor([number("video", video) for video in batch.videos], device=device),
        identity_B=torch.tensor(people, device=device),
        face_BLP=pool(span(projections.face), span(features.valid_BT)),
        voice_BLP=pool(span(projections.context), span(features.valid_BT)),
        **{f"fused_{name}_BKSD": x_NSD.unflatten(0, starts_BK.shape) for name, x_NSD in aligned.items()},
    )


def pool(z_BLTD: Tensor, valid_BLT: Tensor) -> Tensor:
    """Mean direction of unit vectors over valid frames: (B, L, T, D) -> (B, L, D)."""
    return torch.nn.functional.normalize((z_BLTD * valid_BLT[..., None]).sum(2), dim=-1)


def number(*words: str) -> int:
    """A number of 63 bits for some words, the same in every process."""
    digest = blake2b("\0".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
