"""The forged pixels of a video: `<stem>.mask.npz` beside it, or the mask video or npz that its annotation names.

`.mask.npz` contains `packed` (T, H, ceil(W / 8)) uint8, with eight pixels of a row in each byte, and `width`. It has
one mask for each time k / 25 s of the video. The file of the same name in a shard has the masks of the aligned crops.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from npvf.clip import FPS
from npvf.errors import Reason, Refused
from npvf.io.files import atomic_write
from npvf.media.decode import iter_frames

SUFFIX = ".mask.npz"
# A mask video may end a little before or after its video: rates differ, and encoders drop or add a frame.
TOLERANCE = 5  # frames of 1/25 s
_SHAPE = 0.02  # relative tolerance of the aspect ratio
_GREY = slice(48, 208)  # levels that are neither black nor white
_MOST_GREY = 0.25  # a video with a larger share of grey pixels is not a mask


class VideoMasks:
    """The masks of a video, in the size of its frames, at the times k / 25 s on its clock.

    A mask video is paired by time stamp, so its frame rate may differ. A mask of another size is scaled.

    Attributes:
        forged: True if any pixel of any frame is forged.
    """

    def __init__(self, path: Path, frames: int, size_hw: tuple[int, int]) -> None:
        """Check the masks of a video with `frames` frames at 25 a second. Keeps only masks from an npz in memory.

        Raises:
            Refused: BAD_MASK if the file cannot be read, is not black and white, or has another length or shape.
        """
        self.path, self.frames, self.size_hw = path, frames, size_hw
        if not path.is_file():
            raise _bad(f"its mask {path} does not exist")
        self._packed: np.ndarray | None = None
        self._width = 0
        if path.suffix == ".npz":
            self._packed, self._width = self._load()
        length, grey, self.forged = 0, 0.0, False
        for mask in self._read(0, frames + TOLERANCE + 1):
            if not length:
                self._check_shape(*mask.shape)
            length += 1
            grey += 0.0 if mask.dtype == bool else _grey_share(mask)
            self.forged = self.forged or bool(_binary(mask).any())
        if not length:
            raise _bad(f"{path.name} contains no masks")
        if abs(length - frames) > TOLERANCE:
            found = f"more than {frames + TOLERANCE}" if length > frames else str(length)
            raise _bad(f"{path.name} has {found} frames of 1/25 s, its video {frames}: they do not belong together")
        if grey > _MOST_GREY * length:
            raise _bad(f"{path.name} is not a black-and-white mask")

    def between(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the masks (H, W) bool of frames [start, stop). If the masks end early, the last one is repeated."""
        mask: np.ndarray | None = None
        count = 0
        for read in self._read(start, stop):
            mask = self._fitted(read)
            count += 1
            yield mask
        if mask is None and count < stop - start:
            (mask,) = self.between(start - 1, start)
        for _ in range(stop - start - count):
            assert mask is not None  # of the frame before, at the latest
            yield mask

    def _read(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the masks as stored: (h, w) bool or grey uint8."""
        if self._packed is not None:
            for packed in self._packed[start:stop]:
                yield np.unpackbits(packed, axis=1, count=self._width).view(bool)
            return
        try:
            for picture in iter_frames(self.path, start=start / FPS, end=stop / FPS):
                yield cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        except Refused as refusal:
            raise _bad(refusal.sentence.rstrip(".")) from refusal

    def _load(self) -> tuple[np.ndarray, int]:
        try:
            with np.load(self.path) as file:
                return file["packed"], int(file["width"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise _bad(f"{self.path.name} cannot be read as a {SUFFIX} ({error})") from error

    def _check_shape(self, height: int, width: int) -> None:
        if abs(width / height * self.size_hw[0] / self.size_hw[1] - 1) > _SHAPE:
            video = f"{self.size_hw[1]}x{self.size_hw[0]}"
            raise _bad(f"{self.path.name} is {width}x{height}, its video {video}: the aspect ratios differ")

    def _fitted(self, mask: np.ndarray) -> np.ndarray:
        if mask.shape != self.size_hw:
            grey = mask.view(np.uint8) * 255 if mask.dtype == bool else mask
            shrinks = mask.shape[0] > self.size_hw[0]
            mask = cv2.resize(grey, self.size_hw[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return _binary(mask)


def _binary(mask: np.ndarray) -> np.ndarray:
    return mask if mask.dtype == bool else mask > 127


def _grey_share(mask: np.ndarray) -> float:
    return float(np.bincount(mask.ravel(), minlength=256)[_GREY].sum() / mask.size)


def mask_of(video: Path) -> Path | None:
    """Find the mask of a video: beside it, or in the mask folder of a known corpus. None if there is none.

    FaceForensics++ has `<method>/<compression>/videos/x.mp4` and `<method>/masks/videos/x.mp4`; ManualFake has
    `fake/videos/x.mp4` and `fake/masks/x.mp4`.
    """
    places = [video.with_name(f"{video.stem}{SUFFIX}")]
    if video.parent.name == "videos":
        places.append(video.parent.parent.parent / "masks" / "videos" / video.name)
        places.append(video.parent.parent / "masks" / video.name)
    return next((place for place in places if place.is_file()), None)


def pack_masks(masks: Iterable[np.ndarray]) -> bytes:
    """Encode masks, (H, W) bool each, as the content of a `.mask.npz`. Raises ValueError if there are none."""
    width, packed = 0, []
    for mask in masks:
        width = mask.shape[1]
        packed.append(np.packbits(mask, axis=1))
    file = io.BytesIO()
    np.savez_compressed(file, packed=np.stack(packed), width=width)
    return file.getvalue()


def unpack_masks(content: bytes, frames: slice = slice(None)) -> np.ndarray:
    """Decode the content of a `.mask.npz` to (T, H, W) bool, or only some of its frames."""
    with np.load(io.BytesIO(content)) as file:
        return np.unpackbits(file["packed"][frames], axis=2, count=int(file["width"])).view(bool)


def write_masks(path: Path, masks: Iterable[np.ndarray]) -> None:
    """Write the `.mask.npz` of a video: one mask (H, W) bool for each time k / 25 s."""
    content = pack_masks(masks)
    with atomic_write(path) as file:
        file.write(content)


def read_masks(path: Path) -> np.ndarray:
    """Read a `.mask.npz`: (T, H, W) bool, the forged pixels of each frame of its video."""
    return unpack_masks(path.read_bytes())


def _bad(sentence: str) -> Refused:
    return Refused(Reason.BAD_MASK, f"{sentence}.")
