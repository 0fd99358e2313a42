from dataclasses import replace

import numpy as np
import pytest

from npvf.clip import Finding
from npvf.detect.aggregate import ClipScore
from npvf.detect.calibration import Calibration
from npvf.detect.detector import Detector
from npvf.detect.findings import finding
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.sync_peak import peak_height, with_peak, without_late_sound
from tests.helpers.findings import SUPPORTED, Told, moving_clip

RATIO = LikelihoodRatio(Calibration(1.0, 0.0), -2.0, 2.0)


def heard(log_odds: float) -> Finding:
    return finding("sound_and_lips", log_odds, RATIO, 2.0, track=0, measurements={})


def test_the_height_of_a_peak_is_in_deviations_of_the_rest() -> None:
    rng = np.random.default_rng(0)
    flat_L = rng.normal(0, 0.02, 31)
    peaked_L = flat_L.copy()
    peaked_L[14:18] = (0.2, 0.4, 0.3, 0.1)
    assert peak_height(flat_L) < 4 < peak_height(peaked_L)
    assert peak_height(np.where(np.arange(31) == 15, 1.0, np.tile([0.1, -0.1], 16)[:31])) == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    ("log_odds", "peak", "statement"),
    [
        (-3.0, 9.0, "agree"),
        (3.0, 9.0, "undecided"),  # a clear offset: it is not a dub
        (3.0, 2.0, "disagree"),
        (1.0, 2.0, "undecided"),
        (-3.0, 2.0, "not_judged"),
    ],
)
def test_a_mismatch_has_no_clear_offset_and_agreement_has_one(log_odds: float, peak: float, statement: str) -> None:
    found = with_peak(heard(log_odds), [{"offset_peak": peak}, {"offset_peak": 1.0}, {}], clear_peak=4.0)
    assert found.statement == statement
    assert (found.log10_lr is None) == found.reason.startswith("out_of_sync: ") == (statement == "not_judged")


def test_where_the_speech_is_too_short_for_a_curve_nothing_disagrees() -> None:
    assert with_peak(heard(-3.0), [{"seconds": 1.0}], clear_peak=4.0) == heard(-3.0)
    assert with_peak(heard(3.0), [{"seconds": 1.0}], clear_peak=4.0).statement == "undecided"
    assert with_peak(heard(3.0), [{}], clear_peak=4.0) == heard(3.0)  # another method, which measures no offset


def test_sound_that_fits_much_later_is_out_of_sync_and_not_a_mismatch() -> None:
    late = {"offset_frames": 12.0, "offset_peak": 8.0, "offset_corrected": 0.0}
    score = ClipScore("a-t0-000", "a", 0, (3.0,), (0,), measurements=late)
    said = without_late_sound(score, 4.0)
    assert (said.logits, said.starts) == ((), ()) and said.reason.endswith("the sound fits these lips 0.48 s late")
    early = replace(score, measurements={**late, "offset_frames": -12.0})
    assert without_late_sound(early, 4.0).reason.endswith("0.48 s early")
    for fits in ({**late, "offset_corrected": 1.0}, {**late, "offset_peak": 3.0}, {}):
        assert without_late_sound(replace(score, measurements=fits), 4.0).logits == (3.0,)


def test_a_video_with_late_sound_is_not_called_a_mismatch() -> None:
    class Late(Told):
        def score_clip(self, clip):
            late = {"seconds": 2.0, "offset_frames": 14.0, "offset_peak": 8.0, "offset_corrected": 0.0}
            return replace(super().score_clip(clip), measurements=late)

    parts = {"sound_and_lips": Late(9.0), "mouth_motion": Told(-3.0)}
    verdict = Detector(parts, dict.fromkeys(parts, SUPPORTED)).judge_clips([moving_clip()], "a.mp4", 2.0).verdict
    assert verdict.verdict == "abstain" and verdict.reason.startswith("out_of_sync: ")
    assert verdict.findings[0].measurements["offset_frames"] == 14.0
