"""Clips of people who each have a look and a voice of their own, made of noise; and copies of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from scipy.signal import butter, sosfilt

from npvf.clip import FPS, SAMPLES_PER_FRAME, Clip, ClipMeta, Phones
from npvf.io.files import sha256
from npvf.media.decode import iter_frames, read_audio
from npvf.media.encode import write_video

FRAMES = 60


def babble(seed: int, frames: int) -> np.ndarray:
    """Noise whose colour changes like that of speech: every 80 to 240 ms another band."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < frames * SAMPLES_PER_FRAME:
        low = rng.uniform(250, 1200)
        band = butter(2, [low, low * rng.uniform(1.3, 2)], "bandpass", fs=16_000, output="sos")
        parts.append(sosfilt(band, rng.normal(0, rng.uniform(0.1, 0.5), rng.integers(1280, 3840))))
    return np.concatenate(parts)[: frames * SAMPLES_PER_FRAME].clip(-1, 1).astype(np.float32)


def talker(video: str, split: str, seed: int, **who: object) -> Clip:
    """Everybody has a look and a voice of their own."""
    rng = np.random.default_rng(seed)
    look = cv2.resize(rng.integers(20, 230, (8, 8, 3), np.uint8), (224, 224), interpolation=cv2.INTER_CUBIC)
    return filmed(np.stack([look] * FRAMES), babble(seed, FRAMES), ClipMeta(
        f"{video}-t0-000", video, f"{seed:064d}", 0, (0.0, FRAMES / FPS), 1, split=split, **who,
    ))  # fmt: skip


def filmed(face_THWC: np.ndarray, audio_N: np.ndarray, meta: ClipMeta) -> Clip:
    frames = len(face_THWC)
    points_TN2, still_T23 = (
        np.zeros((frames, 478, 2), np.float32),
        np.tile(np.eye(2, 3, dtype=np.float32), (frames, 1, 1)),
    )
    silence = Phones((), "voice_activity")
    return Clip(face_THWC, audio_N, points_TN2, points_TN2, still_T23, np.ones(frames, np.float32), silence, meta)


def encoded_anew(clip: Clip, video: str, split: str, folder: Path, cut: int = 10) -> Clip:
    """As somebody else would pass it on: smaller, the first frames cut off, through poor H.264 and AAC."""
    small = [cv2.resize(picture, (112, 112), interpolation=cv2.INTER_AREA) for picture in clip.face_THWC[cut:]]
    path = folder / "copy.mp4"
    write_video(path, small, audio=clip.audio_N[cut * SAMPLES_PER_FRAME :], crf=34, audio_bitrate=32_000)
    face_THWC = np.stack([cv2.resize(picture, (224, 224)) for picture in iter_frames(path)])
    audio_N = read_audio(path)[: len(face_THWC) * SAMPLES_PER_FRAME]
    meta = replace(clip.meta, key=f"{video}-t0-000", video=video, split=split, source_sha256=sha256(path))
    return filmed(face_THWC, audio_N, replace(meta, span=(0.0, len(face_THWC) / FPS), identity="x", identities=("x",)))
