from collections.abc import Iterator

import numpy as np
import pytest

from npvf.faces.alignment import apply_transform
from npvf.faces.landmarks import Landmarker
from npvf.faces.tracks import StackedCrops, TrackPiece, face_tracks
from tests.helpers.astronaut import scene, with_head

ROOM = scene(400, 240)


def tracks(frames: list[np.ndarray], landmarker: Landmarker, **options: float) -> list[TrackPiece[np.ndarray]]:
    return list(face_tracks(iter(frames), landmarker, StackedCrops, **options))


def spans(pieces: list[TrackPiece[np.ndarray]]) -> list[tuple[int, int, int]]:
    return sorted((piece.track, piece.start, piece.start + piece.frames) for piece in pieces)


@pytest.mark.slow
def test_one_face_makes_one_piece_of_every_frame(landmarker: Landmarker) -> None:
    frames = [with_head(ROOM, 20 + 4 * k, 10 + k) for k in range(30)]
    (piece,) = tracks(frames, landmarker)
    assert (piece.track, piece.start, piece.frames) == (0, 0, 30)
    assert piece.crops.shape == (30, 224, 224, 3) and piece.crops.dtype == np.uint8
    assert piece.landmarks_TN2.shape == piece.source_landmarks_TN2.shape == (30, 478, 2)
    assert piece.transform_T23.shape == (30, 2, 3)
    for array in (piece.landmarks_TN2, piece.source_landmarks_TN2, piece.transform_T23, piece.confidence_T):
        assert array.dtype == np.float32
    assert (piece.confidence_T > 0.9).all()
    np.testing.assert_allclose(
        apply_transform(piece.transform_T23, piece.source_landmarks_TN2), piece.landmarks_TN2, atol=1e-3
    )
    # The head moves by 4 pixels a frame; in the crop it stands still.
    assert np.ptp(piece.landmarks_TN2[3:-3, 168], axis=0).max() < 6
    assert np.abs(np.diff(piece.crops[5:-5, 40:180, 40:180].astype(float), axis=0)).mean() < 6


@pytest.mark.slow
def test_a_long_track_continues_in_further_pieces_without_a_seam(landmarker: Landmarker) -> None:
    frames = [with_head(ROOM, 60 + 2 * k, 15) for k in range(27)]
    whole, parts = tracks(frames, landmarker), tracks(frames, landmarker, max_seconds=0.4)
    assert spans(parts) == [(0, 0, 10), (0, 10, 20), (0, 20, 27)]
    np.testing.assert_allclose(np.concatenate([p.transform_T23 for p in parts]), whole[0].transform_T23, rtol=1e-4)
    np.testing.assert_array_equal(np.concatenate([p.crops for p in parts]), whole[0].crops)


@pytest.mark.slow
def test_a_short_loss_is_bridged_and_marked(landmarker: Landmarker) -> None:
    def frame(k: int) -> np.ndarray:
        picture = with_head(ROOM, 60 + 3 * k, 15)
        if 12 <= k < 18:
            picture[60:200, 90 + 3 * k : 230 + 3 * k] = 128  # a hand, a sheet of paper
        return picture

    (piece,) = tracks([frame(k) for k in range(30)], landmarker)
    assert (piece.start, piece.frames) == (0, 30)
    lost = np.flatnonzero(piece.confidence_T == 0)
    assert set(range(12, 18)) <= set(lost.tolist()) <= set(range(12, 20))
    steps = np.diff(piece.source_landmarks_TN2[:, 168, 0])
    np.testing.assert_allclose(steps[11:19], 3, atol=1.5)


def test_a_long_loss_ends_the_track(landmarker: Landmarker) -> None:
    with_face, without = with_head(ROOM, 60, 15), ROOM
    pieces = tracks([with_face] * 5 + [without] * 14 + [with_face] * 15, landmarker)
    (first, second) = sorted(pieces, key=lambda piece: piece.start)
    assert (first.track, first.start, first.frames) == (0, 0, 5)
    assert second.track == 1 and second.start + second.frames == 34


