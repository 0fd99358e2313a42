"""The quality list: each mark follows from a measurement, and says why."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from npvf.detect import quality as quality_file
from npvf.detect.conditions import Conditions, ConditionSettings
from npvf.detect.quality import Mark, blur, quality
from npvf.errors import Reason, Refused
from npvf.inspect.facts import inspect_file
from npvf.prepare.ingest import IngestSettings
from tests.helpers.media_maker import make
from tests.helpers.small_clips import make_clip

FOUND = {"seconds": 5.0, "face_px": 180.0, "lip_contrast": 9.0, "mouth_colour": 3.0, "lip_motion": 0.3}
SOUND = {"speech_s": 4.0, "sound_s": 4.5, "held_pitch": 0.01}
HIDDEN, SONG = f"{Reason.MOUTH_HIDDEN}: covered", f"{Reason.SUNG}: held"


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    return inspect_file(make(tmp_path_factory.mktemp("quality") / "a.mp4")).streams


def marks(monkeypatch, streams, *found: Conditions, faces: tuple[int, ...] | None = None) -> dict[tuple, Mark]:
    """The marks of a video whose clips have these conditions."""
    clips = [make_clip() for _ in found]
    for clip, track in zip(clips, faces or (0,) * len(clips), strict=True):
        clip.meta.track = track
    results = iter(found)
    monkeypatch.setattr(quality_file, "read_clips", lambda *args, **kwargs: iter(clips))
    monkeypatch.setattr(quality_file, "measure", lambda clip, settings: next(results))
    judged = quality("a.mp4", streams, None, IngestSettings(need_sound=False), ConditionSettings())
    assert judged.refused is None
    return {(mark.name, mark.face): mark for mark in judged.marks}


def test_a_good_video_has_good_marks(monkeypatch, streams):
    found = marks(monkeypatch, streams, Conditions({**FOUND, **SOUND}))
    assert {name for name, _ in found} == {
        "compression",
        "seen",
        "face size",
        "blur",
        "mouth",
        "lip motion",
        "speech",
        "music",
    }
    assert {mark.level for mark in found.values() if mark.name != "blur"} == {"good"}
    assert found["face size", 0].value == 180 and found["speech", None].value == 4


@pytest.mark.parametrize(
    ("change", "mark", "level", "reason"),
    [
        ({"face_px": 60.0}, ("face size", 0), "limited", "below 100 pixels"),
        ({"seconds": 1.0}, ("seen", 0), "limited", "below 3 s"),
        ({"speech_s": 0.4}, ("speech", None), "bad", "too_little_speech: "),
        ({"speech_s": 1.4}, ("speech", None), "limited", "less than 2 s"),
    ],
)
def test_a_weak_measurement_lowers_its_mark(monkeypatch, streams, change, mark, level, reason):
    found = marks(monkeypatch, streams, Conditions({**FOUND, **SOUND, **change}))[mark]
    assert found.level == level and reason in found.reason


def test_a_reason_of_every_clip_is_bad_and_of_some_clips_limits(monkeypatch, streams):
    plain = Conditions({**FOUND, **SOUND})
    hidden = replace(plain, against_motion=HIDDEN, against_sound=HIDDEN)
    sung = replace(plain, against_sound=SONG)
    found = marks(monkeypatch, streams, hidden, hidden)
    assert found["mouth", 0].level == "bad" and found["mouth", 0].reason == HIDDEN
    assert found["music", None].level == "good"
    found = marks(monkeypatch, streams, plain, hidden, sung)
    assert found["mouth", 0].reason == f"{HIDDEN} (in 1 of 3 clips)" and found["mouth", 0].level == "limited"
    assert found["music", None].reason == f"{SONG} (in 1 of 3 clips)"


def test_each_face_has_its_marks_and_the_longest_one_those_of_the_sound(monkeypatch, streams):
    short = Conditions({**FOUND, **SOUND, "seconds": 2.0, "speech_s": 1.0})
    found = marks(monkeypatch, streams, short, Conditions({**FOUND, **SOUND}), faces=(0, 1))
    assert found["seen", 0].level == "limited" and found["seen", 1].level == "good"
    assert found["speech", None].value == 4.0


def test_without_sound_there_is_no_speech(monkeypatch, streams):
    found = marks(monkeypatch, streams, Conditions(FOUND))
    assert found["speech", None].level == "bad" and found["speech", None].reason.startswith("no_audio: ")
    assert ("music", None) not in found


def test_strong_compression_is_named(monkeypatch, streams):
    weak = replace(streams, video=(replace(streams.video[0], bits_per_pixel=0.005),))
    found = marks(monkeypatch, weak, Conditions({**FOUND, **SOUND}))["compression", None]
    assert found.level == "limited" and "less than 0.02" in found.reason


def test_a_refusal_keeps_what_is_known(monkeypatch, streams):
    def refuse(*args: object, **kwargs: object):
        raise Refused(Reason.NO_FACE, "a.mp4: no face was found.")

    monkeypatch.setattr(quality_file, "read_clips", refuse)
    judged = quality("a.mp4", streams, None, IngestSettings(need_sound=False), ConditionSettings())
    assert judged.refused.reason == Reason.NO_FACE and [mark.name for mark in judged.marks] == ["compression"]


def test_blur_grows_with_a_blur_and_ends_at_one():
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    grown = [blur(image), *(blur(cv2.GaussianBlur(image, (0, 0), sigma)) for sigma in (1, 2, 4))]
    assert grown == sorted(grown) and grown[0] < 0.1 < 0.35 < grown[-1] < 1
    assert blur(np.full((96, 96, 3), 128, np.uint8)) == 1


def test_blur_is_that_of_scikit_image():
    measure = pytest.importorskip("skimage.measure")
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8), (0, 0), 1.5)
    assert blur(image) == pytest.approx(measure.blur_effect(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)), abs=0.05)
