import numpy as np
import pytest

from npvf.faces.cuts import Cut, thumbnail
from npvf.faces.geometry import STABLE, TEMPLATE_S2
from npvf.faces.landmarks import Face
from npvf.faces.tracking import MAX_GAP, Tracker


def face(x: float, y: float = 100.0, size: float = 20.0, person: int = 0) -> Face:
    """A face that consists of its stable points and of somebody's looks."""
    landmarks_N2 = np.full((478, 2), (x, y), np.float32)
    landmarks_N2[STABLE] += size * TEMPLATE_S2
    low, high = landmarks_N2.min(axis=0), landmarks_N2.max(axis=0)
    picture = np.random.default_rng(person).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return Face(landmarks_N2, (*low.tolist(), *high.tolist()), 1.0, thumbnail(picture, (32, 32)))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_numbers_stay_whatever_the_order_of_detection(order: tuple[int, int]) -> None:
    tracker = Tracker()
    tracker.update([face(100), face(300, person=1)])
    pair = [face(104), face(296, person=1)]
    seen, ended = tracker.update([pair[i] for i in order])
    assert seen == {0: pair[0], 1: pair[1]} and ended == []


@pytest.mark.parametrize("people", [(0, 1), (0, 0)], ids=["two people", "twins"])
def test_faces_that_cross_keep_their_numbers(people: tuple[int, int]) -> None:
    tracker = Tracker()
    for k in range(41):
        left, right = face(100 + 10 * k, person=people[0]), face(500 - 10 * k, person=people[1])
        covered = abs(left.box[0] - right.box[0]) < 35
        seen, ended = tracker.update([left] if covered else [left, right] if k == 0 else [right, left])
        assert ended == []
        assert seen[0] is left
        if not covered:
            assert seen[1] is right


def test_a_short_loss_is_survived_and_a_long_one_is_not() -> None:
    for lost, same in ((MAX_GAP, True), (MAX_GAP + 1, False)):
        tracker = Tracker()
        tracker.update([face(100)])
        ends = [tracker.update([])[1] for _ in range(lost)]
        seen, _ = tracker.update([face(100)])
        assert (0 in seen) is same
        assert ends[-1] == ([] if same else [0])


def test_a_face_far_off_or_of_another_size_is_another_face() -> None:
    tracker = Tracker()
    tracker.update([face(100)])
    assert 0 not in tracker.update([face(150)])[0]
    assert 0 not in tracker.update([face(100, size=40)])[0]


def test_a_certain_cut_ends_every_track() -> None:
    tracker = Tracker()
    tracker.update([face(100), face(300)])
    seen, ended = tracker.update([face(100)], Cut.CERTAIN)
    assert ended == [0, 1] and list(seen) == [2]


def test_after_a_suspected_cut_looks_decide() -> None:
    tracker = Tracker()
    tracker.update([face(100, person=0), face(300, person=1)])
    seen, ended = tracker.update([face(100, person=0), face(300, person=2)], Cut.SUSPECTED)
    assert ended == [1] and sorted(seen) == [0, 2]
    seen, _ = tracker.update([face(100, person=0), face(300, person=1)], Cut.SUSPECTED)
    assert sorted(seen) == [0, 3]  # the gap of track 1 would show somebody else


@pytest.mark.parametrize("shot", [2, 3, 8])
@pytest.mark.parametrize("cut", [Cut.NO, Cut.SUSPECTED])
def test_cuts_back_and_forth_do_not_make_one_track_of_two_people(shot: int, cut: Cut) -> None:
    tracker = Tracker()
    people: dict[int, set[int]] = {}
    for k in range(6 * shot):
        person = k // shot % 2
        seen, _ = tracker.update([face(100 + 2 * person, person=person)], cut if k % shot == 0 else Cut.NO)
        (track,) = seen
        people.setdefault(track, set()).add(k // shot)
    assert [len(shots) for shots in people.values()] == [1] * 6


def test_a_hand_before_a_face_is_no_cut() -> None:
    tracker = Tracker()
    tracker.update([face(100)])
    assert tracker.update([], Cut.SUSPECTED) == ({}, [])
    assert list(tracker.update([face(102)], Cut.SUSPECTED)[0]) == [0]
