import cv2
import numpy as np
import pytest

from npvf.faces.flow import flow_motion
from tests.helpers.astronaut import head


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dis", "farneback", "tvl1"])
def test_flow_follows_a_shift_in_pixels(method):
    picture = cv2.resize(head(), (96, 96))
    shifts = [(0, 0), (0.5, 0.25), (2.0, -0.5)]
    frames = [
        cv2.warpAffine(picture, np.array([(1.0, 0, x), (0, 1, y)]), (96, 96), flags=cv2.INTER_CUBIC) for x, y in shifts
    ]
    motion_T2HW = flow_motion(np.stack(frames), method)
    assert motion_T2HW.shape == (2, 2, 96, 96) and motion_T2HW.dtype == np.float32
    middle = motion_T2HW[:, :, 24:72, 24:72]
    np.testing.assert_allclose(np.median(middle, axis=(2, 3)), np.diff(shifts, axis=0), atol=0.1)


def test_a_pair_does_not_depend_on_its_clip():
    frames = np.stack([np.roll(cv2.resize(head(), (64, 64)), shift, axis=1) for shift in (0, 1, 3, 2)])
    together = flow_motion(frames)
    for t in range(3):
        np.testing.assert_array_equal(flow_motion(frames[t : t + 2])[0], together[t])


def test_what_does_not_fit_is_refused():
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="two frames"):
        flow_motion(frames[:1])
    with pytest.raises(ValueError, match="none of dis, farneback, tvl1"):
        flow_motion(frames, "raft")
