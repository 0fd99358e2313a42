import json
from pathlib import Path

import numpy as np
import pytest
import torch

from npvf.data.face_inputs import face_landmarks, face_pictures
from npvf.detect.calibration import Calibration
from npvf.detect.localizer import Localizer, LocalizerSettings, forged_area, usual_area, windows
from npvf.errors import NpvfError
from npvf.models.stddl.stddl import STDDL
from tests.helpers.red_localizer import TINY_STDDL as TINY, red_at, red_localizer, tiny_stddl
from tests.helpers.tiny_corpus import blob_clip


@pytest.mark.parametrize("frames", [2, 5, 6, 7, 11, 24, 25, 50])
@pytest.mark.parametrize("length", [2, 3, 6])
def test_windows_judge_every_frame_that_has_a_follower(frames: int, length: int) -> None:
    found = [range(frames)[w] for w in windows(frames, length)]
    assert {frame for w in found for frame in w[:-1]} == set(range(frames - 1))
    assert all(len(w) == min(length, frames) for w in found) and found[-1][-1] == frames - 1
    assert sum(len(w) - 1 for w in found) < frames - 1 + length


def test_a_clip_in_one_window_is_what_the_network_says() -> None:
    clip, model = blob_clip("a", 1, frames=24), tiny_stddl()
    located = Localizer(model, LocalizerSettings(frames=24)).localize(clip)
    spec = model.config.inputs
    faces_TCHW, landmarks_TN2 = face_pictures(clip.face_THWC, spec), face_landmarks(clip.landmarks_TN2, spec)
    with torch.no_grad():
        output = model(faces_TCHW[None], landmarks_TN2[None])
    np.testing.assert_allclose(located.logit_T[:-1], output.frame_logits_BT[0], rtol=1e-5)
    assert located.logit_T[-1] == located.logit_T[-2]  # it has no follower
    np.testing.assert_array_equal(located.mask_Thw[:-1], (255 * output.mask_logits_BTHW[0].sigmoid()).round().byte())


def test_frames_keep_their_order_over_windows_and_strides() -> None:
    clip = blob_clip("a", 1, frames=31)
    clip = red_at(clip, (slice(60, 160), slice(60, 160)), slice(10, 17))
    whole = red_localizer().localize(clip)
    np.testing.assert_array_equal(whole.area_T > 0, (np.arange(31) >= 10) & (np.arange(31) < 17))
    np.testing.assert_array_equal(whole.logit_T > 0, whole.area_T > 0)
    coarse = red_localizer(stride=3).localize(clip)
    np.testing.assert_array_equal(coarse.logit_T[:27], whole.logit_T[np.arange(27) // 3 * 3])
    assert coarse.mask_Thw.shape == whole.mask_Thw.shape == (31, 64, 64)


def test_the_mask_is_where_the_forged_pixels_are_in_the_crop() -> None:
    located = red_localizer().localize(red_at(blob_clip("a", 1, frames=24), (slice(140, 180), slice(84, 140))))
    rows, columns = np.nonzero(located.mask_Thw[3] >= 128)
    scale = 224 / 64
    assert (rows.min() * scale, (rows.max() + 1) * scale) == pytest.approx((140, 180), abs=scale)
    assert (columns.min() * scale, (columns.max() + 1) * scale) == pytest.approx((84, 140), abs=scale)
    assert located.area_T == pytest.approx(np.full(24, 40 * 56 / (np.pi * 80**2)), rel=0.1)


def test_the_forged_area_counts_the_face_alone() -> None:
    mask_Thw = np.zeros((1, 56, 56), np.uint8)
    mask_Thw[:, :28] = 200
    square = np.array([(50, 50), (174, 50), (174, 174), (50, 174)], np.float32)
    assert forged_area(mask_Thw, square[None], 0.5) == pytest.approx([0.5], abs=0.05)
    assert forged_area(mask_Thw, square[None], 0.9) == pytest.approx([0.0])


def test_what_is_usual_for_genuine_faces_does_not_follow_the_one_that_is_marked_most() -> None:
    assert usual_area([0.1] * 19 + [0.9]) == pytest.approx(0.1)
    assert usual_area(np.linspace(0, 1, 11).tolist()) == pytest.approx(0.9)
    assert usual_area([0.3]) == pytest.approx(0.3) and usual_area([]) == 0.0


@pytest.mark.slow
def test_a_large_mask_is_kept_at_the_size_of_the_crop() -> None:
    model = STDDL.create("stddl_nano", **TINY | {"size": 256})
    located = Localizer(model, LocalizerSettings(frames=8)).localize(blob_clip("a", 1, frames=24))
    assert located.mask_Thw.shape == (24, 224, 224)


def test_saved_and_loaded_it_finds_the_same(tmp_path: Path) -> None:
    settings = LocalizerSettings(
        name="small",
        frames=5,
        stride=2,
        calibration=Calibration(2.0, -0.5),
        threshold=0.4,
        undecided=0.1,
        mask_threshold=0.3,
    )
    localizer = Localizer(tiny_stddl(), settings)
    localizer.save_pretrained(tmp_path / "l", {"seed": 3})
    loaded = Localizer.from_pretrained(tmp_path / "l")
    clip = blob_clip("a", 1, frames=30)
    assert loaded.settings == settings and not loaded.model.training
    assert list(loaded.score_clips([clip])) == list(localizer.score_clips([clip]))
    np.testing.assert_array_equal(loaded.localize(clip).mask_Thw, localizer.localize(clip).mask_Thw)
    content = json.loads((tmp_path / "l" / "config.json").read_text())
    assert content["training"] == {"seed": 3}
    content["localizer"]["mood"] = "good"
    (tmp_path / "l" / "config.json").write_text(json.dumps(content))
    with pytest.raises(NpvfError, match="mood"):
        Localizer.from_pretrained(tmp_path / "l")


def test_a_network_that_was_not_fine_tuned_is_no_localizer(tmp_path: Path) -> None:
    tiny_stddl().save_pretrained(tmp_path)
    with pytest.raises(NpvfError, match="not a Localizer"):
        Localizer.from_pretrained(tmp_path)
