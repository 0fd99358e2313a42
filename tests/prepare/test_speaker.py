import numpy as np

from npvf.prepare.speaker import Lips, find_speakers


def lips_of(energy_T, track, start, stop, share, seed=0):
    """An aperture that follows the energy to this share; the rest is noise."""
    noise = np.random.default_rng([seed, track]).normal(size=stop - start)
    return Lips(track, start, share * energy_T[start:stop] + (1 - share) * noise)


ENERGY = np.random.default_rng(1).normal(size=500)


def test_the_face_that_goes_with_the_sound_speaks():
    pieces = [lips_of(ENERGY, 0, 0, 200, 0.0), lips_of(ENERGY, 1, 0, 200, 0.9)]
    (quiet, is_quiet_speaker), (loud, is_loud_speaker) = find_speakers(pieces, ENERGY)
    assert loud > quiet
    assert (is_quiet_speaker, is_loud_speaker) == (False, True)


def test_two_who_speak_in_turn_are_each_the_speaker_in_their_time():
    pieces = [
        lips_of(ENERGY, 0, 0, 250, 0.9),
        lips_of(ENERGY, 1, 0, 250, 0.0),
        lips_of(ENERGY, 0, 250, 500, 0.0),
        lips_of(ENERGY, 1, 250, 500, 0.9),
    ]
    assert [speaks for _, speaks in find_speakers(pieces, ENERGY)] == [True, False, False, True]


def test_a_face_alone_in_the_picture_is_the_speaker_of_its_time():
    pieces = [lips_of(ENERGY, 0, 0, 200, 0.0), lips_of(ENERGY, 1, 250, 450, 0.9)]
    assert [speaks for _, speaks in find_speakers(pieces, ENERGY)] == [True, True]


def test_a_short_visit_does_not_take_a_long_piece_from_its_speaker():
    pieces = [lips_of(ENERGY, 0, 0, 500, 0.5), lips_of(ENERGY, 1, 100, 140, 1.0)]
    assert [speaks for _, speaks in find_speakers(pieces, ENERGY)] == [True, True]


def test_of_two_lips_that_say_as_little_the_first_is_taken():
    pieces = [Lips(0, 0, np.zeros(100)), Lips(1, 0, np.zeros(100))]
    assert [speaks for _, speaks in find_speakers(pieces, ENERGY)] == [True, False]
