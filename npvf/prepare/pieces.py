"""Find the faces of a video, and keep their crops encoded in a folder until it is known who speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from npvf.clip import FPS, SEGMENT_FRAMES
from npvf.errors import Reason, Refused
from npvf.faces.landmarks import MIN_FACE, Landmarker
from npvf.faces.speaking import lip_aperture
from npvf.faces.tracks import TrackPiece, face_tracks
from npvf.io.masks import VideoMasks
from npvf.io.shards import pack_track, unpack_track
from npvf.media.encode import CropEncoder
from npvf.media.recording import Recording
from npvf.prepare.crop_check import fault_of, is_flat
from npvf.prepare.face_masks import FaceMask, crop_masks
from npvf.prepare.speaker import Lips

MIN_FRAMES = SEGMENT_FRAMES
_KEPT_FRAMES = (12, 100, 500)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedCrops:
    """The crops of a piece as a file, and which of them are uniform, (T,) bool."""

    mp4: bytes
    flat_T: np.ndarray


class EncodingCollector:
    """Encode each crop at once: those of ten faces over 20 s would fill 750 MB."""

    def __init__(self) -> None:
        self._encoder = CropEncoder()
        self._flat: list[bool] = []

    def add(self, face_HWC: np.ndarray) -> None:
        self._encoder.add(face_HWC)
        self._flat.append(is_flat(face_HWC))

    def finish(self) -> EncodedCrops:
        return EncodedCrops(self._encoder.finish(), np.array(self._flat))


@dataclass(frozen=True, slots=True)
class SpooledPiece:
    """A piece of a track on disk; `number` counts the pieces of its track."""

    stem: Path
    number: int
    lips: Lips

    @property
    def span(self) -> tuple[float, float]:
        return self.lips.start / FPS, self.lips.stop / FPS

    @classmethod
    def write(cls, piece: TrackPiece[EncodedCrops], number: int, folder: Path) -> SpooledPiece:
        stem = folder / f"{piece.track}-{number}"
        stem.with_suffix(".mp4").write_bytes(piece.crops.mp4)
        stem.with_suffix(".npz").write_bytes(pack_track(piece.landmarks_TN2, piece.transform_T23, piece.confidence_T))
        return cls(stem, number, Lips(piece.track, piece.start, lip_aperture(piece.source_landmarks_TN2)))

    def mask(self, masks: VideoMasks) -> FaceMask:
        """The video's masks in this piece's crops."""
        landmarks_TN2, transform_T23, _ = unpack_track(self.stem.with_suffix(".npz").read_bytes())
        return crop_masks(masks.between(self.lips.start, self.lips.stop), transform_T23, landmarks_TN2)


def spool_pieces(
    recording: Recording, landmarker: Landmarker, max_seconds: float, folder: Path
) -> tuple[int, list[SpooledPiece]]:
    """Write every face of a recording into a folder, in pieces of at most `max_seconds`.

    Returns:
        The number of frames, and the pieces of at least 0.96 s with good crops, in order of start, then track.

    Raises:
        Refused: TOO_SHORT, NO_FACE, FACE_TOO_SMALL, BAD_CROPS, or UNDECODABLE.
    """
    reader = _CountedFrames(recording)
    name, stream = recording.info.path.name, recording.info.video
    assert stream is not None
    pieces: list[SpooledPiece] = []
    faults: list[str] = []
    numbers: Counter[int] = Counter()
    seen = False
    for piece in face_tracks(reader.frames(), landmarker, EncodingCollector, max_seconds):
        seen = True
        if piece.frames < MIN_FRAMES:
            continue
        if fault := fault_of(piece, piece.crops.flat_T, (stream.width, stream.height)):
            faults.append(fault)
            continue
        number, numbers[piece.track] = numbers[piece.track], numbers[piece.track] + 1
        pieces.append(SpooledPiece.write(piece, number, folder))
    if reader.count < MIN_FRAMES:
        raise Refused(Reason.TOO_SHORT, f"{name} lasts {reader.count / FPS:.2f} s; 0.96 s is the least.")
    if faults and not pieces:
        raise Refused(Reason.BAD_CROPS, f"{name}: the crops of its faces {faults[0]}.")
    if not pieces:
        raise _no_face(name, seen, landmarker, reader.kept)
    if faults:
        recording.changes.note(f"bad_crops: {len(faults)} clips were left out; the crops of the first {faults[0]}")
    if landmarker is not None and landmarker.left_out:
        recording.changes.note(
            f"faces_left_out: {landmarker.left_out} faces beyond the {landmarker.max_faces} of --max-faces"
        )
    return reader.count, sorted(pieces, key=lambda piece: (piece.lips.start, piece.lips.track))


@dataclass(slots=True)
class _CountedFrames:
    """The frames of a recording, counted. A few are kept to look for small faces in, if no face is found."""

    recording: Recording
    count: int = 0
    kept: list[np.ndarray] = field(default_factory=list)

    def frames(self) -> Iterator[np.ndarray]:
        for frame in self.recording.frames():
            if self.count in _KEPT_FRAMES:
                self.kept.append(frame)
            self.count += 1
            yield frame


def _no_face(name: str, seen: bool, landmarker: Landmarker, frames: list[np.ndarray]) -> Refused:
    """Return the refusal of a video without a face that can be used."""
    if seen:
        return Refused(Reason.NO_FACE, f"{name}: no face stays in the picture for 0.96 s.")
    height = max(filter(None, map(landmarker.find_small, frames)), default=None)
    if height is None:
        return Refused(Reason.NO_FACE, f"{name}: no face was found.")
    sentence = f"{name}: the largest face is {height:.0f} pixels high; {MIN_FACE} are needed to see the lips."
    return Refused(Reason.FACE_TOO_SMALL, sentence)
