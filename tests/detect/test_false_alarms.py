import numpy as np
import pytest
from scipy.special import expit

from npvf.detect.false_alarms import FalseAlarms, choose_threshold


def test_one_per_cent_of_many_videos_may_be_called_fake() -> None:
    log_odds = np.random.default_rng(0).permutation(np.linspace(0, 10, 500)).tolist()
    threshold, alarms = choose_threshold(log_odds, range(500))
    assert (expit(log_odds) >= threshold).sum() == alarms.alarms == 5
    assert alarms.videos == alarms.people == 500 and 0.01 < alarms.at_most < 0.025


def test_few_videos_allow_none_and_support_less() -> None:
    """Without an alarm in n videos, the upper end is 1 - 0.05^(1/n), about 3 / n."""
    threshold, alarms = choose_threshold(np.linspace(-3, 2, 60).tolist(), [k // 6 for k in range(60)])
    assert threshold > expit(2.0) and alarms.alarms == 0 and alarms.people == 10
    assert alarms.at_most == pytest.approx(1 - 0.05 ** (1 / 60))
    assert choose_threshold([-5.0] * 299, range(299))[1].at_most == pytest.approx(0.01, abs=1e-4)


def test_more_may_be_allowed() -> None:
    threshold, alarms = choose_threshold([5.0, 4.0, 3.0, 2.0, 1.0], range(5), rate=0.4)
    assert expit(3.0) < threshold < expit(4.0) and alarms.alarms == 2


def test_evidence_against_a_forgery_never_calls_fake() -> None:
    assert choose_threshold([-5.0, -4.0], ["a", "b"])[0] == 0.5


def test_without_genuine_videos_there_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="genuine videos"):
        choose_threshold([], [])
    assert str(FalseAlarms()) == "not fitted on genuine videos"
