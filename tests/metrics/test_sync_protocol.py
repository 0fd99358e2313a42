from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from npvf.clip import SEGMENT_FRAMES
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.sync_embeddings import CorrelatedCurves, FramewiseFeatures
from npvf.metrics.sync_protocol import Settings, SynchronyMetrics, choose_segments, measure_synchrony, swap_partners

QUICK = Settings(bootstrap=Bootstrap(100))


def talk(clips: int, frames: int, noise: float, late: int = 0, seed: int = 0) -> FramewiseFeatures:
    """Pictures and sounds of `clips` clips that share a stream of vectors, plus noise; the sound `late` frames late."""
    rng = np.random.default_rng(seed)
    v, a = [], []
    for _ in range(clips):
        stream = rng.normal(size=(frames + abs(late), 16))
        pair = stream[max(late, 0) :][:frames], stream[max(-late, 0) :][:frames]
        noisy = [normalize(torch.tensor(part + noise * rng.normal(size=part.shape)), dim=-1) for part in pair]
        v.append(noisy[0])
        a.append(noisy[1])
    return FramewiseFeatures(v, a)


def value(report: SynchronyMetrics, name: str) -> float:
    return report.estimates[name].value


def test_features_that_belong_together_are_found() -> None:
    report = measure_synchrony(talk(20, 75, noise=1.0), ["ann"] * 10 + ["bob"] * 10, settings=QUICK)
    assert report.clips == 20 and report.segments == 60 and not report.missing
    for name in ("retrieval_r1", "sync_within_1", "halves_agree", "swap_auc", "shift_auc"):
        assert value(report, name) > 0.95, name
        interval = report.estimates[name].interval
        assert interval is not None and interval.groups == 20
        assert interval.low <= value(report, name) <= interval.high
    assert value(report, "swap_auc_same_identity") > 0.95
    assert value(report, "swap_auc_other_identity") > 0.95
    content = report.to_json()
    assert content["retrieval_chance"] == 1 / 60
    assert content["sync_within_1_n"] == 20 and content["retrieval_r1_n"] == 60
    assert content["median_offset"] == 0


def test_features_that_have_nothing_in_common_are_at_chance() -> None:
    v, a = talk(60, 75, 0), talk(60, 75, 0, seed=1)
    report = measure_synchrony(FramewiseFeatures(v.v, a.a), settings=QUICK)
    assert value(report, "retrieval_r1") < 0.1
    assert value(report, "sync_within_1") < 0.3
    assert value(report, "swap_auc") == pytest.approx(0.5, abs=0.1)
    assert value(report, "shift_auc") == pytest.approx(0.5, abs=0.1)


def test_collapsed_features_are_at_chance_too() -> None:
    same = [torch.ones(75, 4) / 2] * 20
    report = measure_synchrony(FramewiseFeatures(same, same), settings=QUICK)
    assert value(report, "retrieval_r1") == pytest.approx(1 / 60)
    assert value(report, "swap_auc") == value(report, "shift_auc") == 0.5
    assert value(report, "sync_within_1") == value(report, "halves_agree") == 0


@pytest.mark.parametrize("late", [-6, 2])
def test_a_constant_offset_is_reported_and_not_taken_for_synchrony(late: int) -> None:
    report = measure_synchrony(talk(12, 75, noise=0.5, late=late), settings=QUICK)
    assert report.to_json()["median_offset"] == late
    assert value(report, "sync_within_1") == 0
    assert value(report, "halves_agree") == 1
    assert (value(report, "swap_auc") > 0.95) == (abs(late) <= 2)
    farther = measure_synchrony(talk(12, 75, noise=0.5, late=late), settings=replace(QUICK, swap_reach=7))
    assert value(farther, "swap_auc") > 0.95


def test_short_clips_are_named_not_dropped_unseen() -> None:
    long, short = talk(4, 60, 0.5), talk(1, 20, 0.5, seed=1)
    report = measure_synchrony(FramewiseFeatures([*short.v, *long.v], [*short.a, *long.a]), settings=QUICK)
    assert report.unusable == [0] and report.clips == 4
    assert report.to_json()["clips_unusable"] == 1
    with pytest.raises(ValueError, match="23 usable frames"):
        measure_synchrony(short, settings=QUICK)


def test_the_gate_decides_which_sound_counts() -> None:
    streams = talk(10, 75, 0.3)
    wrong = talk(10, 75, 0.3, seed=5)
    gate = torch.arange(75) % 25 < 15
    mixed = [torch.where(gate[:, None], a, b) for a, b in zip(streams.a, wrong.a, strict=True)]
    gated = measure_synchrony(FramewiseFeatures(streams.v, mixed, [gate] * 10), settings=QUICK)
    ungated = measure_synchrony(FramewiseFeatures(streams.v, mixed), settings=QUICK)
    own = [FramewiseFeatures(streams.v, mixed, g).curve(0, 0, 2)[2] for g in ([gate] * 10, None)]
    assert own[0] > own[1] + 0.2
    assert value(gated, "swap_auc") >= value(ungated, "swap_auc")


