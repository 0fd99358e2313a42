import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.pixels import (
    BINS,
    REACH,
    PixelTally,
    auc_error,
    best_mask_threshold,
    pixel_metrics,
    share_called,
    threshold_calling,
)

NONE = Bootstrap(n=0)


def tally_of(frames: list[tuple[np.ndarray, np.ndarray]], threshold: float = 0.5) -> PixelTally:
    tally = PixelTally(threshold)
    for probability_HW, forged_HW in frames:
        tally.add(probability_HW, forged_HW)
    return tally


def values(*tallies: PixelTally) -> dict[str, float]:
    return {name: estimate.value for name, estimate in pixel_metrics(tallies, bootstrap=NONE).items()}


def frames_of(seed: int, count: int = 4, share: float = 0.2, bits: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        forged_HW = rng.random((13, 17)) < share
        odds_HW = rng.normal(size=(13, 17)) * 3 + 2 * forged_HW - 1
        probability_HW = 1 / (1 + np.exp(-odds_HW))
        frames.append((np.rint(255 * probability_HW).astype(np.uint8) if bits else probability_HW, forged_HW))
    return frames


def as_float(probability_HW: np.ndarray) -> np.ndarray:
    return (probability_HW / 255 if probability_HW.dtype == np.uint8 else probability_HW).ravel()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bits", [False, True])
def test_each_frame_and_all_pixels_as_scikit_learn_has_it(seed: int, bits: bool) -> None:
    frames = frames_of(seed, bits=bits)
    threshold = 0.4
    tally = tally_of(frames, threshold)
    found = values(tally)
    scores, truths = [as_float(p) for p, _ in frames], [m.ravel() for _, m in frames]
    calls = [s >= threshold for s in scores]
    exact = 1e-9 if bits else auc_error([tally]) + 1e-12
    assert found["auc"] == pytest.approx(np.mean([*map(roc_auc_score, truths, scores)]), abs=exact)
    assert found["f1"] == pytest.approx(np.mean([*map(f1_score, truths, calls)]))
    assert found["iou"] == pytest.approx(np.mean([*map(jaccard_score, truths, calls)]))
    assert found["fpr"] == pytest.approx(np.mean([c[~m].mean() for m, c in zip(truths, calls, strict=True)]))
    truth, call, score = (np.concatenate(parts) for parts in (truths, calls, scores))
    assert found["auc_pooled"] == pytest.approx(roc_auc_score(truth, score), abs=exact)
    assert found["f1_pooled"] == pytest.approx(f1_score(truth, call))
    assert found["iou_pooled"] == pytest.approx(jaccard_score(truth, call))
    assert found["fpr_pooled"] == pytest.approx(call[~truth].mean())
    assert "fpr_genuine" not in found  # every frame holds forged pixels


def test_the_levels_of_an_8_bit_mask_have_bins_of_their_own() -> None:
    level_HW = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tally = tally_of([(level_HW, level_HW % 2 == 1)])
    assert (tally.counts_2K.sum(0) > 0).sum() == 256 and tally.auc_error == 0


def test_the_stated_bin_error_holds_where_bins_are_crowded() -> None:
    rng = np.random.default_rng(0)
    forged_HW = rng.random((40, 50)) < 0.3
    # A tenth of a bin's width around one value, which the truth orders.
    odds_HW = 1.0 + 2 * REACH / BINS * (0.1 * rng.random((40, 50)) + 0.1 * forged_HW)
    probability_HW = 1 / (1 + np.exp(-odds_HW))
    tally = tally_of([(probability_HW, forged_HW)])
    true = roc_auc_score(forged_HW.ravel(), probability_HW.ravel())
    assert true == 1.0 and values(tally)["auc"] < 1
    assert abs(values(tally)["auc"] - true) <= auc_error([tally]) + 1e-12


def test_ties_count_a_half() -> None:
    forged_HW = np.array([[True, True, False, False]])
    assert values(tally_of([(np.full((1, 4), 0.5), forged_HW)]))["auc"] == 0.5
    assert values(tally_of([(np.array([[0.9, 0.2, 0.2, 0.1]]), forged_HW)]))["auc"] == pytest.approx(3.5 / 4)


def test_frames_without_a_forged_pixel_count_for_false_alarms_alone() -> None:
    called = np.zeros((4, 5))
    called[0, :2] = 1.0
    forged_HW = np.zeros((4, 5), bool)
    forged_HW[0] = True
    tally = tally_of([(called, forged_HW), (called, np.zeros((4, 5), bool)), (0 * called, np.zeros((4, 5), bool))])
    found = values(tally)
    assert (tally.frames, tally.forged_frames) == (3, 1)
    assert found["iou"] == pytest.approx(2 / 5) and found["iou_pooled"] == pytest.approx(2 / 5)
    assert found["fpr"] == pytest.approx((0 + 0.1 + 0) / 3) and found["fpr_genuine"] == pytest.approx(0.05)
    assert found["fpr_pooled"] == pytest.approx(2 / 55)


def test_a_perfect_answer_on_half_genuine_frames_is_perfect() -> None:
    frames = frames_of(1) + frames_of(2, share=0.0)
    found = values(tally_of([(forged_HW.astype(float), forged_HW) for _, forged_HW in frames]))
    figures = ("auc", "f1", "iou", "auc_pooled", "f1_pooled", "iou_pooled")
    assert {found.pop(name) for name in figures} == {1.0} and set(found.values()) == {0.0}


def test_the_threshold_that_calls_a_share_of_genuine_faces() -> None:
    tallies = [tally_of(frames_of(seed, share=0.0)) for seed in (1, 2)]
    for share in (0.02, 0.5):
        threshold = threshold_calling(tallies, share)
        called = np.mean([share_called(tally, threshold) for tally in tallies])
        assert share - 0.03 < called <= share
    assert threshold_calling(tallies, 1.0) < 1e-3


def test_marking_genuine_frames_costs_false_positives_and_no_iou() -> None:
    forged, genuine = frames_of(1), [(np.ones((13, 17)), np.zeros((13, 17), bool))] * 4
    alone, beside = values(tally_of(forged)), values(tally_of(forged + genuine))
    for name in ("auc", "f1", "iou", "auc_pooled", "f1_pooled", "iou_pooled"):
        assert beside[name] == alone[name], name
    assert beside["fpr_genuine"] == 1.0 and beside["fpr_pooled"] > alone["fpr_pooled"] and beside["fpr"] > alone["fpr"]


def test_a_real_video_alone_has_false_alarms_and_nothing_else() -> None:
    found = values(tally_of([(np.full((3, 3), 0.9), np.zeros((3, 3), bool))]))
    assert found == {"fpr": 1.0, "fpr_genuine": 1.0, "fpr_pooled": 1.0}


def test_a_frame_that_is_forged_all_over_has_no_auc_and_no_false_alarms() -> None:
    probability_HW = np.array([[0.9, 0.1]])
    found = values(tally_of([(probability_HW, np.ones((1, 2), bool))]))
    assert found == pytest.approx({"f1": 2 / 3, "iou": 0.5, "f1_pooled": 2 / 3, "iou_pooled": 0.5})


def test_nothing_found_is_0_and_everything_found_is_1() -> None:
    forged_HW = np.arange(12).reshape(3, 4) < 5
    missed, found = values(tally_of([(np.zeros((3, 4)), forged_HW)])), values(tally_of([(forged_HW * 1.0, forged_HW)]))
    assert (missed["f1"], missed["iou"], missed["auc"]) == (0.0, 0.0, 0.5)
    assert (found["f1"], found["iou"], found["auc"], found["fpr"]) == (1.0, 1.0, 1.0, 0.0)


def test_a_tally_does_not_grow_with_the_video_and_sums_over_videos() -> None:
    frames = frames_of(3, count=6)
    together, apart = values(tally_of(frames)), values(tally_of(frames[:2]), tally_of(frames[2:]))
    assert together == pytest.approx(apart)
    assert tally_of(frames * 5).counts_2K.shape == tally_of(frames[:1]).counts_2K.shape


def test_intervals_resample_videos_by_group() -> None:
    tallies = [tally_of(frames_of(seed)) for seed in range(8)]
    real = tally_of([(np.full((4, 4), 0.2), np.zeros((4, 4), bool))])
    estimates = pixel_metrics([*tallies, real], [*"aabbccdd", "e"], Bootstrap(n=200, seed=1))
    for estimate in estimates.values():
        assert estimate.interval is not None and estimate.interval.groups == 5
        assert estimate.interval.low <= estimate.value <= estimate.interval.high
    by_hand = np.average([values(t)["iou"] for t in tallies])
    assert estimates["iou"].value == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("probability_HW", "forged_HW", "what"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2), bool), "cannot be compared"),
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "cannot be compared"),
        (np.zeros((2, 3)), np.zeros((2, 3), np.uint8), "not bool"),
        (np.zeros((2, 3), int), np.zeros((2, 3), bool), "floats"),
        (np.full((2, 3), 1.5), np.zeros((2, 3), bool), "in \\[0, 1\\]"),
        (np.full((2, 3), np.nan), np.zeros((2, 3), bool), "in \\[0, 1\\]"),
    ],
)
def test_what_is_no_mask_is_said(probability_HW: np.ndarray, forged_HW: np.ndarray, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        PixelTally().add(probability_HW, forged_HW)
    with pytest.raises(ValueError, match="at least one frame"):
        pixel_metrics([PixelTally()])


@pytest.mark.slow
def test_the_best_threshold_is_found_by_trying_all() -> None:
    frames = frames_of(3) + frames_of(4, share=0.0)
    threshold = best_mask_threshold([tally_of(frames[:3]), tally_of(frames[3:])])
    probability, forged = (np.concatenate([pair[i].ravel() for pair in frames]) for i in (0, 1))
    best = max(jaccard_score(forged, probability >= at) for at in np.unique(probability))
    assert jaccard_score(forged, probability >= threshold) == pytest.approx(best, abs=2e-3)
    assert best_mask_threshold([tally_of(frames_of(4, share=0.0))]) == 0.5


def test_the_share_that_a_threshold_calls_forged() -> None:
    frames = frames_of(3)
    probability = np.concatenate([pair[0].ravel() for pair in frames])
    for threshold in (0.2, 0.5, 0.9):
        expected = (probability >= threshold).mean()
        assert share_called(tally_of(frames), threshold) == pytest.approx(expected, abs=2e-2)
