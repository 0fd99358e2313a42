from pathlib import Path

import pytest

from npvf.report.player import make_player, overview
from npvf.report.preview import Preview
from tests.helpers.judged_video import judged_video, speaking_clip, tiny_detector


@pytest.fixture
def judgement(tmp_path: Path):
    other = speaking_clip(track=1, is_speaker=False)
    return judged_video(tmp_path / "v.mp4", tiny_detector(), other)


def test_boxes_are_shares_of_the_frame_on_the_clock_of_the_video(judgement) -> None:
    player = make_player(judgement, tiny_detector(), Preview(b"x", 0.0, 2.0))
    assert [(clip["face"], clip["first"], len(clip["boxes"])) for clip in player.data["faces"]] == [
        (1, 0, 50),
        (0, 0, 50),
    ]
    x, y, width, height = player.data["faces"][0]["boxes"][7]
    points_N2 = speaking_clip().source_landmarks_TN2[7]
    assert (x, y) == pytest.approx(points_N2.min(axis=0) / 224, abs=1e-3)
    assert (x + width, y + height) == pytest.approx(points_N2.max(axis=0) / 224, abs=1e-3)
    assert player.is_whole and player.video == "data:video/mp4;base64,eA=="


def test_the_overview_has_a_lane_for_each_face_and_method(judgement) -> None:
    lanes = overview(judgement, tiny_detector())
    names = [(lane.face, lane.name) for lane in lanes]
    assert names == [(0, "seen"), (0, "sound"), (0, "motion"), (1, "seen"), (1, "motion")]
    motion = lanes[2].spans
    assert [span.suspicious for span in motion] == [True] and motion[0].title.endswith("mouth motion, generated 0.95")
    assert all(0 <= span.left <= 100 and span.left + span.width <= 100.1 for lane in lanes for span in lane.spans)
