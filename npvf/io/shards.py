"""The shard format: one WebDataset sample holds one `Clip`.

A sample consists of five files of a tar that share a key: `.face.mp4` (crops; H.264, short GOPs, no B frames),
`.audio.flac` (16 kHz mono, 16 bit), `.track.npz`, `.phones.json` and `.meta.json` (`ClipMeta`). If the forged pixels
are known, there is `.mask.npz` (`npvf.io.masks`). `.posteriors.npz` contains the phone recogniser's posteriors
(`npvf.speech.recogniser.Heard`), compressed, and the version of the network that computed them.

`track.npz` contains `landmarks` (T, 478, 2) int16, MediaPipe's landmarks in 1/64 crop pixels, `transform` (T, 2, 3)
float32, which maps source pixels to crop pixels, and `confidence` (T,) float32. The landmarks in source pixels follow
from the first two.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import numpy as np

from npvf.clip import FPS, POSTERIORS_PER_FRAME, SAMPLES_PER_FRAME, Clip, ClipMeta, Phones
from npvf.errors import NpvfError
from npvf.io.annotations import cut_label, cut_stream_labels
from npvf.io.masks import pack_masks, unpack_masks
from npvf.io.urls import Place, is_url, local_copy, read_bytes
from npvf.media.encode import decode_crops, decode_flac, encode_crops, encode_flac
from npvf.speech.recogniser import recogniser_version


class Sample(dict[str, bytes | str]):
    """One encoded sample: `__key__` and the content of its files by their suffix, as in WebDataset.

    Attributes:
        shard: path of the tar it was read from, for error messages; empty for a sample that was not read from one.
    """

    shard: str = ""

    @cached_property
    def meta(self) -> ClipMeta:
        """The content of `meta.json`, parsed once."""
        return ClipMeta.from_json(json.loads(self["meta.json"]))


PARTS = ("face.mp4", "audio.flac", "track.npz", "phones.json", "meta.json")
OPTIONAL_PARTS = ("mask.npz", "posteriors.npz")
LIGHT_PARTS = ("phones.json", "meta.json", "mask.npz")
"""The files that say which frames of a clip can be used; small against its video and audio."""
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


def clip_track(key: str) -> int:
    """The number of the track in the key of a clip: `s1/bbaf2n~mpg-t0-000` -> 0."""
    return int(key.rsplit("-", 2)[1].removeprefix("t"))


def encode_clip(clip: Clip) -> Sample:
    """Encode a clip as a sample. The crops are compressed by H.264 at high quality; other values are only rounded."""
    face = encode_crops(clip.face_THWC)
    mask = None if clip.mask_THW is None else pack_masks(clip.mask_THW)
    posteriors = None if clip.posteriors_FP is None else pack_posteriors(clip.posteriors_FP)
    return encode_sample(face, encode_track(clip), clip.audio_N, clip.phones, clip.meta, mask, posteriors)


def encode_sample(
    face_mp4: bytes,
    track_npz: bytes,
    audio_N: np.ndarray,
    phones: Phones,
    meta: ClipMeta,
    mask_npz: bytes | None = None,
    posteriors_npz: bytes | None = None,
) -> Sample:
    """Build a sample from parts; crops, track and mask are encoded already."""
    sample = Sample(
        {
            "__key__": meta.key,
            "face.mp4": face_mp4,
            "audio.flac": encode_flac(audio_N),
            "track.npz": track_npz,
            "phones.json": _json(phones.to_json()),
            "meta.json": _json(meta.to_json()),
        }
    )
    optional = {"mask.npz": mask_npz, "posteriors.npz": posteriors_npz}
    sample.update({part: content for part, content in optional.items() if content is not None})
    return sample


def pack_posteriors(posteriors_FP: np.ndarray) -> bytes:
    """Encode posteriors (2 T, 191) uint8 of this machine's phone recogniser as `posteriors.npz`."""
    file = io.BytesIO()
    np.savez_compressed(file, posteriors=posteriors_FP, network=np.array(recogniser_version()))
    return file.getvalue()


def unpack_posteriors(content: bytes) -> np.ndarray | None:
    """Decode `posteriors.npz`; None if another network made them, since a model knows only its own."""
    with np.load(io.BytesIO(content)) as file:
        return file["posteriors"] if str(file["network"]) == recogniser_version() else None


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
    meta = sample.meta if isinstance(sample, Sample) else ClipMeta.from_json(json.loads(sample["meta.json"]))
    phones = decode_phones(sample)
    landmarks_TN2, transform_T23, confidence_T = unpack_track(_bytes(sample, "track.npz"))
    stop = len(confidence_T) if count is None else min(start + count, len(confidence_T))
    frames, samples = slice(start, stop), slice(start * SAMPLES_PER_FRAME, stop * SAMPLES_PER_FRAME)
    if (start, stop) != (0, len(confidence_T)):
        meta, phones = _part(meta, start / FPS, stop / FPS), phones.between(start / FPS, stop / FPS, -start / FPS)
    posteriors_FP = decode_posteriors(sample)
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
        posteriors_FP=None if posteriors_FP is None else posteriors_FP[_posterior_frames(frames)],
    )