@pytest.mark.slow
def test_two_faces_are_two_tracks(landmarker: Landmarker) -> None:
    room = scene(500, 240)
    frames = [with_head(with_head(room, 10 + k, 10), 280 - k, 20, 0.9, mirrored=True) for k in range(20)]
    pieces = tracks(frames, landmarker)
    assert [(start, end) for _, start, end in spans(pieces)] == [(0, 20), (0, 20)]
    left, right = sorted(pieces, key=lambda piece: piece.source_landmarks_TN2[0, 168, 0])
    assert (np.diff(left.source_landmarks_TN2[:, 168, 0]) > 0).mean() > 0.8
    assert (np.diff(right.source_landmarks_TN2[:, 168, 0]) < 0).mean() > 0.8


@pytest.mark.slow
def test_faces_that_cross_keep_their_numbers(landmarker: Landmarker) -> None:
    """The larger face passes before the smaller one, which is out of sight for a moment."""
    room = scene(600, 240)
    frames = []
    for k in range(28):
        behind = with_head(room, 400 - 15 * k, 40, 0.8, mirrored=True)
        frames.append(with_head(behind, 10 + 14 * k, 5, 1.05))
    pieces = [piece for piece in tracks(frames, landmarker) if piece.frames > 7]
    before = next(p for p in pieces if p.start == 0 and p.source_landmarks_TN2[0, 168, 0] < 300)
    assert before.frames == 28
    assert (np.diff(before.source_landmarks_TN2[:, 168, 0]) > 5).all()
    for piece in pieces:
        if piece is not before:
            assert (np.diff(piece.source_landmarks_TN2[:, 168, 0]) < 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("other_room", [scene(400, 240, seed=5), ROOM], ids=["another room", "the same wall"])
def test_a_cut_ends_the_track(landmarker: Landmarker, other_room: np.ndarray) -> None:
    def other(k: int) -> np.ndarray:
        # Nobody else is at hand: upside down in colour and mirrored, the astronaut is another person.
        return with_head(other_room, 90 + k, 15, mirrored=True)[..., ::-1]

    frames = [with_head(ROOM, 80 + k, 15) for k in range(12)] + [other(k) for k in range(12)]
    pieces = tracks(frames, landmarker)
    assert [(start, end) for _, start, end in spans(pieces)] == [(0, 12), (12, 24)]
    assert {track for track, _, _ in spans(pieces)} == {0, 1}


@pytest.mark.slow
def test_rapid_cuts_between_two_people_before_the_same_wall(landmarker: Landmarker) -> None:
    shot = 6
    people = [with_head(ROOM, 80, 15), with_head(ROOM, 84, 15, mirrored=True)[..., ::-1]]
    people[1][:, :80], people[1][:, 290:] = ROOM[:, :80], ROOM[:, 290:]
    pieces = tracks([people[k // shot % 2] for k in range(5 * shot)], landmarker)
    assert spans(pieces) == [(n, n * shot, (n + 1) * shot) for n in range(5)]


@pytest.mark.slow
def test_the_crop_of_a_still_face_does_not_tremble(landmarker: Landmarker) -> None:
    """Noise of a sensor moves landmarks by tenths of a pixel; smoothing keeps the crop still."""
    rng, still = np.random.default_rng(0), with_head(ROOM, 80, 15).astype(np.float32)
    frames = [(still + rng.normal(0, 6, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(40)]
    (piece,) = tracks(frames, landmarker)
    corners = apply_transform(piece.transform_T23, np.array([(110.0, 40.0), (250.0, 190.0)]))
    assert np.abs(np.diff(corners, axis=0)).mean() < 0.1


@pytest.mark.slow
def test_frames_are_read_as_they_are_needed(landmarker: Landmarker) -> None:
    """Pieces come out while the video is still being read, a look-ahead behind it: memory is bounded."""
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        while True:
            read += 1
            yield with_head(ROOM, 60, 15)

    pieces = face_tracks(endless(), landmarker, StackedCrops, max_seconds=0.4)
    for n in range(1, 4):
        assert next(pieces).start == 10 * (n - 1)
        assert read <= 10 * n + 12
