"""A warped mouth: the change lies where the shares are, on the lips and the chin, and follows the recipe."""

from dataclasses import replace

import numpy as np
import pytest

from npvf.faces.lips import LIPS
from npvf.forge.face_patch import Track, patched, seen
from npvf.forge.mouth_warp import MouthWarp
from npvf.synth.portrait import portrait

SIDE = 160


@pytest.fixture(scope="module")
def still():
    return portrait(SIDE)


def draw(still, seed: int) -> MouthWarp:
    track = Track.of(np.repeat(still.landmarks_N2[None], 2, axis=0))
    return MouthWarp.draw(track, np.random.default_rng(seed))


def test_only_pixels_with_a_share_change_and_they_lie_around_the_mouth(still):
    points_N2 = still.landmarks_N2
    for seed in range(5):
        patch = draw(still, seed)
        share_HW = seen(patch.share(0, (SIDE, SIDE)))
        made_HWC = patched(still.picture_HWC, 0, share_HW, patch.paint)
        assert np.array_equal(made_HWC[share_HW == 0], still.picture_HWC[share_HW == 0])
        changed_HW = np.abs(made_HWC.astype(int) - still.picture_HWC).max(axis=-1) > 8
        assert changed_HW.any()
        assert np.flatnonzero(changed_HW.any(axis=1)).min() > points_N2[168, 1], "nothing changes above the nose's root"
        x, y = points_N2[LIPS].mean(axis=0).astype(int)
        assert share_HW[y, x] == 1, "the lips are replaced whole"


def test_a_recipe_that_changes_nothing_gives_the_picture_back(still):
    patch = draw(still, 0)
    same = replace(
        patch.recipe, opening=1.0, width=1.0, jaw=0.0, turn=0.0, scale=1.0, move=(0.0, 0.0), colour=(0.0, 0.0, 0.0)
    )
    patch = replace(patch, recipe=same)
    share_HW = patch.share(0, (SIDE, SIDE))
    made_HWC = patched(still.picture_HWC, 0, share_HW, patch.paint)
    assert np.abs(made_HWC.astype(int) - still.picture_HWC).max() <= 1


def test_the_lips_open_by_the_factor(still):
    patch = draw(still, 0)
    patch = replace(patch, recipe=replace(patch.recipe, opening=2.0, width=1.0, jaw=0.0))
    lips_N2, goal_N2 = still.landmarks_N2[LIPS], patch._goal(0)[: len(LIPS)]
    assert np.ptp(goal_N2[:, 1]) == pytest.approx(2 * np.ptp(lips_N2[:, 1]), rel=0.1)
    assert np.ptp(goal_N2[:, 0]) == pytest.approx(np.ptp(lips_N2[:, 0]), rel=0.1)


def test_the_same_draw_is_the_same_patch(still):
    assert draw(still, 4).recipe == draw(still, 4).recipe
    assert draw(still, 4).recipe != draw(still, 5).recipe
