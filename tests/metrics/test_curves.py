"""Curves of one class, against scikit-learn and a slow direct form."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from cxrcore.metrics import curves
from cxrcore.metrics.calibration import bin_starts
from cxrcore.statistics import shares


@st.composite
def films(draw):
    n = draw(st.integers(2, 40))
    positive = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    positive[:2] = True, False
    # Few levels, so that scores are often equal.
    scores = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))) / 8
    return positive, scores


@given(films())
@settings(max_examples=60, deadline=None)
def test_roc_is_that_of_scikit_learn(given_films):
    positive, scores = given_films
    x, y, threshold = reference.roc_curve(positive, scores, drop_intermediate=False)
    curve = curves.roc(positive, scores)
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.y, y)
    np.testing.assert_allclose(curve.threshold, threshold)


@given(films())
@settings(max_examples=60, deadline=None)
def test_precision_and_recall_are_those_of_scikit_learn(given_films):
    positive, scores = given_films
    precision, recall, threshold = reference.precision_recall_curve(positive, scores)
    curve = curves.precision_recall(positive, scores)
    np.testing.assert_allclose(curve.y, precision[-2::-1])
    np.testing.assert_allclose(curve.x, recall[-2::-1])
    np.testing.assert_allclose(curve.threshold, threshold[::-1])
    steps = np.diff(np.concatenate([[0], curve.x]))
    assert steps @ curve.y == pytest.approx(reference.average_precision_score(positive, scores))


@given(films(), st.lists(st.floats(0, 0.95), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_net_benefit_is_that_of_its_definition(given_films, thresholds):
    positive, scores = given_films
    slow = []
    for t in thresholds:
        hits = sum(1 for p, s in zip(positive, scores, strict=True) if p and s >= t)
        alarms = sum(1 for p, s in zip(positive, scores, strict=True) if not p and s >= t)
        slow.append((hits - alarms * t / (1 - t)) / len(positive))
    found = curves.net_benefit(positive, scores, np.array(thresholds))
    np.testing.assert_allclose(found, slow, atol=1e-12)


def test_net_benefit_of_a_hand_computed_case():
    # 10 films, 4 of the class; at 0.2 three are caught and two are false alarms: 0.3 - 0.2 / 4.
    positive = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    scores = np.array([0.9, 0.5, 0.3, 0.1, 0.4, 0.2, 0.1, 0.1, 0.0, 0.0])
    assert curves.net_benefit(positive, scores, np.array([0.2]))[0] == pytest.approx(0.25)


def test_bins_of_the_calibration_curve_hold_all_films_and_their_means():
    rng = np.random.default_rng(5)
    scores = rng.uniform(size=230)
    positive = rng.uniform(size=230) < scores**2
    found = curves.reliability(positive, scores)
    assert found.films.sum() == 230
    assert len(found.films) == len(bin_starts(np.sort(scores))) == 11
    edges = np.concatenate([[0], np.cumsum(found.films)])
    order = np.argsort(scores)
    for place, (start, end) in enumerate(itertools.pairwise(edges)):
        inside = order[start:end]
        assert found.probability[place] == pytest.approx(scores[inside].mean())
        assert found.share[place] == pytest.approx(positive[inside].mean())
        low, high = shares.wilson(positive[inside].sum(), len(inside))
        assert (found.low[place], found.high[place]) == pytest.approx((low, high))


def test_intervals_of_the_calibration_curve_are_wider_where_patients_have_several_films():
    rng = np.random.default_rng(6)
    patients = np.repeat(np.arange(30), 4)
    positive = np.repeat(rng.uniform(size=30) < 0.5, 4)
    scores = np.repeat(rng.uniform(size=30), 4)
    single, grouped = (curves.reliability(positive, scores, g) for g in (None, patients))
    assert ((grouped.high - grouped.low) > (single.high - single.low)).all()


@pytest.mark.parametrize("films", [1, 2, 5])
def test_a_few_films_are_one_bin(films):
    found = curves.reliability(np.ones(films, bool), np.linspace(0.2, 0.9, films))
    assert found.films.tolist() == [films]
