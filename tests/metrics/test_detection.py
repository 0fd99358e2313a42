import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as sk

from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.detection import (
    accuracy,
    auc,
    average_precision,
    balanced_accuracy,
    detection_metrics,
    eer,
    rates,
    roc_curve,
    tpr_at_fpr,
)


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Uneven classes, and scores on a coarse grid so that most are tied."""
    rng = np.random.default_rng(seed)
    labels = np.append(rng.random(rng.integers(2, 200)) < rng.uniform(0.05, 0.95), [False, True]).astype(int)
    levels = rng.integers(1, 40)
    return np.round(rng.beta(2, 2, len(labels)) * levels + labels * rng.uniform(0, 2)).clip(0, levels) / levels, labels


def sk_eer(labels: np.ndarray, scores: np.ndarray) -> float:
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    return brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1, xtol=1e-13)


def naive_eer(labels: np.ndarray, scores: np.ndarray) -> float:
    """Walks the ROC polyline segment by segment."""
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    for k in range(1, len(fpr)):
        a, b = 1 - tpr[k - 1] - fpr[k - 1], 1 - tpr[k] - fpr[k]
        if b <= 0:
            return fpr[k - 1] + a / (a - b) * (fpr[k] - fpr[k - 1])
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_metrics_equal_scikit_learn_on_tied_scores(block: int) -> None:
    for seed in range(block * 20, block * 20 + 20):
        scores, labels = random_case(seed)
        fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
        curve = roc_curve(scores, labels)
        assert curve.fpr == pytest.approx(fpr, abs=1e-9) and curve.tpr == pytest.approx(tpr, abs=1e-9)
        assert auc(scores, labels) == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-9)
        assert average_precision(scores, labels) == pytest.approx(sk.average_precision_score(labels, scores), abs=1e-9)
        assert tpr_at_fpr(scores, labels) == pytest.approx(tpr[fpr <= 0.01].max(), abs=1e-9)
        assert tpr_at_fpr(scores, labels, max_fpr=0.2) == pytest.approx(tpr[fpr <= 0.2].max(), abs=1e-9)
        assert accuracy(scores, labels) == pytest.approx(sk.accuracy_score(labels, scores >= 0.5), abs=1e-9)
        passed, hit = sk.recall_score(labels == 0, scores < 0.5), sk.recall_score(labels, scores >= 0.5)
        assert rates(scores, labels) == pytest.approx((1 - passed, hit), abs=1e-9)
        expected = sk.balanced_accuracy_score(labels, scores >= 0.5)
        assert balanced_accuracy(scores, labels) == pytest.approx(expected, abs=1e-9)
        assert eer(scores, labels) == pytest.approx(naive_eer(labels, scores), abs=1e-9)


def test_eer_equals_the_root_of_the_interpolated_roc_curve() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels = rng.permutation(np.arange(150) % 2)
        scores = rng.normal(labels * rng.uniform(0, 3))
        assert eer(scores, labels) == pytest.approx(sk_eer(labels, scores), abs=1e-9)


def test_weights_are_repetitions_and_a_missing_class_is_nan() -> None:
    scores, labels = random_case(7)
    weights = np.random.default_rng(1).integers(0, 4, (5, len(scores))).astype(float)
    weights[4, labels == 0] = 0
    for metric in (auc, average_precision, eer, balanced_accuracy, accuracy, tpr_at_fpr):
        values = metric(scores, labels, weights)
        for row in range(4):
            drawn = np.repeat(np.arange(len(scores)), weights[row].astype(int))
            assert values[row] == pytest.approx(metric(scores[drawn], labels[drawn]), abs=1e-12)
        assert np.isnan(values[4]) or metric is accuracy


def test_the_order_of_tied_items_does_not_matter() -> None:
    labels = np.array([1, 1, 0, 0])
    for order in (np.arange(4), np.arange(4)[::-1]):
        assert auc(np.full(4, 0.3), labels[order]) == 0.5
        assert average_precision(np.full(4, 0.3), labels[order]) == 0.5


def test_thresholded_scores_would_change_average_precision_and_are_refused() -> None:
    scores, labels = random_case(11)
    assert average_precision((scores >= 0.5).astype(float), labels) != pytest.approx(average_precision(scores, labels))
    for thresholded in (scores >= 0.5, (scores >= 0.5).astype(int)):
        with pytest.raises(ValueError, match="thresholded"):
            average_precision(thresholded, labels)


@pytest.mark.parametrize("missing", [0, 1])
def test_one_class_alone_is_an_error_not_a_half(missing: int) -> None:
    for metric in (auc, average_precision, eer, balanced_accuracy, accuracy, tpr_at_fpr, detection_metrics, roc_curve):
        with pytest.raises(ValueError, match="both classes"):
            metric(np.array([0.1, 0.9]), np.full(2, 1 - missing))


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        ([0.1, float("nan"), 0.3], [0, 1, 1], "1 of 3 scores are NaN"),
        ([0.1, float("inf")], [0, 1], "infinite"),
        ([0.1, 0.2], [0, 2], "labels must be 0"),
        ([0.1, 0.2], [0, 1, 1], "one length"),
        ([[0.1, 0.2]], [[0, 1]], "one length"),
    ],
)
def test_broken_input_is_an_error(scores: list, labels: list, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        auc(scores, labels)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_give_what_arrays_give(dtype: torch.dtype) -> None:
    scores, labels = random_case(3)
    tensor = torch.tensor(scores, dtype=dtype, requires_grad=True)
    assert auc(tensor, torch.tensor(labels)) == auc(tensor.detach().double().numpy(), labels)


def test_detection_metrics_have_intervals_around_their_values() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    scores = 1 / (1 + np.exp(-rng.normal(labels * 1.5)))
    result = detection_metrics(scores, labels, groups=np.arange(120) // 6, bootstrap=Bootstrap(300))
    assert [name for name in result if not name.startswith("ece")] == [
        "auc", "average_precision", "eer", "balanced_accuracy", "accuracy", "tpr_at_fpr_1", "fpr", "tpr",
    ]  # fmt: skip
    for name, metric in result.items():
        if name.startswith("ece"):
            assert metric.interval is None
            continue
        assert metric.interval is not None and metric.interval.groups == 20
        assert metric.interval.low <= metric.value <= metric.interval.high
    assert result["ece"].value == pytest.approx(result["ece_balanced"].value)  # 60 of each class
    assert result["auc"].value == pytest.approx(sk.roc_auc_score(labels, scores))
    assert detection_metrics(scores, labels, groups=["one"] * 120)["auc"].interval is None
    strict = detection_metrics(scores, labels, bootstrap=Bootstrap(0), threshold=0.9)["balanced_accuracy"].value
    assert strict == sk.balanced_accuracy_score(labels, scores >= 0.9) != result["balanced_accuracy"].value
    with pytest.raises(ValueError, match="sigmoid"):
        detection_metrics(scores * 5, labels)
