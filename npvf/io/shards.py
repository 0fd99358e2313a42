"""The shard format: one WebDataset sample holds one `Clip`.

A sample consists of five files of a tar that share a key: `.face.mp4` (crops; H.264, short GOPs, no B frames),
`.audio.flac` (16 kHz mono, 16 bit), `.track.npz`, `.phones.json` and `.meta.json` (`ClipMeta`). If the forged pixels
are known, there is a sixth file, `.mask.npz` (`npvf.io.masks`).

`track.npz` contains `landmarks` (T, 478, 2) int16, MediaPipe's landmarks in 1/64 crop pixels, `transform` (T, 2, 3)
float32, which maps source pixels to crop pixels, and `confidence` (T,) float32. The landmarks in source pixels follow
from the first two.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import numpy as np

from npvf.clip import FPS, SAMPLES_PER_FRAME, Clip, ClipMeta, Phones
from npvf.io.annotations import cut_label, cut_stream_labels
from npvf.io.masks import pack_masks, unpack_masks
from npvf.media.encode import decode_crops, decode_flac, encode_crops, encode_flac

Sample = dict[str, bytes | str]
"""The key `__key__` and the files by suffix, as in `webdataset`."""

PARTS = ("face.mp4", "audio.flac", "track.npz", "phones.json", "meta.json")
OPTIONAL_PARTS = ("mask.npz",)
LANDMARK_SCALE = 64


def clip_key(video: str, track: int, piece: int) -> str:
    """Return the key of a clip: `s1/bbaf2n.mpg`, 0, 0 -> `s1/bbaf2n~mpg-t0-000`.

    WebDataset ends a key at the first dot, so dots become tildes; other characters than ASCII letters, digits, `_`, `-`
    and `/` become %XX. Different videos get different keys, even if they differ only in the suffix.
    """
    safe = quote(video, safe="/", errors="surrogateescape").replace("~", "%7E").replace(".", "~")
    if safe.startswith("/"):  # names in a tar are relative
        safe = "%2F" + safe[1:]
    return f"{safe}-t{track}-{piece:03d}"


def encode_clip(clip: Clip) -> Sample:
    """Encode a clip as a sample. The crops are compressed by H.264 at high quality; other values are only rounded."""
    face = encode_crops(clip.face_THWC)
    mask = None if clip.mask_THW is None else pack_masks(clip.mask_THW)
    return encode_sample(face, encode_track(clip), clip.audio_N, clip.phones, clip.meta, mask)


def encode_sample(
    face_mp4: bytes,
    track_npz: bytes,
    audio_N: np.ndarray,
    phones: Phones,
    meta: ClipMeta,
    mask_npz: bytes | None = None,
) -> Sample:
    """Build a sample from parts; crops, track and mask are encoded already."""
    sample: Sample = {
        "__key__": meta.key,
        "face.mp4": face_mp4,
        "audio.flac": encode_flac(audio_N),
        "track.npz": track_npz,
        "phones.json": _json(phones.to_json()),
        "meta.json": _json(meta.to_json()),
    }
    return sample if mask_npz is None else {**sample, "mask.npz": mask_npz}


def encode_track(clip: Clip) -> bytes:
    """Encode the landmarks, transforms and confidences of a clip as `track.npz`."""
    return pack_track(clip.landmarks_TN2, clip.transform_T23, clip.confidence_T)


def pack_track(landmarks_TN2: np.ndarray, transform_T23: np.ndarray, confidence_T: np.ndarray) -> bytes:
    """Encode crop landmarks (T, 478, 2), transforms (T, 2, 3) and confidences (T,) as `track.npz`."""
    # 1/64 pixel is far below the noise of the landmarks, and int16 takes half the space of float32.
    limits = np.iinfo(np.int16)
    fixed = np.clip(np.rint(landmarks_TN2 * LANDMARK_SCALE), limits.min, limits.max).astype(np.int16)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        landmarks=fixed,
        transform=transform_T23.astype(np.float32),
        confidence=confidence_T.astype(np.float32),
    )
    return file.getvalue()


def unpack_track(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode `track.npz`: landmarks (T, 478, 2), transforms (T, 2, 3), confidences (T,)."""
    with np.load(io.BytesIO(content)) as track:
        return track["landmarks"].astype(np.float32) / LANDMARK_SCALE, track["transform"], track["confidence"]


