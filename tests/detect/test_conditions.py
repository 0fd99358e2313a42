import numpy as np
import pytest

from npvf.clip import Phone, Phones
from npvf.detect.conditions import Conditions, ConditionSettings, held_pitch, measure, sound_measurements
from tests.helpers.findings import CLOTH, LIPS, SKIN, moving_clip

RATE = 16_000


def said(count: int, confidence: float = 0.95, seconds: float = 2.0) -> Phones:
    step = seconds / max(count, 1)
    phones = [Phone("aa", k * step, (k + 1) * step, confidence) for k in range(count)]
    return Phones(tuple(phones or [Phone("spn", 0.0, seconds)]), "recogniser")


def codes(found: Conditions) -> tuple[str, str]:
    return found.against_motion.partition(":")[0], found.against_sound.partition(":")[0]


@pytest.mark.slow
def test_a_talking_face_is_judged_and_every_measurement_is_kept() -> None:
    found = measure(moving_clip(), ConditionSettings())
    assert codes(found) == ("", "")
    of_picture = {"face_motion", "lip_motion", "lip_contrast", "mouth_colour"}
    assert of_picture | {"sound_s", "speech_s", "held_pitch", "phones_per_s"} < found.measurements.keys()


@pytest.mark.parametrize(("lips", "around"), [(SKIN, SKIN), (CLOTH, CLOTH), (LIPS, CLOTH)])
def test_a_mouth_without_an_edge_or_without_skin_around_it_is_hidden(lips: tuple, around: tuple) -> None:
    found = measure(moving_clip(lips=lips, around=around), ConditionSettings())
    assert codes(found) == ("mouth_hidden", "mouth_hidden")


def test_lips_that_stay_closed_do_not_speak() -> None:
    assert codes(measure(moving_clip(opening=0.0), ConditionSettings())) == ("nobody_here_speaks", "nobody_here_speaks")


def test_a_frame_that_is_repeated_does_not_move() -> None:
    clip = moving_clip()
    clip.landmarks_TN2 = np.repeat(clip.landmarks_TN2[:1], clip.frames, 0)
    clip.landmarks_TN2 += np.random.default_rng(0).normal(0, 0.02, clip.landmarks_TN2.shape).astype(np.float32)
    assert codes(measure(clip, ConditionSettings())) == ("face_does_not_move", "face_does_not_move")


def test_sound_without_certain_phones_is_music_and_silence_is_not() -> None:
    clip = moving_clip()
    clip.phones = said(3, confidence=0.4)
    assert codes(measure(clip, ConditionSettings())) == ("", "music_or_noise")
    clip.phones = Phones((Phone("sil", 0.0, 2.0),), "voice_activity")
    assert codes(measure(clip, ConditionSettings())) == ("", "music_or_noise")
    clip.audio_N = np.zeros_like(clip.audio_N)
    assert codes(measure(clip, ConditionSettings())) == ("", "")


def test_a_held_pitch_is_sung_and_a_glide_is_not() -> None:
    time_N = np.arange(2 * RATE) / RATE
    notes_N = np.where(time_N % 1 < 0.5, 220.0, 330.0)
    sung = (0.3 * np.sin(2 * np.pi * np.cumsum(notes_N) / RATE)).astype(np.float32)
    assert (
        held_pitch(sung) > 0.5
        and held_pitch(moving_clip().audio_N) < 0.1
        and held_pitch(np.zeros(RATE, np.float32)) == 0
    )
    clip = moving_clip()
    clip.audio_N = sung
    found = measure(clip, ConditionSettings())
    assert codes(found) == ("", "sung") and "of the time" in found.against_sound


def test_where_only_voice_activity_is_known_phones_are_not_counted() -> None:
    audio_N = np.full(2 * RATE, 0.1, np.float32)
    assert "phones_per_s" not in sound_measurements(audio_N, Phones((Phone("spn", 0.0, 2.0),), "voice_activity"))
    assert sound_measurements(audio_N, said(10))["phones_per_s"] == pytest.approx(4.75)
