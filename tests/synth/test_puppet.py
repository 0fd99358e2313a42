import numpy as np
import pytest

from npvf.clip import Phone, Phones
from npvf.synth.identity import dress, identity
from npvf.synth.mouth import MouthShape, MouthWarp
from npvf.synth.portrait import portrait
from npvf.synth.puppet import Puppet
from npvf.synth.visemes import PARAMETERS, articulate

pytest.importorskip("skimage")


def _phones(*items: tuple[str, float]) -> Phones:
    at, phones = 0.0, []
    for phone, length in items:
        phones.append(Phone(phone, at, at + length))
        at += length
    return Phones(tuple(phones), "times")


@pytest.mark.parametrize("critical", ["m", "b", "p"])
@pytest.mark.parametrize("offset", [0.0, 0.013, 0.027])
def test_lips_close_at_every_bilabial_however_short(critical: str, offset: float) -> None:
    phones = _phones(("sil", 0.2 + offset), ("aa", 0.2), (critical, 0.05), ("aa", 0.2), ("sil", 0.2))
    aperture = articulate(phones, 22).aperture_T
    during = aperture[int((0.4 + offset) * 25) : int((0.47 + offset) * 25) + 2]
    assert during.min() == 0
    assert aperture.max() > 0.4


def test_vowels_have_their_shapes() -> None:
    shapes = {}
    for vowel in ("aa", "iy", "uw"):
        track = articulate(_phones(("sil", 0.2), (vowel, 0.3), ("sil", 0.2)), 18)
        shapes[vowel] = dict(zip(PARAMETERS, track.values_TP[8], strict=True))
    assert shapes["aa"]["jaw"] > 3 * shapes["iy"]["jaw"]
    assert shapes["iy"]["width"] > 1.3 * shapes["uw"]["width"]


def test_lips_round_before_a_rounded_vowel() -> None:
    onset = 12  # frames of "s" before the vowel
    width = PARAMETERS.index("width")
    rounded, spread = (
        articulate(_phones(("s", onset / 25), (vowel, 0.3)), 18).values_TP[onset - 1, width] for vowel in ("uw", "iy")
    )
    assert rounded < spread - 0.1


def test_a_forged_mouth_closes_with_the_sound_and_not_with_its_own_sentence() -> None:
    own = _phones(("sil", 0.2), ("aa", 0.2), ("m", 0.12), ("aa", 0.4), ("sil", 0.2))
    sound = _phones(("sil", 0.2), ("iy", 0.4), ("b", 0.12), ("iy", 0.2), ("sil", 0.2))
    aperture = articulate(own, 28, closures=sound).aperture_T
    closed = np.flatnonzero(aperture == 0)
    assert {15, 16} <= set(closed)  # at the sound's b, 0.6 to 0.68 s
    assert aperture[10:13].min() > 0.3  # at the sentence's m


def test_the_drawn_lips_part_by_the_aperture() -> None:
    base = portrait(288)
    warp = MouthWarp(base.picture_HWC, base.landmarks_N2)
    column = round(warp.x_mid)

    def dark_pixels(lower: float) -> int:
        picture = base.picture_HWC.copy()
        warp.apply(picture, MouthShape(0.0, lower, lower, 0.85, 0.0))
        lips = picture[round(warp.y_mid + 0.14 * warp.unit) : round(warp.y_mid + 1.2 * warp.unit), column]
        return int((lips.max(axis=1) < 110).sum())

    assert dark_pixels(0.0) == 0
    opened = [dark_pixels(lower) for lower in (0.3, 0.5, 0.7)]
    assert np.diff(opened) == pytest.approx(0.2 * warp.unit, abs=2)


def test_only_the_lower_face_answers_to_the_mouth() -> None:
    puppet = Puppet(identity(1), 192)
    still, talking = (np.stack(list(puppet.render(_phones((phone, 0.4)), 0.4, seed=5))) for phone in ("sil", "aa"))
    assert still.shape == (10, 192, 192, 3) and still.dtype == np.uint8
    assert (still[:, :60] == talking[:, :60]).all()
    assert np.abs(still[6, 100:170].astype(int) - talking[6, 100:170]).max() > 60


def test_a_seed_decides_the_picture() -> None:
    puppet = Puppet(identity(2), 160)
    phones = _phones(("aa", 0.2))
    first, same, other = (np.stack(list(puppet.render(phones, 0.2, seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first.astype(int) - other).mean() > 2


@pytest.mark.slow
def test_twelve_people_are_twelve_different_people() -> None:
    people = [identity(k) for k in range(12)]
    assert len({p.name for p in people}) == len({p.voice.espeak for p in people}) == 12
    looks = np.stack([dress(p, 128).picture_HWC[40:110, 30:98].astype(float) for p in people])
    distance = np.abs(looks[:, None] - looks[None]).mean((2, 3, 4))[~np.eye(12, dtype=bool)]
    assert distance.min() > 4
    assert identity(5) == identity(5)


def test_a_bad_size_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        Puppet(identity(0), 201)
