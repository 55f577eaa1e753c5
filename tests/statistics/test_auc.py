"""AUC: against scikit-learn, DeLong's sums by definition and Obuchowski's formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cxrcore.errors import CxrError
from cxrcore.statistics import auc, estimate
from tests.helpers.clusters import patients


def films(seed: int, n: int = 40, models: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Films of which some are positive, and scores with ties."""
    rng = np.random.default_rng(seed)
    positive = rng.permutation(np.arange(n) < n // 3)
    scores = np.round(rng.normal(size=(models, n)) + rng.normal(size=n) + positive, 1)
    return positive, scores


def components(positive, scores):
    """DeLong's structural components (m, positive) and (m, negative) by comparing every pair."""
    of, others = scores[:, positive], scores[:, ~positive]
    wins = (of[:, :, None] > others[:, None, :]) + 0.5 * (of[:, :, None] == others[:, None, :])
    return wins.mean(axis=2), wins.mean(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_that_of_scikit_learn(seed):
    positive, scores = films(seed)
    expected = [roc_auc_score(positive, row) for row in scores]
    assert auc.delong(positive, scores)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_covariance_is_that_of_delongs_definition(seed):
    positive, scores = films(seed)
    of, others = components(positive, scores)
    expected = np.cov(of) / of.shape[1] + np.cov(others) / others.shape[1]
    found = auc.delong(positive, scores)
    assert found[0] == pytest.approx(of.mean(axis=1))
    assert found[1] == pytest.approx(expected, abs=1e-15)
    assert auc.delong(positive, scores, np.arange(40))[1] == pytest.approx(expected, abs=1e-15)


def test_a_case_by_hand():
    # Positive 3, 1 against 2, 0: 3 beats both, 1 beats one. V10 = 1, 1/2; V01 = 1/2, 1.
    # Both variances are 1/8, each over two films: 1/16 + 1/16.
    aucs, covariance = auc.delong(np.array([True, True, False, False]), np.array([[3.0, 1, 2, 0]]))
    assert aucs.tolist() == [0.75]
    assert covariance.tolist() == [[pytest.approx(0.125)]]


def test_patients_are_summed_as_obuchowski_does():
    positive, scores = films(3, n=60)
    groups = patients(60)
    of, others = components(positive, scores)
    aucs = of.mean(axis=1)
    names = np.unique(groups)
    v10 = np.array([(of[:, groups[positive] == g] - aucs[:, None]).sum(axis=1) for g in names])
    v01 = np.array([(others[:, groups[~positive] == g] - aucs[:, None]).sum(axis=1) for g in names])
    m10, m01 = len(np.unique(groups[positive])), len(np.unique(groups[~positive]))
    n10, n01 = positive.sum(), (~positive).sum()
    s10 = m10 / (m10 - 1) / n10 * v10.T @ v10
    s01 = m01 / (m01 - 1) / n01 * v01.T @ v01
    s11 = np.sqrt(m10 / (m10 - 1) * m01 / (m01 - 1)) * v10.T @ v01
    expected = s10 / n10 + s01 / n01 + (s11 + s11.T) / (n10 * n01)
    assert auc.delong(positive, scores, groups)[1] == pytest.approx(expected, abs=1e-14)


def test_the_covariance_of_classes_is_that_of_a_jackknife():
    # Classes share films, so their AUC are correlated: by leaving out one film at a time.
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 100)
    scores = rng.normal(size=(3, 100)) + 1.2 * np.eye(3)[truth].T + 0.7 * rng.normal(size=100)

    def macro(kept):
        return np.mean([roc_auc_score(truth[kept] == k, scores[k][kept]) for k in range(3)])

    left_out = [macro(np.arange(100) != film) for film in range(100)]
    expected = 99**2 / 100 * np.var(left_out, ddof=1)
    by_class = [auc.estimate(truth == k, scores[[k]])[0] for k in range(3)]
    found = estimate.mean(by_class)
    assert found.value == pytest.approx(macro(np.ones(100, bool)))
    assert estimate.covariance(found.influence[None])[0, 0] == pytest.approx(expected, rel=0.04)


def test_a_perfect_ranking_has_an_interval_that_is_not_a_point():
    positive = np.arange(40) < 10
    [found] = auc.estimate(positive, -np.arange(40.0)[None])
    assert (found.value, found.high) == (1.0, pytest.approx(1.0))
    assert 0.8 < found.low < 0.97
    low, high = auc.interval(1.0, 0.0, 10, 30)
    assert (low, high) == (pytest.approx(found.low), pytest.approx(1.0))
    # the true value that makes 1 just no surprise: 1 - low = z sqrt(variance(low))
    n_star = (10 + 30) / 2 - 1
    spread = low * (1 - low) * (1 + n_star * ((1 - low) / (2 - low) + low / (1 + low))) / 300
    assert (1 - low) ** 2 == pytest.approx(1.959963985**2 * spread)
    assert auc.interval(1.0, 0.0, 10, 30, most=2.0)[0] < low


def test_the_wrong_ranking_mirrors_the_right_one():
    positive, scores = films(1)
    [found] = auc.estimate(positive, scores[:1])
    [wrong] = auc.estimate(positive, -scores[:1])
    assert (wrong.value, wrong.low, wrong.high) == pytest.approx(
        (1 - found.value, 1 - found.high, 1 - found.low)
    )


@pytest.mark.parametrize("positives", [0, 30])
def test_without_films_of_both_kinds_there_is_no_auc(positives):
    found = auc.estimate(np.arange(30) < positives, np.arange(60.0).reshape(2, 30))
    assert np.isnan([found[0].value, found[0].low, found[0].high]).all()
    pair = auc.difference(*found)
    assert pair.p is None
    assert np.isnan(pair.value)


def test_one_positive_film_cannot_prove_a_difference():
    rng = np.random.default_rng(0)
    found = auc.estimate(np.arange(30) < 1, rng.normal(size=(2, 30)))
    pair = auc.difference(*found)
    assert pair.p is None
    assert pair.method == "not tested: the films show no spread of the difference"
    assert found[0].low < found[0].value < found[0].high


def test_the_test_of_a_pair_is_delongs():
    from scipy.stats import norm

    positive, scores = films(2)
    aucs, covariance = auc.delong(positive, scores)
    z = (aucs[0] - aucs[1]) / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    first, second, _ = auc.estimate(positive, scores)
    found = auc.difference(first, second)
    assert found.value == pytest.approx(aucs[0] - aucs[1])
    assert found.p == pytest.approx(2 * norm.sf(abs(z)))
    assert found.method == "DeLong"
    assert found.low < found.value < found.high
    by_patient = auc.difference(first, second, patients(40))
    assert by_patient.method == "DeLong for whole patients"


@given(st.integers(0, 10_000), st.booleans())
def test_exchanging_models_negates_and_the_order_of_films_does_not_matter(seed, grouped):
    positive, scores = films(seed, n=24)
    groups = patients(24, seed) if grouped else None
    first, second, _ = auc.estimate(positive, scores, groups)
    one, other = auc.difference(first, second, groups), auc.difference(second, first, groups)
    assert (one.value, one.low, one.high, one.p) == pytest.approx(
        (-other.value, -other.high, -other.low, other.p)
    )
    assert 0 < one.p <= 1
    order = np.random.default_rng(seed).permutation(24)
    moved = auc.estimate(positive[order], scores[:, order], groups[order] if grouped else None)
    assert (moved[0].low, moved[0].high) == pytest.approx((first.low, first.high))
    assert 0 <= first.low <= first.value <= first.high <= 1


def test_scores_of_other_films_are_refused():
    with pytest.raises(CxrError, match="one row a model"):
        auc.influences(np.ones(3, bool), np.ones((2, 4)))


def test_the_truth_lies_inside_for_about_19_of_20_sets():
    # Normal scores whose means differ by d have AUC = Phi(d / sqrt 2): 0.9500 for 2.3262.
    rng = np.random.default_rng(11)
    positive, held = np.arange(120) < 30, []
    for _ in range(300):
        [found] = auc.estimate(positive, rng.normal(size=(1, 120)) + 2.3262 * positive)
        held.append(found.low <= 0.95 <= found.high)
    assert 0.91 <= np.mean(held) <= 0.99
