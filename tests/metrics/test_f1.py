"""Intervals of F1: against hand-computed ones, numerical derivatives and simulated test sets."""

import numpy as np
import pytest

from cxrcore.metrics.f1 import class_intervals, correlations, macro_interval

Z = 1.959963984540054


def f1(confusion: np.ndarray) -> np.ndarray:
    """As scikit-learn counts it: 2 TP / (2 TP + FP + FN), 0 where that is 0 / 0."""
    right = confusion.diagonal()
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    return np.where(both > 0, 2 * right / np.where(both > 0, both, 1), 0.0)


def test_the_bounds_of_a_class_are_those_of_the_share_that_its_f1_is_made_of():
    # Class 0: 8 right of 10 that are it or called so. Wilson for 8 of 10 is 0.4902 to 0.9433
    # (Newcombe's score method); F1 = 2 s / (1 + s) of these is 0.6579 to 0.9708.
    low, high = class_intervals([[8, 1], [1, 5]])[0]
    assert (low, high) == pytest.approx((0.65786, 0.97083), abs=1e-5)


def test_a_class_that_nobody_has_and_nothing_is_called_can_have_any_f1():
    confusion = [[5, 0, 0], [1, 4, 0], [0, 0, 0]]
    assert class_intervals(confusion)[2] == (0.0, 1.0)
    low, high = macro_interval(confusion)
    assert low < f1(np.array(confusion)).mean() < high


def test_correlations_are_those_of_numerical_derivatives():
    confusion = np.array([[20.0, 2, 3], [1, 12, 4], [5, 0, 9]])
    n, eps = confusion.sum(), 1e-6
    shares = confusion.ravel() / n
    slopes = np.empty((3, 9))
    for cell in range(9):
        step = np.zeros(9)
        step[cell] = eps
        up, down = ((shares + sign * step).reshape(3, 3) for sign in (1, -1))
        slopes[:, cell] = (f1(up) - f1(down)) / (2 * eps)
    multinomial = np.diag(shares) - np.outer(shares, shares)
    covariance = slopes @ multinomial @ slopes.T
    spread = np.sqrt(covariance.diagonal())
    assert correlations(confusion) == pytest.approx(covariance / np.outer(spread, spread), abs=1e-6)


def test_where_nothing_was_mistaken_the_bounds_are_the_mean_of_those_of_the_classes():
    # No spread is seen, so that all classes may be wrong together: the widest.
    confusion = [[10, 0], [0, 30]]
    (first, _), (second, _) = class_intervals(confusion)
    # Wilson of n of n begins at n / (n + z²).
    assert first == pytest.approx(2 * 10 / (2 * 10 + Z**2))
    assert macro_interval(confusion) == pytest.approx(((first + second) / 2, 1.0))


def test_more_images_narrow_it_down_to_what_the_delta_method_says():
    shares = np.array([[0.3, 0.02, 0.03], [0.03, 0.25, 0.05], [0.02, 0.05, 0.25]])
    widths = [np.diff(macro_interval((shares * n).astype(int)))[0] for n in (100, 1_000, 100_000)]
    assert widths[0] > widths[1] > widths[2]
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(100_000, shares.ravel(), 4_000).reshape(-1, 3, 3)
    spread = np.std([f1(one).mean() for one in drawn])
    assert widths[2] == pytest.approx(2 * Z * spread, rel=0.05)


@pytest.mark.parametrize(
    ("shares", "n"),
    [
        ([[0.49, 0.01], [0.01, 0.49]], 20),  # most sets have no mistake at all
        ([[0.45, 0.05], [0.08, 0.42]], 20),
        ([[0.3, 0.02, 0.03], [0.03, 0.25, 0.05], [0.02, 0.05, 0.25]], 100),
    ],
)
def test_the_truth_lies_inside_for_about_19_of_20_test_sets(shares, n):
    truth = f1(np.array(shares))
    rng = np.random.default_rng(4)
    drawn = rng.multinomial(n, np.ravel(shares), 400).reshape(400, *np.shape(shares))
    macro = [low <= truth.mean() <= high for low, high in map(macro_interval, drawn)]
    assert 0.92 <= np.mean(macro) <= 0.99
    single = [
        low <= true <= high
        for one in drawn
        for true, (low, high) in zip(truth, class_intervals(one), strict=True)
    ]
    assert 0.92 <= np.mean(single) <= 0.99