def decode_clip(sample: Mapping[str, bytes | str], start: int = 0, count: int | None = None) -> Clip:
    """Decode a sample, or only `count` of its frames from frame `start` on.

    Intervals and phones are on the clock of the decoded part, and `meta.span` is its position in the source video.
    """
    meta = ClipMeta.from_json(json.loads(sample["meta.json"]))
    phones = Phones.from_json(json.loads(sample["phones.json"]))
    landmarks_TN2, transform_T23, confidence_T = unpack_track(_bytes(sample, "track.npz"))
    stop = len(confidence_T) if count is None else min(start + count, len(confidence_T))
    frames, samples = slice(start, stop), slice(start * SAMPLES_PER_FRAME, stop * SAMPLES_PER_FRAME)
    if (start, stop) != (0, len(confidence_T)):
        meta, phones = _part(meta, start / FPS, stop / FPS), phones.between(start / FPS, stop / FPS, -start / FPS)
    return Clip(
        face_THWC=decode_crops(_bytes(sample, "face.mp4"), start, stop - start),
        audio_N=decode_flac(_bytes(sample, "audio.flac"))[samples],
        landmarks_TN2=landmarks_TN2[frames],
        source_landmarks_TN2=to_source(landmarks_TN2[frames], transform_T23[frames]),
        transform_T23=transform_T23[frames],
        confidence_T=confidence_T[frames],
        phones=phones,
        meta=meta,
        mask_THW=unpack_masks(_bytes(sample, "mask.npz"), frames) if "mask.npz" in sample else None,
    )


def to_source(landmarks_TN2: np.ndarray, transform_T23: np.ndarray) -> np.ndarray:
    """Map points from crop pixels to pixels of the source frame, (T, N, 2) float32."""
    inverse_T22 = np.linalg.inv(transform_T23[:, :, :2])
    moved_TN2 = landmarks_TN2 - transform_T23[:, None, :, 2]
    return np.einsum("tij,tnj->tni", inverse_T22, moved_TN2).astype(np.float32)


def write_tar(file: BinaryIO, samples: Iterable[Sample]) -> list[str]:
    """Write samples to a tar one by one. The bytes depend on the samples alone. Returns the keys."""
    keys = []
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for sample in samples:
            key = str(sample["__key__"])
            for part in (*PARTS, *(part for part in OPTIONAL_PARTS if part in sample)):
                content = _bytes(sample, part)
                entry = tarfile.TarInfo(f"{key}.{part}")  # no owner, no date, mode 0644
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            keys.append(key)
    return keys


def read_tar(path: Path, parts: Collection[str] | None = None) -> Iterator[Sample]:
    """Yield the samples of one tar in order. With `parts`, only these files of each sample are read."""
    sample: Sample = {}
    with tarfile.open(path) as tar:
        for entry in tar:
            folder, slash, name = entry.name.rpartition("/")
            stem, _, part = name.partition(".")
            key = folder + slash + stem
            if sample and sample["__key__"] != key:
                yield sample
                sample = {}
            sample["__key__"] = key
            if parts is None or part in parts:
                file = tar.extractfile(entry)
                assert file is not None, entry.name  # a shard contains plain files only
                sample[part] = file.read()
    if sample:
        yield sample


def _part(meta: ClipMeta, start: float, end: float) -> ClipMeta:
    label, intervals = cut_label(meta.label, meta.intervals, start, end)
    audio, video = cut_stream_labels(meta.audio_label, meta.video_label, meta.intervals, start, end)
    span = meta.span[0] + start, meta.span[0] + end
    return replace(meta, span=span, label=label, intervals=intervals, audio_label=audio, video_label=video)


def _bytes(sample: Mapping[str, bytes | str], part: str) -> bytes:
    content = sample[part]
    return content.encode() if isinstance(content, str) else content


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
