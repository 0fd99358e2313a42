"""A whole run: segments, silence, kinds of fakes, groups of people, time; and what is missing stays in the count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from npvf.audit.shortcuts import shortcuts
from npvf.clip import Clip
from npvf.data.selection import Selection
from npvf.detect.aggregate import ClipScore
from npvf.errors import NpvfError
from npvf.evaluate.detection import Evaluation, detection_metrics_of, run_evaluation
from npvf.evaluate.provenance import provenance, videos_hash
from npvf.evaluate.row_metrics import MetricSettings, proposals_of
from npvf.evaluate.video_scores import Row, SegmentRow
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import Bootstrap
from tests.helpers.labelled_videos import PEOPLE, Teller, line, make_corpus, people_corpus
from tests.helpers.tiny_corpus import blob_clip

pytestmark = pytest.mark.slow

QUICK = MetricSettings(bootstrap=Bootstrap(50))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return people_corpus(tmp_path_factory.mktemp("people"), silence=2)


@pytest.fixture(scope="module")
def found(corpus: Corpus) -> Evaluation:
    return run_evaluation(corpus, Teller(), settings=QUICK)


def test_planted_missing_files_change_the_coverage_and_never_the_denominator(tmp_path: Path, found: Evaluation) -> None:
    whole = run_evaluation(people_corpus(tmp_path, silence=2, missing=False), Teller(), settings=QUICK).report.to_json()
    report = found.report.to_json()
    assert (whole["real"], whole["fake"], whole["coverage"]) == (8, 16, 1.0) and whole["reasons"] == {}
    assert (report["real"], report["fake"]) == (9, 17)
    assert report["coverage"] == pytest.approx(24 / 26) and report["reasons"] == {"not_found": 2}
    assert report["auc"] == whole["auc"] and report["auc_all"] != whole["auc_all"] == whole["auc"]
    swap = report["by_manipulation"]["swap"]
    assert (swap["judged_fake"], swap["fake"]) == (8, 9) and swap["coverage"] == pytest.approx(16 / 18)
    assert report["segments"]["coverage"] == pytest.approx(24 / 26)
    assert report["trimmed"]["coverage"] == pytest.approx(24 / 26)


def test_a_clip_that_vanished_from_its_shard_is_not_judged_but_counted(tmp_path: Path) -> None:
    lines = [line("a", 0), line("b", 1), line("c", 1)]
    corpus = make_corpus(tmp_path, lines, [blob_clip("a", 0, label=0), blob_clip("b", 1, label=1)])
    report = run_evaluation(corpus, Teller(), settings=QUICK, silence="kept").report.to_json()
    assert (report["fake"], report["judged_fake"]) == (2, 1)
    assert report["reasons"] == {"no_clip": 1}


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    lines = [line("a", 0), line("b", 1), line("c", 1, phone_source=None)]
    clips = [blob_clip(video, n, label=int(n > 0)) for n, video in enumerate("abc")]
    clips[2].meta.is_speaker, clips[2].meta.no_sound = False, "no_audio"
    report = run_evaluation(
        make_corpus(tmp_path, lines, clips), Teller(), settings=QUICK, silence="kept"
    ).report.to_json()
    assert report["reasons"] == {"no_audio": 1} and report["coverage"] == pytest.approx(2 / 3)


def test_figures_are_those_of_scikit_learn_at_both_levels(found: Evaluation) -> None:
    for metrics, scores in ((found.report.main, found.kept), (found.report.trimmed, found.trimmed)):
        assert scores is not None and metrics is not None
        report = metrics.to_json()
        judged = [row for row in scores.rows if row.score is not None]
        assert report["auc"] == pytest.approx(
            roc_auc_score([r.label for r in judged], [r.score for r in judged]), abs=1e-9
        )
        part = report["segments"]
        expected = roc_auc_score([s.label for s in scores.segments], [s.score for s in scores.segments])
        assert part["auc"] == pytest.approx(expected, abs=1e-9)
        assert part["real"] + part["fake"] == len(scores.segments)


def test_a_segment_is_fake_where_enough_of_it_is_forged(found: Evaluation) -> None:
    assert found.kept is not None
    labels = {(s.video, round(25 * s.start)): s.label for s in found.kept.segments}
    # Forged from 1 s to 2 s, frames 25 to 49; a segment of 24 frames needs six of them.
    assert [labels["p0-swap", start] for start in (0, 12, 24, 36, 48)] == [0, 1, 1, 1, 0]
    assert [labels["p0-real", start] for start in (0, 12, 24, 36, 48)] == [0] * 5


def test_trimmed_clips_lack_their_silence_and_only_they_are_judged_again(corpus: Corpus) -> None:
    teller = Teller()
    found = run_evaluation(corpus, teller, settings=QUICK)
    again = teller.heard[24:]
    assert len(teller.heard) == 24 + 16 and {frames for _, frames in again} == {73}
    assert all("real" not in key for key, _ in again)
    assert found.kept is not None and found.trimmed is not None
    silence = {row.video: row.silence for row in found.kept.rows}
    assert silence["p0-swap"] == 0.08 and silence["p0-real"] == 0 and silence["gone-fake"] is None
    first = min(s.start for s in found.trimmed.segments if s.video == "p0-swap")
    assert first == pytest.approx(0.08)  # on the clock of the video
    rows = {row.video: row.seconds for row in found.trimmed.rows}
    assert (rows["p0-swap"], rows["p0-real"]) == (pytest.approx(73 / 25), pytest.approx(3.0))


def test_what_is_left_of_a_clip_can_be_too_short(tmp_path: Path) -> None:
    clips = [blob_clip("a", 0, label=0, frames=50), blob_clip("b", 1, label=1, frames=50), blob_clip("c", 2, label=1)]
    rng = np.random.default_rng(0)
    for clip in clips:
        clip.audio_N = rng.normal(0, 0.1, len(clip.audio_N)).astype(np.float32)
    clips[1].audio_N[: 640 * 30] = 0
    corpus = make_corpus(tmp_path, [line("a", 0), line("b", 1), line("c", 1)], clips)
    report = run_evaluation(corpus, Teller(), settings=QUICK).report.to_json()
    assert report["coverage"] == 1 and report["trimmed"]["coverage"] == pytest.approx(2 / 3)
    assert report["trimmed"]["reasons"] == {"too_short": 1}


@pytest.mark.parametrize("silence", ["kept", "trimmed"])
def test_one_way_alone(corpus: Corpus, found: Evaluation, silence: str) -> None:
    one = run_evaluation(corpus, Teller(), silence=silence, settings=QUICK)  # type: ignore[arg-type]
    assert one.report.silence == silence and one.report.trimmed is None
    expected = found.report.main if silence == "kept" else found.report.trimmed
    assert expected is not None and one.report.main.to_json() == expected.to_json()
    assert (one.kept is None, one.trimmed is None) == (silence == "trimmed", silence == "kept")


def test_the_planted_silence_is_the_strongest_shortcut(corpus: Corpus) -> None:
    strongest = shortcuts(corpus, Selection(label="known"), Bootstrap(50))[0]
    assert strongest.auc == 1 and "silence" in strongest.name and strongest.is_shortcut


def test_kinds_of_fakes_meet_all_reals_and_groups_their_own(found: Evaluation) -> None:
    report = found.report.to_json()
    assert list(report["by_category"]) == ["B", "C"]
    assert (report["by_category"]["C"]["real"], report["by_category"]["C"]["fake"]) == (9, 8)
    gender = report["by_attribute"]["gender"]
    rows = found.scores.rows
    for value, part in gender["parts"].items():
        judged = [row for row in rows if row.attributes.get("gender", "unknown") == value and row.score is not None]
        assert part["judged_real"] + part["judged_fake"] == len(judged)
        if value != "unknown":
            expected = roc_auc_score([r.label for r in judged], [r.score for r in judged])
            assert part["auc"] == pytest.approx(expected, abs=1e-9)
    assert gender["parts"]["unknown"]["real"] == 1 and "missing" in gender["parts"]["unknown"]  # the lost files


def test_the_gap_is_between_the_best_and_the_worst_group(found: Evaluation) -> None:
    for name in ("gender", "race"):
        group = found.report.main.by_attribute[name].to_json()
        values = {value: part["auc"] for value, part in group["parts"].items() if "auc" in part}
        assert group["gap"]["auc"] == pytest.approx(max(values.values()) - min(values.values()))
        assert values[group["gap"]["auc_high"]] == max(values.values())
        alarms = [part["fpr"] for part in group["parts"].values() if "fpr" in part]
        assert group["gap"]["fpr"] == pytest.approx(max(alarms) - min(alarms))
        assert group["gap"]["auc_ci"][0] <= group["gap"]["auc"] <= group["gap"]["auc_ci"][1]


def test_a_group_without_a_class_has_no_gap() -> None:
    def row(video: str, label: int, gender: str, score: float) -> Row:
        return Row(video, label, None, video, None, video, "judged", "", score=score, attributes={"gender": gender})

    rows = [row("a", 0, "men", 0.2), row("b", 1, "men", 0.7), row("c", 1, "women", 0.4), row("d", 1, "women", 0.9)]
    group = detection_metrics_of(rows, settings=MetricSettings(bootstrap=Bootstrap(20))).to_json()["by_attribute"][
        "gender"
    ]
    assert group["gap"] is None and "0 real and 2 fake" in group["parts"]["women"]["missing"]


def test_forged_seconds_are_found_and_lost_videos_miss_theirs(corpus: Corpus, tmp_path: Path) -> None:
    sharp = run_evaluation(corpus, Teller(blind=0.02), silence="kept", settings=QUICK).report.to_json()[
        "temporal_localization"
    ]
    assert sharp["spans"] == 16 and sharp["ar_10"] > 0.6 and sharp["ap_50"] > 0.6
    blind = run_evaluation(corpus, Teller(blind=2.0), silence="kept", settings=QUICK).report.to_json()[
        "temporal_localization"
    ]
    assert blind["ap_50"] < sharp["ap_50"]
    lines = [
        entry | {"intervals": [[1.0, 2.0]]} if entry["video"] == "gone-fake" else entry for entry in corpus.manifest
    ]
    lost = Corpus(corpus.folder)
    lost.__dict__["manifest"] = lines
    found = run_evaluation(lost, Teller(blind=0.02), silence="kept", settings=QUICK).report.to_json()[
        "temporal_localization"
    ]
    assert found["spans"] == 17 and found["ar_100"] == pytest.approx(sharp["ar_100"] * 16 / 17)


def test_proposals_lie_on_the_clock_of_the_video() -> None:
    def segment(clip: str, start: float, score: float) -> SegmentRow:
        return SegmentRow("v", clip, start, start + 0.96, 0, score)

    segments = [segment("v-0", 10 + 0.48 * k, 0.9 if k == 4 else 0.1) for k in range(8)]
    segments += [segment("v-1", 30.0, 0.05)]
    best = proposals_of(segments)["v"].spans_P2[0]
    assert best == pytest.approx([11.92, 12.88], abs=0.5)


def test_one_class_missing_is_an_error_not_a_half(tmp_path: Path) -> None:
    clips = [blob_clip(name, n, label=1) for n, name in enumerate("ab")]
    corpus = make_corpus(tmp_path, [line("a", 1), line("b", 1)], clips)
    with pytest.raises(NpvfError, match="0 real and 2 fake videos were judged, both are needed"):
        run_evaluation(corpus, Teller(), settings=QUICK)


def test_a_logit_that_is_not_finite_is_an_error(corpus: Corpus) -> None:
    class Broken(Teller):
        def score_clip(self, clip: Clip) -> ClipScore:
            score = super().score_clip(clip)
            return replace(score, logits=(*score.logits[:-1], float("inf")))

    with pytest.raises(NpvfError, match=r"inf for p0-real"):
        run_evaluation(corpus, Broken(), settings=QUICK)


def test_the_hash_of_the_videos_is_that_of_the_split(corpus: Corpus, found: Evaluation) -> None:
    rows = found.scores.rows
    said = provenance(corpus, rows, None)
    assert (said.videos.count, said.videos.sha256) == (26, videos_hash(list(reversed(rows))))
    assert videos_hash(rows[1:]) != videos_hash(rows)
    assert len(said.corpus.manifest_sha256) == 64 and said.model is None
    assert {"npvf", "torch", "python"} <= set(said.versions)
    assert len(PEOPLE) == found.report.main.groups
