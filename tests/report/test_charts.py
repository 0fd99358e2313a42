from itertools import pairwise

import numpy as np
import pytest

from npvf.clip import Phone, Phones
from npvf.detect.aggregate import ClipScore
from npvf.detect.evidence import ClipEvidence
from npvf.detect.scoring import ScoredClip
from npvf.report.charts import (
    CURVE_HEIGHT,
    LEFT,
    LETTER,
    RIGHT,
    WIDTH,
    ChartRow,
    chart_rows,
    colour_of,
    leaning,
    smoothed,
)
from npvf.report.faces import EXAMPLES
from npvf.report.lanes import Lane
from npvf.speech.inventory import PHONES

LANE = Lane("sound", "mismatch", np.array([0, 12]), np.array([0.2, 0.96]), 24, 0.9)


def test_every_phone_has_a_word() -> None:
    assert set(EXAMPLES) == PHONES


def chart(frames: int, sound_s: float = 0.07, start: float = 0.0) -> tuple[ClipEvidence, list[ChartRow]]:
    count = int(frames / 25 / sound_s)
    phones = tuple(Phone("ah" if i % 2 else "m", i * sound_s, (i + 1) * sound_s) for i in range(count))
    compared_T = np.arange(frames) % 10 < 7
    agreement_T, gate_T = np.linspace(-1, 1, frames), np.zeros(frames, bool)  # the gate itself is not drawn
    scored = ScoredClip(np.zeros(0, int), np.zeros(0), agreement_T, gate_T, compared_T, 0, True)
    item = ClipEvidence(ClipScore("k", "v", 0), (start, start + frames / 25), Phones(phones, "times"), scored)
    return item, chart_rows(item, [LANE], frozenset({"m"}))


@pytest.mark.parametrize("frames", [24, 75, 126, 500])
def test_rows_hold_four_seconds_and_stay_inside_the_drawing(frames: int) -> None:
    item, rows = chart(frames)
    assert len(rows) == -(-frames // 100)
    for row in rows:
        assert LEFT < row.end <= WIDTH
        for points in row.faint + row.bold:
            places = [tuple(map(float, point.split(","))) for point in points.split()]
            assert all(LEFT <= x <= row.end and 0 <= y <= CURVE_HEIGHT for x, y in places)
        boxes = row.sounds
        assert all(box.x >= LEFT and box.x + box.width <= row.end + 0.2 for box in boxes)
        assert all(b.x >= a.x + a.width - 0.2 for a, b in pairwise(boxes))
    assert sum(len(row.sounds) for row in rows) >= len(item.phones.items)


@pytest.mark.parametrize("sound_s", [0.03, 0.05, 0.12])
def test_labels_do_not_overlap(sound_s: float) -> None:
    _, rows = chart(500, sound_s)
    for row in rows:
        for line in (0, 1, 2):
            labelled = [box for box in row.sounds if box.line == line]
            half = [LETTER * len(box.label) / 2 for box in labelled]
            ends = [(box.middle - h, box.middle + h) for box, h in zip(labelled, half, strict=True)]
            assert all(b[0] >= a[1] - 0.2 for a, b in pairwise(ends))
        assert all(b[0] - a[0] >= 60 for a, b in pairwise(row.ticks))


def test_critical_sounds_are_marked_and_what_is_not_compared_is_grey() -> None:
    _, (row,) = chart(50, 0.2)
    assert [box.critical for box in row.sounds[:4]] == [True, False, True, False]
    scale = (WIDTH - LEFT - RIGHT) / 50
    assert row.greyed[0] == (pytest.approx(LEFT + 7 * scale, abs=0.1), pytest.approx(3 * scale, abs=0.1))
    assert len(row.bold) == 5


def test_ticks_carry_the_time_of_the_video() -> None:
    assert [label for _, label in chart(24, start=59.6)[1][0].ticks] == ["59.75 s", "1:00", "1:00.25", "1:00.5"]


def test_smoothing_looks_at_compared_frames_alone() -> None:
    agreement_T, compared_T = np.where(np.arange(20) < 10, 0.5, -1.0), np.arange(20) < 10
    smooth_T = smoothed(agreement_T, compared_T)
    np.testing.assert_allclose(smooth_T[:10], 0.5)
    assert np.isnan(smooth_T[10:]).all()


def test_colours_run_from_orange_over_grey_to_blue() -> None:
    assert (colour_of(-9), colour_of(0), colour_of(1)) == ("#c95214", "#e8e6e1", "#2667b2")
    assert [leaning(p, 0.8) for p in (0.0, 0.8, 1.0)] == [1.0, 0.0, -1.0]


def test_a_segment_above_its_threshold_is_suspicious_and_jumps_to_its_start() -> None:
    _, (row,) = chart(50)
    ((name, boxes),) = row.lanes
    assert name == "sound" and [box.suspicious for box in boxes] == [False, False, True]
    assert [box.seek for box in boxes] == [0.0, 0.48, 0.96]
    assert boxes[2].title == "0.96\u20131.44 s: mismatch 0.96"


def test_a_phone_jumps_to_the_frame_in_its_middle() -> None:
    _, (row,) = chart(50, 0.2, start=3.0)
    assert [box.seek for box in row.sounds[:2]] == [3.1, 3.3]
    assert (row.start_s, row.end_s, row.scale) == (3.0, 5.0, pytest.approx((WIDTH - LEFT - RIGHT) / 2))


def test_a_clip_without_a_comparison_has_its_lanes_alone() -> None:
    item, _ = chart(50)
    item.scored = None
    (row,) = chart_rows(item, [LANE], frozenset())
    assert not row.compared and row.sounds == [] and row.bold == [] and row.lanes
    assert chart_rows(item, [], frozenset()) == []
