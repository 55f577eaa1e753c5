"""Families: the corrected t test by hand and against SciPy, and films and seeds drawn anew."""

import numpy as np
import pytest
from scipy import stats

from cxrcore.statistics import student


def test_without_shared_films_it_is_the_paired_t_test():
    given = np.array([0.02, 0.05, -0.01, 0.04, 0.03])
    found = student.paired_folds(given, 0.0)
    expected = stats.ttest_1samp(given, 0)
    interval = expected.confidence_interval()
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_shared_films_widen_it_by_hand():
    # mean 2, s² = 2.5, J = 5; variance (1/5 + 1/4) 2.5 = 1.125; t(4) at 0.975 is 2.776445
    found = student.paired_folds([0, 1, 2, 3, 4], 0.25)
    half = 2.776445 * np.sqrt(1.125)
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half))
    assert found.p == pytest.approx(2 * stats.t.sf(2 / np.sqrt(1.125), 4))


@pytest.mark.parametrize(
    ("given", "why"), [([0.1], "one fold only"), ([0.1, 0.1], "all folds agree")]
)
def test_folds_without_spread_are_not_tested(given, why):
    found = student.paired_folds(given, 0.25)
    assert found.p is None
    assert np.isnan([found.low, found.high]).all()
    assert found.method == f"not tested: {why}"


def test_films_and_seeds_both_add_to_the_spread():
    rng = np.random.default_rng(0)
    # a figure of 4 seeds: spread of films 0.02, of seeds 0.03, whose mean has 0.03 / sqrt 4
    seeds = np.array([-0.03, 0.03, -0.03, 0.03]) * np.sqrt(3 / 4)  # n - 1 in the denominator
    replicates = 0.8 + seeds + 0.02 * rng.normal(size=(40_000, 1))
    found = student.over_seeds(replicates, seed=1)
    assert found.mean() == pytest.approx(0.8, abs=0.001)
    assert found.std() == pytest.approx(np.hypot(0.02, 0.03 / 2), rel=0.02)
    assert np.array_equal(student.over_seeds(replicates, seed=1), found)


def test_one_seed_stays_as_it_is():
    replicates = np.arange(5.0)[:, None]
    assert student.over_seeds(replicates, seed=0).tolist() == [0, 1, 2, 3, 4]
