"""Means of figures and differences of pairs, with what is known of their correlation."""

import numpy as np
import pytest

from cxrcore.errors import CxrError
from cxrcore.statistics.estimate import Estimate, correlations, covariance, difference, mean

SPREAD = np.array([0.1, -0.1, 0.2, -0.2])


def test_without_patients_the_covariance_is_that_of_the_films():
    influences = np.array([SPREAD, SPREAD[::-1]])
    assert covariance(influences) == pytest.approx(influences @ influences.T)
    # films 0 and 1 are of one patient, whose influences cancel out
    assert covariance(influences, [5, 5, 3, 3]) == pytest.approx(np.zeros((2, 2)), abs=1e-15)


def test_figures_that_move_together_have_the_mean_of_their_bounds():
    parts = [Estimate(0.8, 0.7, 0.85, SPREAD), Estimate(0.6, 0.4, 0.65, 2 * SPREAD)]
    found = mean(parts)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.55, 0.75))
    assert found.influence == pytest.approx(1.5 * SPREAD)


def test_figures_that_move_apart_are_surer_together():
    other = np.array([0.2, 0.2, -0.2, -0.2])  # uncorrelated with SPREAD
    found = mean([Estimate(0.8, 0.7, 0.9, SPREAD), Estimate(0.6, 0.5, 0.7, other)])
    assert correlations(np.array([SPREAD, other]), None, 1.0)[0, 1] == pytest.approx(0, abs=1e-12)
    assert found.high - found.value == pytest.approx(np.hypot(0.1, 0.1) / 2)


def test_an_undefined_figure_is_left_out_of_a_mean():
    nothing = Estimate(np.nan, np.nan, np.nan, np.zeros(4))
    assert mean([nothing, Estimate(0.8, 0.7, 0.9, SPREAD)]).value == 0.8
    assert np.isnan(mean([nothing, nothing]).value)


def test_without_spread_a_mean_takes_the_widest_and_a_difference_no_correlation():
    still = Estimate(1.0, 0.9, 1.0, np.zeros(4))
    assert mean([still, still]).low == pytest.approx(0.9)
    found = difference(still, Estimate(0.8, 0.7, 0.9, SPREAD), 0.03, "a test")
    assert found.low == pytest.approx(0.2 - np.hypot(0.1, 0.1))
    assert (found.p, found.method) == (0.03, "a test")


def test_a_pair_that_moves_together_is_surer():
    first, alike = Estimate(0.8, 0.7, 0.9, SPREAD), Estimate(0.7, 0.6, 0.8, SPREAD)
    apart = Estimate(0.7, 0.6, 0.8, -SPREAD)
    widths = [
        found.high - found.low for found in (difference(first, x, None, "") for x in (alike, apart))
    ]
    # correlations of 7/8, half a film in four less than 1, and -7/8
    assert widths == pytest.approx([2 * 0.1 * np.sqrt(0.25), 2 * 0.1 * np.sqrt(3.75)])


def test_figures_of_different_films_have_no_paired_difference():
    with pytest.raises(CxrError, match="Received: 4 and 3"):
        difference(Estimate(1, 1, 1, SPREAD), Estimate(1, 1, 1, SPREAD[:3]), None, "")
