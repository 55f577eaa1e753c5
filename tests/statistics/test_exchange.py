"""Permutation tests against every exchange there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore.errors import CxrError
from cxrcore.statistics import exchange, shares
from tests.helpers.clusters import patients


def correct(cells):
    """Accuracy of counts in a 2 x 2 matrix."""
    return (cells[:, 0] + cells[:, 3]) / cells.sum(axis=1)


def f1(cells):
    """F1 of the second of two classes."""
    return 2 * cells[:, 3] / np.maximum(2 * cells[:, 3] + cells[:, 1] + cells[:, 2], 1)


def every_exchange(a, b, groups, figure):
    """p of a figure, by exchanging the films of every possible set of patients."""
    names = np.unique(groups)

    def far(swapped):
        one, other = np.where(swapped, b, a), np.where(swapped, a, b)
        counts = np.array([np.bincount(each, minlength=4) for each in (one, other)], float)
        return abs(np.subtract(*figure(counts)))

    found = far(np.zeros(len(a), bool))
    choices = product((False, True), repeat=len(names))
    return np.mean([far(np.isin(groups, names[list(c)])) >= found - 1e-12 for c in choices])


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([correct, f1]))
def test_it_nears_the_share_of_all_exchanges(seed, grouped, figure):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 9)
    a, b = (2 * truth + np.where(rng.random(9) < p, truth, 1 - truth) for p in (0.9, 0.4))
    groups = patients(9, seed) if grouped else None
    found = exchange.swaps(a, b, 4, figure, groups, draws=1_999)
    expected = every_exchange(a, b, np.arange(9) if groups is None else groups, figure)
    assert found == pytest.approx(expected, abs=0.06)  # five standard errors
    assert found == exchange.swaps(b, a, 4, figure, groups, draws=1_999)
    order = rng.permutation(9)
    again = exchange.swaps(
        a[order], b[order], 4, figure, None if groups is None else groups[order], draws=1_999
    )
    assert again == found


@pytest.mark.parametrize("grouped", [False, True])
def test_for_accuracy_it_is_mcnemars(grouped):
    # 70 and 40 changes: pools larger than a word of 64 bits
    hits_a = np.repeat([True, False, True], [70, 40, 90])
    hits_b = np.repeat([False, True, True], [70, 40, 90])
    groups = np.repeat(np.arange(100), 2) if grouped else None
    expected = shares.difference(hits_a, hits_b, groups).p
    found = exchange.swaps(np.where(hits_a, 0, 1), np.where(hits_b, 0, 1), 4, correct, groups)
    assert found == pytest.approx(expected, abs=0.003)


def test_patients_with_films_of_several_kinds_are_exchanged_whole():
    # One patient holds all the changes: both exchanges give a difference as large.
    a, b = np.array([0, 0, 3, 3, 0]), np.array([1, 1, 2, 2, 0])
    assert exchange.swaps(a, b, 4, correct, np.array([7, 7, 7, 7, 2]), draws=99) == 1.0
    assert exchange.swaps(a, b, 4, correct, draws=3_999) == pytest.approx(1 / 8, abs=0.03)


def test_equal_answers_have_a_p_of_one():
    a = np.array([0, 1, 2, 3])
    assert exchange.swaps(a, a, 4, f1, draws=99) == 1.0
    assert exchange.sign_flips(np.zeros(4), draws=99) == 1.0


def test_an_undefined_figure_proves_nothing():
    a, b = np.zeros(20, int), np.full(20, 3)
    nothing = exchange.swaps(a, b, 4, lambda cells: cells[:, 0] * np.nan, draws=99)
    assert nothing == 1.0


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.booleans())
def test_flipped_signs_near_the_share_of_all_flips(seed, grouped):
    rng = np.random.default_rng(seed)
    values = rng.normal(0.4, 1, (2, 10)) * [[1.0], [1e-7]]
    groups = patients(10, seed) if grouped else np.arange(10)
    names = np.unique(groups)
    together = np.array([[row[groups == name].sum() for name in names] for row in values])
    flips = np.array(list(product((-1, 1), repeat=len(names))))
    far = np.abs(flips @ together.T) >= np.abs(together.sum(axis=1)) * (1 - 1e-9)
    found = exchange.sign_flips(values, groups, draws=2_999)
    assert found == pytest.approx(far.mean(axis=0), abs=0.05)
    assert exchange.sign_flips(-values, groups, draws=2_999) == pytest.approx(found)
    assert exchange.sign_flips(values[0], groups, draws=2_999) == found[0]


def test_a_clear_difference_reaches_the_smallest_p():
    assert exchange.sign_flips(np.ones(100), draws=999) == 1 / 1000


def test_answers_of_different_films_are_refused():
    with pytest.raises(CxrError, match="Received: 3 and 4"):
        exchange.swaps(np.zeros(3, int), np.zeros(4, int), 4, correct)
