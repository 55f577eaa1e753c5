"""Shares: against statsmodels, full enumeration and simulated test sets."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from cxrcore.errors import CxrError
from cxrcore.statistics import shares
from tests.helpers.clusters import cluster_sums, paired_films, patients


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_statsmodels(count):
    assert shares.wilson(*count) == pytest.approx(
        proportion_confint(*count, method="wilson"), abs=1e-12
    )


def test_films_of_different_patients_have_wilsons_interval_exactly():
    hits = np.arange(40) % 5 > 0
    for groups in (None, np.arange(40), np.arange(40)[::-1] * 3):
        assert shares.interval(hits, groups) == shares.wilson(32, 40)


def test_without_films_a_share_can_be_anything():
    assert shares.interval(np.zeros(0, bool)) == (0.0, 1.0)
    nothing = shares.estimate(np.ones(3, bool), np.zeros(3, bool))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_a_share_of_a_class_is_that_of_its_films_alone():
    rng = np.random.default_rng(0)
    hits, of, groups = rng.random(80) < 0.7, rng.random(80) < 0.4, patients(80)
    found = shares.estimate(hits, of, groups)
    assert found.value == hits[of].mean()
    assert (found.low, found.high) == shares.interval(hits[of], groups[of])
    # the variance of a clustered share: squared sums of the residuals by patient, by n squared
    totals = cluster_sums(hits[of] - found.value, groups[of].tolist())
    moved = cluster_sums(found.influence, groups.tolist())
    assert np.sum(np.square(moved)) == pytest.approx(np.sum(np.square(totals)) / of.sum() ** 2)


def test_copies_of_films_tell_nothing_new():
    hits = np.arange(50) % 5 > 0
    once, alike = (
        shares.interval(hits),
        shares.interval(np.repeat(hits, 4), np.repeat(range(50), 4)),
    )
    # as many films as patients, but Student's quantile for 50 of them
    assert alike == pytest.approx(shares.wilson(40, 50, z=2.0095752), abs=1e-6)
    assert alike[0] < once[0] < once[1] < alike[1]
    faultless = shares.interval(np.ones(200, bool), np.repeat(range(50), 4))
    assert faultless == pytest.approx(shares.wilson(50, 50, z=2.0095752), abs=1e-6)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_one_of_statsmodels(gained, lost):
    a = np.repeat([True, False, True], [gained, lost, 5])
    b = np.repeat([False, True, True], [gained, lost, 5])
    found = shares.difference(a, b)
    if gained + lost == 0:
        assert found.p is None
        return
    expected = reference_mcnemar([[5, gained], [lost, 0]], exact=True).pvalue
    assert found.p == pytest.approx(expected, rel=1e-9)
    assert found.method == "exact McNemar"


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_mcnemar_for_patients_counts_all_exchanges(changes):
    found = abs(sum(changes))
    all_of_them = [
        abs(sum(sign * change for sign, change in zip(signs, changes, strict=True))) >= found
        for signs in product((-1, 1), repeat=len(changes))
    ]
    assert shares.mcnemar(np.array(changes)) == pytest.approx(np.mean(all_of_them))


def test_mcnemar_counts_twenty_thousand_patients():
    changes = np.repeat([1, -1], [10_150, 9_850])
    assert shares.mcnemar(changes) == pytest.approx(binomtest(9_850, 20_000).pvalue, rel=1e-9)
    more = np.concatenate([changes, np.repeat([2, -2, 3], [500, 500, 1])])
    assert 0 < shares.mcnemar(np.ones(5_000)) < 1e-300
    spread = np.sqrt(np.sum(more**2.0))
    assert shares.mcnemar(more) == pytest.approx(2 * norm.sf((more.sum() - 0.5) / spread), rel=0.01)


def test_the_interval_of_a_difference_is_newcombes_but_for_his_correction():
    # Of 56 films both have 36 right, one 10 and 8 more, and 2 nobody. By hand from Wilson's bounds
    # and phi, drawn to 0 by half a film in 56, where Newcombe takes n / 2 from 36 * 2 - 10 * 8.
    a = np.repeat([True, True, False, False], [36, 10, 8, 2])
    b = np.repeat([True, False, True, False], [36, 10, 8, 2])
    phi = (36 * 2 - 10 * 8) / np.sqrt(46 * 10 * 44 * 12) * (1 - 0.5 / 56)
    (low_a, high_a), (low_b, high_b) = shares.wilson(46, 56), shares.wilson(44, 56)
    down, up = 46 / 56 - low_a, high_a - 46 / 56
    under, over = 44 / 56 - low_b, high_b - 44 / 56
    found = shares.difference(a, b)
    assert found.value == pytest.approx(2 / 56)
    assert found.low == pytest.approx(2 / 56 - np.sqrt(down**2 + over**2 - 2 * phi * down * over))
    assert found.high == pytest.approx(2 / 56 + np.sqrt(up**2 + under**2 - 2 * phi * up * under))


def test_models_that_answer_alike_are_not_proven_to_be_alike():
    a = np.arange(60) % 2 == 0
    found = shares.difference(a, a)
    assert found.value == 0
    assert found.low < -0.01
    assert found.high > 0.01
    assert found.p is None
    assert found.method == "not tested: both models have the same films right"


@given(paired_films())
def test_exchanging_the_models_negates_the_difference(films):
    a, b, groups = films
    one, other = shares.difference(a, b, groups), shares.difference(b, a, groups)
    assert one.p == other.p
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert -1 - 1e-9 <= one.low <= one.value <= one.high <= 1 + 1e-9
    assert one.p is None or 0 < one.p <= 1


@given(paired_films(), st.randoms())
def test_the_order_of_the_films_does_not_matter(films, random):
    a, b, groups = films
    order = np.array(random.sample(range(len(a)), len(a)))
    moved = shares.difference(a[order], b[order], None if groups is None else groups[order])
    kept = shares.difference(a, b, groups)
    assert (moved.p, moved.method) == (kept.p, kept.method)
    assert (moved.low, moved.high) == pytest.approx((kept.low, kept.high))


@given(paired_films())
def test_the_interval_of_a_share_contains_it(films):
    hits, _, groups = films
    low, high = shares.interval(hits, groups)
    assert 0 <= low <= hits.mean() + 1e-12
    assert hits.mean() - 1e-12 <= high <= 1


@pytest.mark.parametrize("b", [np.zeros(3, bool), np.zeros(0, bool)])
def test_a_difference_needs_the_same_films(b):
    with pytest.raises(CxrError, match="the same films"):
        shares.difference(np.zeros(2 if len(b) else 0, bool), b)


@pytest.mark.parametrize(("right", "n"), [(0.6, 60), (0.95, 225)])
def test_the_truth_lies_inside_for_about_19_of_20_sets_of_patients(right, n):
    rng = np.random.default_rng(7)
    single, paired = [], []
    for _ in range(300):
        groups = np.repeat(range(n), rng.integers(1, 4, n))[:n]
        luck = np.where(rng.random(n) < 0.7, rng.random(n)[groups], rng.random(n))
        other = np.where(rng.random(n) < 0.7, luck, rng.random(n))
        low, high = shares.interval(luck < right, groups)
        found = shares.difference(luck < right, other < right - 0.04, groups)
        single.append(low <= right <= high)
        paired.append(found.low <= 0.04 <= found.high)
    assert 0.91 <= np.mean(single) <= 0.99
    assert 0.91 <= np.mean(paired) <= 0.995
