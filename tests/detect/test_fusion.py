import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from npvf.detect.fusion import Fusion, Opinion, fusion_figures, held_out
from npvf.errors import NpvfError

FUSION = Fusion(speech=0.7, picture=1.3, bias=-0.4)


def sample(count: int, seed: int = 0, picture: float = 1.0) -> tuple[list[Opinion], list[int]]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 2)
    logits_N2 = rng.normal(size=(count, 2)) * 2 + (2 * labels[:, None] - 1) * (1.0, picture)
    return [Opinion(float(a), float(b)) for a, b in logits_N2], labels.tolist()


def test_the_probability_rises_with_either_part() -> None:
    steps = np.linspace(-8, 8, 33)
    for other in (-3.0, 0.0, 5.0):
        assert (np.diff([FUSION.probability(Opinion(s, other)) for s in steps]) > 0).all()
        assert (np.diff([FUSION.probability(Opinion(other, s)) for s in steps]) > 0).all()


def test_contributions_sum_to_the_log_odds_and_shares_to_one() -> None:
    for speech, picture in ((2.0, -1.0), (-3.0, -0.5), (0.0, 4.0)):
        opinion = Opinion(speech, picture)
        heard, seen = FUSION.parts(opinion)
        assert heard.contribution + seen.contribution + FUSION.bias == pytest.approx(FUSION.log_odds([opinion])[0])
        assert expit(heard.contribution + seen.contribution + FUSION.bias) == pytest.approx(FUSION.probability(opinion))
        assert heard.share + seen.share == pytest.approx(1.0)
        assert (heard.part, seen.part) == ("speech", "picture")
        assert heard.fake_probability == pytest.approx(expit(speech)) and seen.logit == picture


@pytest.mark.parametrize("opinion", [Opinion(None, 1.5, "no_audio: none"), Opinion(1.5, None, "", "not looked for")])
def test_one_part_answers_alone_by_its_own_calibration(opinion: Opinion) -> None:
    assert FUSION.probability(opinion) == pytest.approx(expit(1.5))
    parts = {part.part: part for part in FUSION.parts(opinion)}
    silent, speaks = (parts[n] for n in (("speech", "picture") if opinion.speech is None else ("picture", "speech")))
    assert (silent.fake_probability, silent.logit, silent.contribution, silent.share) == (None, None, 0.0, 0.0)
    assert silent.reason and (speaks.contribution, speaks.share) == (1.5, 1.0)


def test_shares_are_there_where_nothing_is_contributed() -> None:
    assert [part.share for part in FUSION.parts(Opinion(0.0, 0.0))] == [0.5, 0.5]
    assert [part.share for part in FUSION.parts(Opinion(None, 0.0))] == [0.0, 1.0]


def test_no_opinion_is_no_probability() -> None:
    with pytest.raises(ValueError, match="neither"):
        FUSION.probability(Opinion(None, None))


@pytest.mark.slow
def test_the_fit_is_that_of_scikit_learn_on_balanced_classes() -> None:
    opinions, labels = sample(4000)
    fusion = Fusion.fit(opinions, labels)
    logits_N2 = np.array([(o.speech, o.picture) for o in opinions])
    other = LogisticRegression(C=1e9, class_weight="balanced").fit(logits_N2, labels)
    # Platt's targets pull a little towards zero.
    assert (fusion.speech, fusion.picture) == pytest.approx(other.coef_[0], rel=0.02)
    assert fusion.bias == pytest.approx(other.intercept_[0], abs=0.02)


def test_a_part_that_misleads_gets_no_weight_rather_than_a_negative_one() -> None:
    opinions, labels = sample(400, picture=-1.0)
    assert Fusion.fit(opinions, labels).picture == 0.0


def test_classes_that_a_threshold_parts_give_finite_coefficients() -> None:
    fusion = Fusion.fit([Opinion(-3.0, -2.0), Opinion(-2.0, -3.0), Opinion(2.0, 3.0), Opinion(3.0, 2.0)], [0, 0, 1, 1])
    assert np.isfinite([fusion.speech, fusion.picture, fusion.bias]).all()
    assert 0.5 < fusion.probability(Opinion(2.0, 2.0)) < 1


def test_what_it_is_worth_is_told_by_people_who_were_held_out() -> None:
    opinions, labels = sample(60)
    people = [f"p{i % 10}" for i in range(60)]
    found_N = held_out(opinions, labels, people)
    assert found_N is not None
    first = [i for i in range(60) if i % 10 == 0]  # each person is a part
    others = [i for i in range(60) if i % 10]
    fusion = Fusion.fit([opinions[i] for i in others], [labels[i] for i in others])
    np.testing.assert_allclose(found_N[first], [fusion.probability(opinions[i]) for i in first])
    figures = fusion_figures(opinions, labels, people)
    assert figures["people"] == 10 and figures["auc_fused_held_out"] > max(figures["auc_speech"], 0.8)
    assert fusion_figures(opinions, labels, ["one"] * 60)["auc_fused_held_out"] is None


def test_coefficients_travel_as_json() -> None:
    assert Fusion.from_json(FUSION.to_json()) == FUSION
    with pytest.raises(NpvfError, match="mood"):
        Fusion.from_json({**FUSION.to_json(), "mood": 1})
