"""Windows of faces: which frames, which masks, which label, and the same out of memory and shards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from npvf.clip import FAKE, REAL
from npvf.data.datasets import MemoryClips
from npvf.data.face_augment import FaceAugment
from npvf.data.face_sample import FaceSample, judge_picture
from npvf.data.face_windows import FaceTransform, FaceWindows, collate_faces
from npvf.data.sampling import seeded
from npvf.data.selection import Selection
from npvf.data.stored import StoredClips
from npvf.io.shards import decode_clip, encode_clip
from npvf.models.stddl.face_batch import FaceSpec
from tests.helpers.masked_corpus import masked_clip, masked_corpus

PLAIN = FaceTransform(FaceSpec(64))
EVERYBODY = Selection(speakers_only=False)


def test_pictures_landmarks_and_masks_are_cut_to_one_size():
    clip = masked_clip("f", 3, True)
    cut = PLAIN.crop(clip)
    assert cut.frames_TCHW.shape == (30, 3, 64, 64) and cut.landmarks_TN2.shape == (30, 478, 2)
    assert_close(cut.landmarks_TN2, torch.from_numpy((clip.landmarks_TN2 + 0.5) * 64 / 224 - 0.5))
    assert cut.mask_known and cut.label == FAKE and cut.gate_T.tolist() == [False] * 6 + [True] * 24
    share = torch.from_numpy(clip.mask_THW).float().mean((1, 2))
    assert_close(cut.mask_THW.float().mean((1, 2)), share, atol=0.01, rtol=0)
    whole = FaceTransform(FaceSpec(224)).crop(clip)
    assert torch.equal(whole.mask_THW, torch.from_numpy(clip.mask_THW))
    assert torch.equal(whole.frames_TCHW, torch.from_numpy(clip.face_THWC).permute(0, 3, 1, 2))


def test_a_mask_that_is_not_known_is_never_an_empty_one():
    real, unknown = (
        PLAIN.crop(masked_clip("r", 0, False, identity="ann")),
        PLAIN.crop(masked_clip("f", 0, True, known=False)),
    )
    assert (real.label, real.mask_known) == (REAL, True)
    assert (unknown.label, unknown.mask_known) == (FAKE, False)
    batch = collate_faces([real.window(0, 3), unknown.window(0, 3)])
    assert batch.mask_known_B.tolist() == [True, False] and not batch.mask_BTHW.any()
    assert batch.identities == ["ann", None]


@pytest.mark.parametrize(
    ("changes", "masked", "expected"),
    [
        ({}, True, FAKE),
        ({"video_label": REAL}, False, REAL),  # the sound alone is forged
        ({"audio_label": FAKE}, False, -1),  # the sound is, of the picture nothing is said
        ({"audio_label": FAKE, "video_label": FAKE}, False, FAKE),
        ({"faces": 2, "is_speaker": False}, False, -1),  # one of two faces
        ({"faces": 2, "is_speaker": False}, True, FAKE),
        ({"label": None}, False, -1),
        ({"label": None}, True, FAKE),
    ],
)
def test_what_is_known_of_the_picture(changes, masked, expected):
    clip = masked_clip("f", 0, True)
    meta = replace(clip.meta, **changes)
    label, gate_T = judge_picture(meta, 30, clip.mask_THW if masked else None)
    assert label == expected and gate_T.any() == (expected >= 0)
    assert judge_picture(meta, 30, np.zeros((30, 224, 224), bool))[0] == REAL


def test_a_window_before_the_forgery_is_real():
    cut = PLAIN.crop(masked_clip("f", 0, True))
    before, across = cut.window(0, 4), cut.window(3, 4)
    assert (before.label, before.mask_known, bool(before.mask_THW.any())) == (REAL, True, False)
    assert (across.label, across.mask_known, bool(across.mask_THW[3].any())) == (FAKE, True, True)


def test_training_draws_windows_with_forged_frames_that_have_a_follower():
    windows = FaceWindows(PLAIN, length=3, stride=2)
    assert windows.frames == 5
    cut = PLAIN.crop(masked_clip("f", 0, True, frames=40))
    gate_T = torch.zeros(40, dtype=torch.bool)
    gate_T[20:22] = True
    starts = {windows.start(gate_T, seeded(n)) for n in range(200)}
    assert starts == {s for s in range(36) if {s, s + 2} & {20, 21}}
    (window,) = windows.sample(cut, seeded(0))
    assert window.frames == 3 and window.label == FAKE
    assert not windows.usable(gate_T[:4]) and not windows.usable(torch.zeros(9, dtype=torch.bool))
    late = torch.zeros(5, dtype=torch.bool)
    late[4] = True  # only the last frame of the only window
    assert windows.start(late, seeded(0)) == 0


def test_an_evaluation_sees_the_whole_clip():
    cut = PLAIN.crop(masked_clip("f", 0, True, frames=30))
    found = FaceWindows(PLAIN, length=3, stride=2, every=12).whole(cut)
    expected = [0, 12, 24, 25]
    assert len(found) == 4
    for window, start in zip(found, expected, strict=True):
        assert torch.equal(window.frames_TCHW, cut.frames_TCHW[start : start + 5 : 2])
        assert torch.equal(window.mask_THW, cut.mask_THW[start : start + 5 : 2])
    assert [w.label for w in found] == [REAL, FAKE, FAKE, FAKE]


def test_flow_comes_with_the_batch_where_it_is_asked_for():
    windows = FaceWindows(FaceTransform(FaceSpec(64, "dis"), FaceAugment()), length=3)
    cut = windows.transform.crop(masked_clip("f", 0, True))
    batch = collate_faces([window for n in range(2) for window in windows.sample(cut, seeded(n))])
    assert batch.motion_BTCHW.shape == (2, 2, 2, 64, 64) and batch.motion_BTCHW.dtype == torch.float32
    assert collate_faces(FaceWindows(PLAIN).sample(cut, seeded(0))).motion_BTCHW is None
    assert batch.rows(slice(1, 2)).motion_BTCHW.shape[0] == 1 and len(batch.rows(slice(0, 1))) == 1


@pytest.mark.slow
def test_memory_and_shards_give_the_same(tmp_path: Path):
    folders = [str(masked_corpus(tmp_path / "corpus", reals=1, fakes=2))]
    windows = FaceWindows(PLAIN, length=3)
    memory, stored = MemoryClips(folders, windows, EVERYBODY), StoredClips(folders, EVERYBODY)
    assert len(stored) == len(memory) == 6
    for index in range(6):
        for one, other in zip(memory.whole(index, windows), stored.whole(index, windows), strict=True):
            same(one, other)
        for seed in range(3):
            (one,), (other,) = (clips.sample(index, windows, seeded(seed)) for clips in (memory, stored))
            same(one, other)
    fakes = StoredClips(folders, replace(EVERYBODY, label="fake"))
    drawn = [fakes.sample(n % len(fakes), windows, seeded(n))[0] for n in range(12)]
    assert {face.label for face in drawn} == {FAKE} and {face.mask_known for face in drawn} == {True, False}
    assert all(face.mask_THW[:-1].any() for face in drawn if face.mask_known)


def test_masks_survive_the_shard():
    clip = masked_clip("f", 0, True)
    again = decode_clip(encode_clip(clip), 10, 5)
    assert np.array_equal(again.mask_THW, clip.mask_THW[10:15])
    assert torch.equal(PLAIN.crop(again).mask_THW, PLAIN.crop(clip).window(10, 5).mask_THW)


def same(a: FaceSample, b: FaceSample) -> None:
    assert torch.equal(a.frames_TCHW, b.frames_TCHW) and torch.equal(a.mask_THW, b.mask_THW)
    assert (a.label, a.mask_known) == (b.label, b.mask_known)
