import cv2
import numpy as np
import pytest

from npvf.clip import Phone, Phones
from npvf.detect.aggregate import ClipScore
from npvf.detect.evidence import ClipEvidence, most_suspicious
from tests.helpers.evidence import CRITICAL, evidence, scored
from tests.helpers.tiny_corpus import blob_clip


def test_a_sound_is_compared_with_the_pictures_that_the_offset_moves_it_to() -> None:
    late = evidence(scored(offset=5, undone=True))
    aa, m, _ = late.sounds
    assert (m.start, m.end) == (0.6, 0.7)  # as heard
    assert m.agreement == pytest.approx(np.linspace(0, 1, 50)[10:13].mean())  # as seen, 0.2 s before
    assert late.frame_of(m) == 11
    assert aa.agreement == pytest.approx(np.linspace(0, 1, 50)[0:10].mean())
    as_it_stands = evidence(scored(offset=12, undone=False)).sounds[1]
    assert as_it_stands.agreement == pytest.approx(np.linspace(0, 1, 50)[15:18].mean())


def test_a_sound_that_met_no_picture_has_no_agreement() -> None:
    agreement_T = np.full(50, 0.5)
    agreement_T[:3] = np.nan
    spoken = Phones((Phone("k", 0.0, 0.1), Phone("aa", 0.1, 1.0)), "times")
    (aa,) = evidence(scored(agreement_T=agreement_T), phones=spoken).sounds
    assert (aa.phone, aa.agreement) == ("aa", 0.5)


def test_the_most_suspicious_sounds_come_worst_first_without_the_shortest() -> None:
    spoken = Phones((Phone("t", 0.0, 0.03), Phone("aa", 0.04, 0.4), Phone("iy", 0.4, 0.44), Phone("s", 1, 2)), "times")
    sounds = evidence(scored(), phones=spoken).sounds
    assert len(sounds) == 4
    assert [s.phone for s in most_suspicious(sounds, 3)] == ["aa", "iy", "s"]
    assert [s.phone for s in most_suspicious(sounds, 1)] == ["aa"]


def test_pictures_are_kept_small() -> None:
    clip = blob_clip("a", 1)
    score = ClipScore("k", "a", 0)
    item = ClipEvidence.of(clip, score, scored(), CRITICAL)
    assert min(item.faces) == 0 and max(item.faces) == 49
    pictures = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in item.faces.values()]
    assert {p.shape for p in pictures} == {(112, 112, 3)}
    assert set(item.mouths) == {item.frame_of(s) for s in item.sounds}
    mouth = cv2.imdecode(np.frombuffer(next(iter(item.mouths.values())), np.uint8), cv2.IMREAD_COLOR)
    assert abs(mouth.mean() - clip.face_THWC[:, 98:202, 60:164].mean()) < 12
    assert ClipEvidence.of(clip, score).mouths == {}
    bare = ClipEvidence.of(clip, score, scored(), CRITICAL, pictures=False)
    assert (bare.faces, bare.mouths, bare.sounds) == ({}, {}, item.sounds)
