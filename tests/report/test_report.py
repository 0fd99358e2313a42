from dataclasses import replace
from pathlib import Path

import pytest
import torch

from npvf.clip import Clip, Phone, Phones
from npvf.detect.scoring import ScoringSettings
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.detect.verdict import Judgement
from npvf.errors import Reason, Refused
from npvf.models import create_model
from npvf.report.faces import EXAMPLES
from npvf.report.report import render_report, write_report
from tests.helpers.findings import moving_clip, told
from tests.helpers.html_page import Page
from tests.helpers.tiny_corpus import blob_clip


@pytest.fixture
def detector(tiny_overrides: dict) -> SpeechDetector:
    torch.manual_seed(0)
    settings = SpeechSettings(name="a <small> one", undecided=0.0)
    return SpeechDetector(create_model("npv_nano", **tiny_overrides), settings)


def of_track(clip: Clip, track: int, speaks: bool) -> Clip:
    return replace(clip, meta=replace(clip.meta, track=track, is_speaker=speaks))


@pytest.mark.slow
def test_the_report_is_one_file_that_fetches_nothing(detector: SpeechDetector, tmp_path: Path) -> None:
    judgement = detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0)
    path = write_report([judgement], detector, tmp_path / "deep" / "report.html")
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert "://" not in html and "@import" not in html and "url(" not in html
    assert page.addresses and all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not {"link", "iframe", "object"} & set(page.tags) and len(page.scripts) == 1
    assert {"svg", "img", "table"} <= set(page.tags)


@pytest.mark.slow
def test_it_shows_the_verdict_and_every_sound(detector: SpeechDetector) -> None:
    judgement = detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0)
    page = Page(render_report([judgement], detector))
    verdict = judgement.verdict
    headline = {"real": "No sign of a forgery", "fake": "Signs of a forgery"}[verdict.verdict]
    assert headline in page.text and f"{verdict.fake_probability:.2f}" in page.text
    assert f"{100 * verdict.coverage:.0f} %" in page.text and "phone times that came with the video" in page.text
    for sound in judgement.evidence[0].sounds:
        assert f"{sound.phone}, heard at {sound.start:.2f}\u2013{sound.end:.2f} s: agreement" in page.text
        assert f"as in {EXAMPLES[sound.phone]}" in page.text
    assert "a <small> one" in page.text


@pytest.mark.slow
def test_grey_is_explained_where_frames_are_not_compared(detector: SpeechDetector) -> None:
    left_out, why = "lips and audio not compared", "frames near a critical phone"
    html = render_report([detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0)], detector)
    assert 'class="greyed"/>' in html and left_out in html and why in html
    detector.settings = replace(detector.settings, scoring=ScoringSettings(every_frame=True))
    html = render_report([detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0)], detector)
    assert 'class="greyed"/>' not in html and left_out not in html and why not in html
    assert "compares lips and audio in every frame" in html


@pytest.mark.slow
def test_names_are_escaped(detector: SpeechDetector) -> None:
    evil = "clips/<script>alert(1)<b>.mp4"
    spoken = replace(blob_clip("a", 1), phones=Phones((Phone("<img src=x>", 0.1, 1.5),), "times"))
    refused = Judgement.abstain("<i>", Refused(Reason.NO_FACE, "<u>: no face"), "d")
    html = render_report([detector.judge_clips([spoken], evil, 2.0), refused], detector)
    page = Page(html)
    assert not {"b>", "i>", "u"} & set(page.tags) and page.tags.count("script") == 1
    assert "<script>alert(1)<b>.mp4" in page.text and "<img src=x>" in page.text and "<u>: no face" in page.text
    assert "x" not in page.addresses


@pytest.mark.slow
def test_several_videos_are_listed_with_what_was_not_judged(detector: SpeechDetector) -> None:
    judgements = [
        detector.judge_clips([blob_clip("a", 1), of_track(blob_clip("a", 2), 1, False)], "two.mp4", 2.0),
        Judgement.abstain("dog.mp4", Refused(Reason.NO_FACE, "dog.mp4: no face was found."), "d"),
        Judgement.abstain("gone.mp4", Refused(Reason.NOT_FOUND, "gone.mp4 is not there."), "d"),
    ]
    page = Page(render_report(judgements, detector))
    assert [a for a in page.addresses if a.startswith("#")] == ["#video-1", "#video-2", "#video-3"]
    assert "3 videos" in page.text and "does not speak, not judged" in page.text
    assert "No verdict" in page.text and "dog.mp4: no face was found." in page.text and "(no_face)" in page.text
    assert "Cannot be read" in page.text and "(not_found)" in page.text
    assert page.open == []


@pytest.mark.slow
def test_it_says_so_where_only_voice_activity_is_known(detector: SpeechDetector) -> None:
    clip = replace(blob_clip("a", 1), phones=Phones((Phone("spn", 0.1, 1.9),), "voice_activity"))
    text = Page(render_report([detector.judge_clips([clip], "a.mp4", 2.0)], detector)).text
    assert "The phones of this video are unknown" in text and "speech, phone unknown" in text


@pytest.mark.slow
def test_a_video_of_too_little_speech_still_shows_its_faces(detector: SpeechDetector) -> None:
    clip = replace(blob_clip("a", 1), phones=Phones((Phone("sil", 0.0, 2.0),), "recogniser"))
    page = Page(render_report([detector.judge_clips([clip], "a.mp4", 2.0)], detector))
    assert "(too_little_speech)" in page.text and "too little speech to judge" in page.text
    assert page.tags.count("img") == 8 and page.open == []


@pytest.mark.slow
def test_findings_stand_in_a_table_with_their_ratios_and_warnings() -> None:
    detector = told(sound=6.0, motion=-3.0)
    judgement = detector.judge_clips([moving_clip()], "a.mp4", 2.0)
    page = render_report([judgement], detector)
    assert "Sound and lips do not fit each other" in page and "Is this face genuine?" in page
    assert "<b>disagree</b>" in page and "strong evidence: LR 100 (log10 +2.00, supported -2.00 to +2.00)" in page
    assert "<b>person</b>" in page and "moderate evidence: LR 0.05" in page
    assert "A dub, an interpreter or a voice-over" in page and "short_clip" in page.lower()