def decode_phones(sample: Mapping[str, bytes | str]) -> Phones:
    """The phones of an encoded sample."""
    return Phones.from_json(json.loads(sample["phones.json"]))


def decode_landmarks(sample: Mapping[str, bytes | str]) -> np.ndarray:
    """The landmarks (T, 478, 2) of an encoded sample in crop pixels."""
    return unpack_track(_bytes(sample, "track.npz"))[0]


def decode_audio(sample: Mapping[str, bytes | str]) -> np.ndarray:
    """The audio (640 T,) of an encoded sample."""
    return decode_flac(_bytes(sample, "audio.flac"))


def decode_faces(sample: Mapping[str, bytes | str], start: int, count: int) -> np.ndarray:
    """The crops (count, 224, 224, 3) of an encoded sample from frame `start` on."""
    return decode_crops(_bytes(sample, "face.mp4"), start, count)


def decode_posteriors(sample: Mapping[str, bytes | str]) -> np.ndarray | None:
    """The posteriors (2 T, 191) of an encoded sample; None if it has none of this machine's recogniser."""
    return unpack_posteriors(_bytes(sample, "posteriors.npz")) if "posteriors.npz" in sample else None


def _posterior_frames(frames: slice) -> slice:
    """The posteriors' frames of some video frames."""
    return slice(frames.start * POSTERIORS_PER_FRAME, frames.stop * POSTERIORS_PER_FRAME)


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


def read_tar(path: Place, parts: Collection[str] | None = None) -> Iterator[Sample]:
    """The samples of one tar in their order; with `parts` only these files of each, and the others are not read.

    Raises:
        NpvfError: the tar is missing or damaged.
    """
    with _tar(path) as tar:
        for key, entries in _grouped(tar):
            yield _read(tar, str(path), key, entries, parts)


def read_sample(path: Place, offset: int, size: int, parts: Collection[str] | None = None) -> Sample:
    """One sample of a tar, or only some of its files; `sample_places` says where it lies. Nothing else is read.

    From a URL, a sample is always read whole, by one request.

    Raises:
        NpvfError: the tar is missing or damaged.
    """
    try:
        with _stretch(path, offset, size, whole=parts is None) as file, _tar(path, file) as tar:
            for key, entries in _grouped(tar):
                return _read(tar, str(path), key, entries, parts)
    except OSError as error:
        raise _unreadable(path, error) from error
    raise _unreadable(path, f"no sample lies at byte {offset}")


@contextmanager
def _stretch(path: Place, offset: int, size: int, whole: bool) -> Iterator[BinaryIO]:
    """A sample's stretch of a tar, which is a tar of its own; where it need not be `whole`, the file from there on."""
    if is_url(path):
        yield io.BytesIO(read_bytes(str(path), offset, size))
        return
    with Path(path).open("rb") as file:
        file.seek(offset)
        yield io.BytesIO(file.read(size)) if whole else file


class SamplePlace(NamedTuple):
    """The place of a sample in its tar, in bytes, the names of its files, and its `meta.json`."""

    key: str
    offset: int
    size: int
    parts: tuple[str, ...]
    meta: dict[str, Any]


def sample_places(path: Place) -> Iterator[SamplePlace]:
    """The place of each sample of a tar. Only headers and `meta.json` are read."""
    with _tar(path) as tar:
        for key, entries in _grouped(tar):
            last = entries[-1]
            end = last.offset_data + ceil(last.size / tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            content = _read(tar, str(path), key, entries, ("meta.json",))["meta.json"]
            parts = tuple(_split_name(entry.name)[1] for entry in entries)
            yield SamplePlace(key, entries[0].offset, end - entries[0].offset, parts, json.loads(content))


@contextmanager
def _tar(path: Place, file: BinaryIO | None = None) -> Iterator[tarfile.TarFile]:
    try:
        if file is not None:
            with tarfile.open(fileobj=file) as tar:
                yield tar
        else:
            with local_copy(path) as local, tarfile.open(local) as tar:
                yield tar
    except (OSError, tarfile.TarError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Place, why: object) -> NpvfError:
    return NpvfError(f"the shard {path} cannot be read: {why}. Prepare the corpus again.")


def _grouped(tar: tarfile.TarFile) -> Iterator[tuple[str, list[tarfile.TarInfo]]]:
    """The files of a tar by sample: neighbours that share a key."""
    for key, entries in groupby(tar, key=lambda entry: _split_name(entry.name)[0]):
        yield key, list(entries)


def _split_name(name: str) -> tuple[str, str]:
    """`a/b.face.mp4` -> `a/b`, `face.mp4`: a key ends at the first dot of the file's own name."""
    folder, slash, file = name.rpartition("/")
    stem, _, part = file.partition(".")
    return folder + slash + stem, part


def _read(
    tar: tarfile.TarFile, path: str, key: str, entries: list[tarfile.TarInfo], parts: Collection[str] | None
) -> Sample:
    sample = Sample({"__key__": key})
    sample.shard = path
    for entry in entries:
        part = _split_name(entry.name)[1]
        if parts is None or part in parts:
            file = tar.extractfile(entry)
            assert file is not None, entry.name  # a shard holds plain files only
            content = file.read()
            if len(content) < entry.size:
                raise _unreadable(path, f"{entry.name} is cut off")
            sample[part] = content
    return sample


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
