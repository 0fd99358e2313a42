"""The forged pixels of a video: `<stem>.mask.npz` beside it, or the video or npz that its annotation names.

`.mask.npz` holds `packed` (T, H, ceil(W / 8)) uint8, eight pixels of a row in a byte, and `width`. A part of a shard of
the same name holds those of the aligned crops.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from npvf.data.files import atomic_write

SUFFIX = ".mask.npz"


def pack_masks(masks: Iterable[np.ndarray]) -> bytes:
    """(H, W) bool each, all of one size, as the content of a `.mask.npz`. Raises ValueError for none at all."""
    width, packed = 0, []
    for mask in masks:
        width = mask.shape[1]
        packed.append(np.packbits(mask, axis=1))
    file = io.BytesIO()
    np.savez_compressed(file, packed=np.stack(packed), width=width)
    return file.getvalue()


def unpack_masks(content: bytes, frames: slice = slice(None)) -> np.ndarray:
    """(T, H, W) bool out of what `pack_masks` made, or only some of its frames."""
    with np.load(io.BytesIO(content)) as file:
        return np.unpackbits(file["packed"][frames], axis=2, count=int(file["width"])).view(bool)


def write_masks(path: Path, masks: Iterable[np.ndarray]) -> None:
    """The `.mask.npz` of a video: (H, W) bool of each of its frames at 25 a second."""
    content = pack_masks(masks)
    with atomic_write(path) as file:
        file.write(content)


def read_masks(path: Path) -> np.ndarray:
    """(T, H, W) bool out of a `.mask.npz`: the forged pixels of each frame of the video beside it."""
    return unpack_masks(path.read_bytes())