def test_what_cannot_be_measured_says_why() -> None:
    report = measure_synchrony(talk(1, 40, 0.5), settings=QUICK)
    assert report.missing["swap_auc"] == "there is only one clip"
    assert "known identities" in report.missing["swap_auc_other_identity"]
    assert "two searches" in report.missing["halves_agree"]
    assert report.estimates["sync_within_1"].interval is None
    assert report.to_json()["sync_within_1_ci"] is None


def test_the_seed_decides() -> None:
    streams = talk(15, 75, 3.0)
    first, again, other = (
        measure_synchrony(streams, settings=Settings(segments=20, seed=seed, bootstrap=Bootstrap(50))).to_json()
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_groups_are_resampled_whole() -> None:
    report = measure_synchrony(talk(12, 75, 2.0), groups=np.arange(12) // 3, settings=QUICK)  # type: ignore[arg-type]
    assert {estimate.interval.groups for estimate in report.estimates.values() if estimate.interval} == {4}


def test_segments_are_spread_over_the_clips() -> None:
    offered = [range(0, 52, 8)] * 20
    segments = choose_segments(offered, 60)
    assert len(segments) == len(set(segments)) == 60
    assert [first for clip, first in segments if clip == 0] == [0, 24, 48]
    assert choose_segments([[0, 8, 16]], 1) == [(0, 8)]
    few = choose_segments([range(0, 52, 8), [3], []], 60)
    assert few == [(0, first) for first in range(0, 52, 8)] + [(1, 3)]


def test_segments_are_taken_where_the_gate_is_open() -> None:
    streams = talk(10, 75, 0.3)
    gate = torch.arange(75) >= 30
    report = measure_synchrony(FramewiseFeatures(streams.v, streams.a, [gate] * 10), settings=QUICK)
    assert report.segments == 50  # those from 16, 24, 32, 40 and 48 have at least 8 open frames
    assert value(report, "retrieval_r1") > 0.95


def test_swaps_have_a_similar_length_and_an_allowed_partner() -> None:
    lengths = [50, 52, 100, 105, 400]
    allowed = np.ones((5, 5), bool)
    allowed[0, 1] = False
    pairs = swap_partners(lengths, allowed, count=3)
    assert {pair for pair in pairs if pair[0] in (1, 2, 3)} == {(1, 0), (2, 3), (3, 2)}
    assert (0, 2) in pairs and (4, 3) in pairs  # none is similar: the nearest
    assert all(picture != sound for picture, sound in pairs)


def correlated(clips: int, noise: float) -> CorrelatedCurves:
    rng = np.random.default_rng(0)
    shared = [np.convolve(rng.normal(size=80), np.ones(3), "same") for _ in range(clips)]
    return CorrelatedCurves([s + noise * rng.normal(size=80) for s in shared], [5 * s + 100 for s in shared])


def test_the_baseline_is_a_plain_correlation_over_common_frames() -> None:
    curves = correlated(3, 1.0)
    v, a = curves.picture[0], curves.sound[1]
    curve = curves.curve(0, 1, 15)
    assert curve[15] == pytest.approx(np.corrcoef(v, a)[0, 1])
    assert curve[15 + 4] == pytest.approx(np.corrcoef(v[:-4], a[4:])[0, 1])
    assert curve[15 - 4] == pytest.approx(np.corrcoef(v[4:], a[:-4])[0, 1])
    table = curves.matrix([(0, 3), (1, 40)], SEGMENT_FRAMES)
    assert table[0, 1] == pytest.approx(np.corrcoef(v[3:27], a[40:64])[0, 1])


def test_the_baseline_runs_through_the_same_protocol() -> None:
    report = measure_synchrony(correlated(20, 0.5), settings=QUICK)
    assert value(report, "swap_auc") > 0.95 and value(report, "sync_within_1") > 0.9
    still = CorrelatedCurves([np.full(80, 0.1)] * 4, [np.random.default_rng(0).normal(size=80)] * 4)
    report = measure_synchrony(still, settings=QUICK)
    assert value(report, "swap_auc") == 0.5 and value(report, "sync_within_1") == 0


def test_features_must_be_unit_vectors_of_one_length() -> None:
    good = torch.ones(30, 4) / 2
    for bad in (good * 2, good * float("nan")):
        with pytest.raises(ValueError, match="unit vectors"):
            FramewiseFeatures([good], [bad])
    half = normalize(torch.randn(30, 512), dim=-1).bfloat16()
    assert FramewiseFeatures([half], [half]).curve(0, 0, 0) == pytest.approx(1)
    with pytest.raises(ValueError, match="same number"):
        FramewiseFeatures([good], [good[1:]])
