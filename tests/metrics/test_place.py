"""The place-matched AUC against scikit-learn, pixel by pixel; and what it is blind to by design."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.place import CELLS, PlaceTally, placed_auc

NONE = Bootstrap(n=0)
Frame = tuple[np.ndarray, np.ndarray]


def frames_of(seed: int, count: int, forged: bool, lift: float = 0.1) -> list[Frame]:
    """Random levels, higher towards the middle; forged ones lifted within a random rectangle."""
    rng = np.random.default_rng(seed)
    middle = np.exp(-np.square(np.linspace(-2, 2, CELLS)))
    frames = []
    for _ in range(count):
        truth = np.zeros((CELLS, CELLS), bool)
        if forged:
            y, x = rng.integers(0, CELLS - 12, 2)
            truth[y : y + rng.integers(3, 12), x : x + rng.integers(3, 12)] = True
        values = 0.5 * middle * middle[:, None] + 0.3 * rng.random(truth.shape) + lift * truth
        frames.append((np.rint(255 * values).astype(np.uint8), truth))
    return frames


def tally_of(frames: list[Frame]) -> PlaceTally:
    tally = PlaceTally()
    for values, truth in frames:
        tally.add(values, truth)
    return tally


def naive(frames: list[Frame]) -> float:
    """The mean over forged frames and their forged pixels of the AUC against that pixel of all genuine frames."""
    genuine = [values for values, truth in frames if not truth.any()]
    found = []
    for values, truth in frames:
        if truth.any():
            aucs = [
                roc_auc_score([1] + [0] * len(genuine), [values[y, x], *(other[y, x] for other in genuine)])
                for y, x in zip(*np.nonzero(truth), strict=True)
            ]
            found.append(np.mean(aucs))
    return float(np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_auc_pixel_by_pixel(seed: int) -> None:
    videos = [frames_of(seed, 3, True), frames_of(seed + 10, 2, False), frames_of(seed + 20, 2, True)]
    videos.append(frames_of(seed + 30, 1, False) + frames_of(seed + 40, 1, True))
    found = placed_auc([tally_of(frames) for frames in videos], bootstrap=NONE)
    assert found is not None and 0.5 < found.value < 1
    assert found.value == pytest.approx(naive([frame for frames in videos for frame in frames]))


def test_a_constant_mask_has_a_half_however_well_it_lies() -> None:
    truth = np.zeros((224, 224), bool)
    truth[120:180, 70:150] = True
    constant = (200 * truth + 20).astype(np.uint8)[::2, ::2]
    forged, genuine = PlaceTally(), PlaceTally()
    for shift in range(4):
        forged.add(constant, np.roll(truth, shift, axis=1))
        genuine.add(constant, np.zeros_like(truth))
    found = placed_auc([forged, genuine], bootstrap=NONE)
    assert found is not None and found.value == 0.5


def test_a_perfect_answer_is_1_and_a_blind_one_that_marks_every_mouth_is_not() -> None:
    videos = [frames_of(seed, 3, seed % 2 == 0, lift=0.0) for seed in range(6)]
    perfect = [tally_of([(255 * truth.astype(np.uint8), truth) for _, truth in frames]) for frames in videos]
    assert placed_auc(perfect, bootstrap=NONE).value == 1.0
    assert placed_auc([tally_of(frames) for frames in videos], bootstrap=NONE).value == pytest.approx(0.5, abs=0.05)


def test_intervals_resample_people() -> None:
    videos = [tally_of(frames_of(seed, 2, seed % 2 == 0)) for seed in range(12)]
    found = placed_auc(videos, [*"aabbccddeeff"], Bootstrap(n=100))
    assert found.interval is not None and found.interval.groups == 6
    assert found.interval.low <= found.value <= found.interval.high


def test_without_both_there_is_nothing_to_compare() -> None:
    assert placed_auc([tally_of(frames_of(0, 2, True))]) is None
    assert placed_auc([tally_of(frames_of(0, 2, False))]) is None
    speck = PlaceTally()
    corner = np.zeros((224, 224), bool)
    corner[0, 0] = True  # less than half of its cell: no forged cell, and no genuine frame either
    speck.add(np.zeros((56, 56)), corner)
    assert not speck.forged and not speck.genuine
    with pytest.raises(ValueError, match="not bool"):
        speck.add(np.zeros((56, 56)), np.zeros((56, 56)))
