import math

import numpy as np
import pytest

from benchmarks.phone_errors import calibrate_delay, find_events, onset_errors, paired, phone_error_rate
from npvf.clip import Phone, Phones


def phones(text, start=0.0, step=0.1):
    return Phones(
        tuple(Phone(p, start + k * step, start + (k + 1) * step) for k, p in enumerate(text.split())), "times"
    )


def test_phone_error_rate():
    reference = [phones("sil b ih n sil")]
    assert phone_error_rate([phones("b ih n")], reference) == 0
    assert phone_error_rate([phones("b iy n spn")], reference) == pytest.approx(1 / 3)
    assert phone_error_rate([phones("b ih")], reference) == pytest.approx(1 / 3)
    assert phone_error_rate([phones("b b ih n n")], reference) == pytest.approx(2 / 3)
    assert phone_error_rate([phones("")], reference) == 1


def test_the_alignment_has_the_least_edit_distance():
    """The number is torchaudio's, the pairs are ours."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        ours, theirs = (phones(" ".join(rng.choice(["b", "ih", "n"], size))) for size in rng.integers(1, 8, 2))
        pairs = paired(ours, theirs)
        substituted = sum(a.phone != b.phone for a, b in pairs)
        edits = substituted + len(ours.items) + len(theirs.items) - 2 * len(pairs)
        assert phone_error_rate([ours], [theirs]) == pytest.approx(edits / len(theirs.items))


def test_a_known_delay_is_found_among_wrong_phones():
    reference = [phones("b ih n b l uw ae t eh f t uw n aw")]
    late = [phones("b iy n b l uw ae t t eh f t uw n aw", start=0.07)]  # one wrong; one too many shifts the rest by 0.1
    late = [Phones(tuple(p for k, p in enumerate(late[0].items) if k != 8), "recogniser")]
    assert calibrate_delay(late[:1], reference, least=5) == pytest.approx(0.07, abs=0.11)
    exact = [Phones(tuple(Phone(p.phone, p.start + 0.07, p.end) for p in reference[0].items), "recogniser")]
    assert calibrate_delay(exact, reference) == pytest.approx(0.07)
    assert len(onset_errors(exact, reference, {"b"})) == 2


def test_a_delay_from_too_little_is_refused():
    with pytest.raises(ValueError, match="only 3 phones"):
        calibrate_delay([phones("b ih n")], [phones("b ih n")])
    with pytest.raises(ValueError):
        calibrate_delay([], [phones("b ih n")])


def test_events_are_matched_one_to_one():
    reference = [phones("b ih m aa", step=0.1)]
    assert find_events([phones("p ih m aa", start=0.05)], reference, {"m", "b", "p"}) == (2, 0, 0)
    assert find_events([phones("p ih m aa", start=0.07)], reference, {"m", "b", "p"}) == (0, 2, 2)
    doubled = find_events([phones("b p", step=0.02)], reference, {"m", "b", "p"})
    assert doubled == (1, 1, 1)
    assert (doubled.precision, doubled.recall, doubled.f1) == (0.5, 0.5, 0.5)
    assert math.isnan(find_events([phones("aa")], [phones("aa")], {"m"}).f1)


def test_matching_finds_the_most_pairs():
    """Against trying every assignment."""
    from itertools import permutations

    rng = np.random.default_rng(0)
    for _ in range(30):
        ours, theirs = np.sort(rng.uniform(0, 0.5, 4)), np.sort(rng.uniform(0, 0.5, 4))
        best = max(sum(abs(a - b) <= 0.06 for a, b in zip(order, theirs, strict=True)) for order in permutations(ours))
        clip, truth = (Phones(tuple(Phone("m", t, t + 0.01) for t in times), "times") for times in (ours, theirs))
        assert find_events([clip], [truth], {"m"}).hits == best
