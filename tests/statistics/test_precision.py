"""Average precision with its influences, against scikit-learn and derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from cxrcore.statistics import estimate, precision
from tests.helpers.clusters import patients


def scored(seed: int, n: int = 40, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Films of a class and others, with scores that have ties."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    return positive, np.round(rng.normal(size=n) + positive, digits)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 6]))
def test_the_value_is_that_of_scikit_learn(seed, digits):
    positive, scores = scored(seed, digits=digits)
    value, moves = precision.influences(positive, scores)
    assert value == pytest.approx(average_precision_score(positive, scores))
    assert moves.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("digits", [1, 6])
def test_an_influence_is_the_derivative_by_the_weight_of_the_film(digits):
    positive, scores = scored(3, digits=digits)
    moves = precision.influences(positive, scores)[1]
    for film in range(len(scores)):
        sides = []
        for step in (1e-6, -1e-6):
            weights = np.ones(len(scores))
            weights[film] += step
            sides.append(average_precision_score(positive, scores, sample_weight=weights))
        assert moves[film] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-6)


def test_the_interval_holds_the_value_and_films_of_a_patient_widen_it():
    positive, scores = scored(5)
    alone = precision.estimate(positive, scores)
    assert 0 < alone.low < alone.value < alone.high < 1
    twice = precision.estimate(np.tile(positive, 2), np.tile(scores, 2), np.tile(range(40), 2))
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    each = precision.estimate(positive, scores, np.arange(40))
    assert (each.low, each.high) == pytest.approx((alone.low, alone.high))


def test_the_truth_lies_inside_for_about_19_of_20_test_sets():
    truth = precision.influences(*normal(np.random.default_rng(0), 200_000))[0]
    rng = np.random.default_rng(1)
    found = [precision.estimate(*normal(rng, 150)) for _ in range(400)]
    assert 0.91 <= np.mean([each.low <= truth <= each.high for each in found]) <= 0.98


def normal(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    positive = rng.random(n) < 0.3
    return positive, rng.normal(size=n) + 1.5 * positive


def test_exactly_1_shows_no_spread_and_has_no_interval():
    positive = np.array([True, True, False, False])
    found = precision.estimate(positive, np.array([4.0, 3, 2, 1]))
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(precision.estimate(np.zeros(4, bool), np.arange(4.0)).value)


def test_differences_are_those_of_the_influences_and_change_sign_with_the_order():
    positive, scores = scored(7)
    other = scores + np.random.default_rng(8).normal(size=40)
    groups = patients(40)
    first, second = (precision.estimate(positive, each, groups) for each in (scores, other))
    found = precision.difference(first, second, groups)
    back = precision.difference(second, first, groups)
    assert (found.value, found.low, found.high) == pytest.approx(
        (-back.value, -back.high, -back.low)
    )
    moved = (first.influence - second.influence)[None]
    z = abs(found.value) / np.sqrt(estimate.covariance(moved, groups)[0, 0])
    from scipy.stats import norm

    assert found.p == back.p == pytest.approx(2 * norm.sf(z))
    assert precision.difference(first, first, groups).p is None
