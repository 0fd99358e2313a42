import numpy as np

from npvf.faces.cuts import Cut, CutFinder
from tests.helpers.astronaut import scene, with_head


def judge(frames: list[np.ndarray]) -> list[Cut]:
    finder = CutFinder()
    return [finder.update(frame) for frame in frames]


def test_another_room_is_a_cut() -> None:
    frames = [scene(320, 180, seed=0)] * 5 + [scene(320, 180, seed=1)] * 5
    assert judge(frames) == [Cut.NO] * 5 + [Cut.CERTAIN] + [Cut.NO] * 4


def test_a_flash_and_a_fade_are_none() -> None:
    room = scene(320, 180).astype(float)
    flash = [room, room, np.clip(room * 1.2 + 20, 0, 255), room]
    fade = [room * (1 - k / 10) for k in range(11)]
    assert Cut.CERTAIN not in judge([frame.astype(np.uint8) for frame in flash + fade])


def test_black_frames_do_not_differ() -> None:
    rng = np.random.default_rng(0)
    assert set(judge([rng.integers(0, 3, (180, 320, 3), dtype=np.uint8) for _ in range(6)])) == {Cut.NO}


def test_a_moving_head_is_no_cut_but_a_jump_is_suspicious() -> None:
    room = scene(320, 240)
    frames = [with_head(room, 20 + 3 * k, 20) for k in range(8)]
    *moving, jump = judge([*frames, with_head(room, 110, 20)])
    assert Cut.CERTAIN not in moving and set(moving[4:]) == {Cut.NO}
    assert jump is not Cut.NO
