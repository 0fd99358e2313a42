"""Fingerprints of audio and face that survive re-encoding, scaling and cutting.

Audio: the signs of the changes in time of energy differences between 33 bands, 32 bits each 10 ms, after Haitsma and
Kalker ("A Highly Robust Audio Fingerprinting System", ISMIR 2002). Face: OpenCV's perceptual hash of the crops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.signal import stft

from npvf.clip import SAMPLE_RATE

HOP = SAMPLE_RATE // 100
WINDOW = 4096  # 256 ms: long windows make codes change slowly, so they still match if a copy is cut anywhere
BAND_EDGES_HZ = np.geomspace(300, 2000, 34)
FEW_CODES = 100  # two recordings must share at least 1 s
COMMONPLACE = 32  # a code that occurs more often is hum or silence and is ignored
BIT_ERRORS = 0.3  # GRID, encoded anew at 60 % of its size: at most 0.07; other sentences of one speaker: from 0.40 on
FACE_BITS = 6  # of 64


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The fingerprint of a video: `sound_T` (T,) uint32, empty without audio; `face`, 64 bits, None without a face."""

    sound_T: np.ndarray
    face: int | None


def sound_codes(audio_N: np.ndarray) -> np.ndarray:
    """Compute audio codes: (N,) at 16 kHz -> (T,) uint32, one each 10 ms; empty below a third of a second."""
    if len(audio_N) < WINDOW + HOP:
        return np.zeros(0, np.uint32)
    frequencies, _, spectrum_FT = stft(audio_N, SAMPLE_RATE, nperseg=WINDOW, noverlap=WINDOW - HOP, boundary=None)
    edges = np.searchsorted(frequencies, BAND_EDGES_HZ)
    energy_BT = np.add.reduceat(np.square(np.abs(spectrum_FT)), edges, axis=0)[:-1]
    bits_BT = np.diff(np.diff(energy_BT, axis=0), axis=1) > 0
    return np.packbits(bits_BT.T, axis=1).copy().view(">u4").astype(np.uint32).ravel()


def face_hash(pictures_THWC: Sequence[np.ndarray]) -> int | None:
    """Compute 64 bits, each by majority over the images (H, W, 3); None without images."""
    if not len(pictures_THWC):
        return None
    hashes_TB = np.unpackbits(np.stack([cv2.img_hash.pHash(p).ravel() for p in pictures_THWC]).astype(np.uint8), axis=1)
    return int.from_bytes(np.packbits(hashes_TB.mean(0) >= 0.5).tobytes())


def same_face(a: Sequence[Fingerprint], b: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices with similar faces: copies, or one person in one setting."""
    faces_B = np.array([0 if one.face is None else one.face for one in b], np.uint64)
    known_B = np.array([one.face is not None for one in b], bool)
    for i, one in enumerate(a):
        if one.face is not None:
            near_B = np.bitwise_count(faces_B ^ np.uint64(one.face)) <= FACE_BITS
            yield from ((i, int(j)) for j in np.flatnonzero(near_B & known_B))


def same_sound(a: Sequence[Fingerprint], b: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices that share at least a second of audio. Equal codes give the offsets to compare at."""
    codes, owner, place = _index(a)
    for j, one in enumerate(b):
        low, high = (np.searchsorted(codes, one.sound_T, side) for side in ("left", "right"))
        count_T = np.where(high - low <= COMMONPLACE, high - low, 0)
        here = np.repeat(np.arange(len(count_T)), count_T)
        there = np.arange(count_T.sum()) + np.repeat(low - np.cumsum(count_T) + count_T, count_T)
        offsets = np.unique(np.stack([owner[there], place[there] - here]), axis=1)
        for i in np.unique(offsets[0]):
            if any(_agree(a[i].sound_T, one.sound_T, int(d)) for d in offsets[1, offsets[0] == i]):
                yield int(i), j


def _index(prints: Sequence[Fingerprint]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all codes, sorted, with the fingerprint and the position that each comes from."""
    lengths = [len(one.sound_T) for one in prints]
    codes = np.concatenate([one.sound_T for one in prints] or [np.zeros(0, np.uint32)])
    owner = np.repeat(np.arange(len(prints)), lengths)
    place = np.concatenate([np.arange(n) for n in lengths] or [np.zeros(0, int)])
    order = np.argsort(codes, kind="stable")
    return codes[order], owner[order], place[order]


def _agree(a_T: np.ndarray, b_T: np.ndarray, offset: int) -> bool:
    """True if a[t + offset] and b[t] differ in few bits over at least a second."""
    start = max(0, -offset)
    common = min(len(b_T), len(a_T) - offset) - start
    if common < FEW_CODES:
        return False
    differ = np.bitwise_count(a_T[start + offset : start + offset + common] ^ b_T[start : start + common])
    return bool(differ.mean() < BIT_ERRORS * 32)
