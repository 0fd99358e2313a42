"""What a model sees of a clip: the mouth where the lips are, one scale, gates, and changes shared by all frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npvf.clip import ClipMeta
from npvf.data.augment import Augment
from npvf.data.sampling import seeded
from npvf.data.transforms import ClipTransform, forged_frames, with_margin
from npvf.models.batch import InputSpec
from npvf.speech.mel import log_mel
from npvf.speech.recogniser import listen
from tests.helpers.tiny_corpus import blob_clip

SPEC = InputSpec(mouth_size=48, mouth_channels=1, mouth_span=96, face_size=64, face_stride=4)


def test_shapes_and_ranges() -> None:
    sample = ClipTransform(SPEC)(blob_clip("a", 0, frames=50))
    assert sample.mouth_TCHW.shape == (50, 1, 48, 48) and sample.mouth_TCHW.dtype == torch.uint8
    assert sample.face_TCHW.shape == (13, 3, 64, 64)
    assert sample.mel_TM.shape == (200, 64)
    assert sample.label == -1
    assert bool((sample.gate_T <= sample.speech_T).all()) and not bool(sample.speech_T[0])


def test_colour_is_a_choice() -> None:
    spec = InputSpec(mouth_size=48, mouth_channels=3, face_size=32, face_channels=1)
    sample = ClipTransform(spec)(blob_clip("a", 0, frames=30))
    assert sample.mouth_TCHW.shape[1] == 3 and sample.face_TCHW.shape[1] == 1


def test_the_mouth_is_where_the_lips_are_and_keeps_its_scale() -> None:
    clip = blob_clip("a", 0, frames=30)
    clip.face_THWC[:] = 255
    clip.face_THWC[:, 90:110, 60:80] = 0  # 20 pixels around (70, 100)
    clip.landmarks_TN2[:] = (70, 100)
    mouth_THW = ClipTransform(SPEC)(clip).mouth_TCHW[:, 0].float()
    dark_THW = 1 - mouth_THW / 255
    # 96 crop pixels become 48: an area of 20 x 20 becomes 10 x 10, in the middle.
    assert torch.allclose(dark_THW.sum((1, 2)), torch.tensor(100.0), atol=1)
    place = torch.arange(48) + 0.5
    for axis in (1, 2):
        centre_T = (dark_THW.sum(3 - axis) * place).sum(1) / dark_THW.sum((1, 2))
        assert torch.allclose(centre_T, torch.tensor(24.0), atol=0.05)


def test_lips_move_inside_a_box_that_hardly_does() -> None:
    clip = blob_clip("a", 0, frames=60)
    steady = ClipTransform(SPEC)(clip).mouth_TCHW.float()
    clip.landmarks_TN2[:, :, 1] += 3 * np.sin(np.arange(60) * 2 * np.pi / 6)[:, None]  # four syllables a second
    assert (ClipTransform(SPEC)(clip).mouth_TCHW.float() - steady).abs().mean() < 1


def test_lips_near_the_edge_repeat_it() -> None:
    clip = blob_clip("a", 0, frames=30)
    clip.face_THWC[:] = 99
    clip.landmarks_TN2[:] = (2, 222)
    assert (ClipTransform(SPEC)(clip).mouth_TCHW == 99).all()


def test_without_augmentation_the_margin_is_only_cut_off() -> None:
    transform = ClipTransform(SPEC)
    cut = transform.crop(blob_clip("a", 0, frames=30))
    border = (with_margin(48) - 48) // 2
    assert torch.equal(transform.augment(cut).mouth_TCHW, cut.mouth_TCHW[..., border:-border, border:-border])


def test_augmentation_depends_on_its_seed_alone() -> None:
    transform = ClipTransform(SPEC, Augment())
    cut = transform.crop(blob_clip("a", 0, frames=30))
    one, same, other = (transform.augment(cut, seeded(seed)) for seed in (1, 1, 2))
    for name in ("mouth_TCHW", "face_TCHW", "mel_TM"):
        assert torch.equal(getattr(one, name), getattr(same, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("seed", range(6))
def test_all_frames_are_changed_alike(seed: int) -> None:
    clip = blob_clip("a", 0, frames=30)
    clip.face_THWC[:] = clip.face_THWC[:1]
    transform = ClipTransform(SPEC, Augment(noise=0))
    sample = transform(clip, seeded(seed))
    assert (sample.mouth_TCHW == sample.mouth_TCHW[:1]).all() and (sample.face_TCHW == sample.face_TCHW[:1]).all()


@pytest.mark.parametrize("seed", range(6))
def test_sound_keeps_its_time(seed: int) -> None:
    click_N = np.zeros(30 * 640, np.float32)
    click_N[9600:9700] = 0.5
    mel_TM = log_mel(torch.from_numpy(click_N))
    changed_TM = Augment(hiss=0, mask_bands=0).sound(mel_TM, seeded(seed))
    assert changed_TM.exp().sum(1).argmax() == mel_TM.exp().sum(1).argmax()
    assert changed_TM.shape == mel_TM.shape and changed_TM.isfinite().all()


def test_forged_frames_follow_the_intervals() -> None:
    meta = ClipMeta("k", "v", "", 0, (0.0, 2.0), 1, label=1, intervals=((0.4, 0.8),))
    assert np.flatnonzero(forged_frames(meta, 50)).tolist() == list(range(10, 20))
    meta.intervals = ()
    assert forged_frames(meta, 50).all()
    meta.label = None
    assert not forged_frames(meta, 50).any()


LIPS = InputSpec(picture=("geometry",), sound=("phones",), mouth_size=16, face_size=16)


def test_only_what_a_model_takes_is_made() -> None:
    plain, lips = ClipTransform(SPEC)(blob_clip("a", 0, frames=50)), ClipTransform(LIPS)(blob_clip("a", 0, frames=50))
    assert plain.geometry_TP2 is None and plain.posteriors_FP is None
    assert lips.geometry_TP2 is not None and lips.geometry_TP2.shape == (50, 64, 2)
    assert lips.posteriors_FP is not None and lips.posteriors_FP.shape == (100, 191)


def test_posteriors_are_those_stored_or_heard_now() -> None:
    clip = blob_clip("a", 0, frames=50)
    heard = ClipTransform(LIPS)(clip).posteriors_FP
    clip.posteriors_FP = listen(clip.audio_N).posteriors_FP
    assert torch.equal(ClipTransform(LIPS)(clip).posteriors_FP, heard)
    clip.posteriors_FP = 7 * np.ones((100, 191), np.uint8)
    sample = ClipTransform(LIPS)(clip)
    assert bool((sample.posteriors_FP == 7).all())
    window = sample.window(8, 20)
    assert len(window.posteriors_FP) == 40 and torch.equal(window.geometry_TP2, sample.geometry_TP2[8:28])
