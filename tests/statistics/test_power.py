"""The smallest difference that films can show, against direct sums and simulated tests."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore.errors import CxrError
from cxrcore.statistics import power, shares


def direct_power(n, level, discordance, difference):
    """Share of sets in which the exact McNemar test finds p <= level, by adding every case."""
    first, second = (discordance + difference) / 2, (discordance - difference) / 2
    total = 0.0
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            m = gained + lost
            tail = sum(comb(m, i) for i in range(min(gained, lost) + 1)) / 2**m
            if min(1.0, 2 * tail) <= level:
                ways = comb(n, gained) * comb(n - gained, lost)
                total += ways * first**gained * second**lost * (1 - discordance) ** (n - m)
    return total


@settings(max_examples=15)
@given(st.integers(5, 30), st.sampled_from([0.05, 0.005]), st.sampled_from([0.3, 0.6, 1.0]))
def test_it_is_where_the_power_reaches_four_fifths(n, level, discordance):
    found = power.smallest_difference(n, level, discordance)
    if found is None:
        assert direct_power(n, level, discordance, discordance) < 0.8
    else:
        assert direct_power(n, level, discordance, found) == pytest.approx(0.8, abs=1e-3)


def test_simulated_models_that_differ_so_much_are_told_apart_in_four_of_five_sets():
    found = power.smallest_difference(225, 0.05, 0.2)
    rng = np.random.default_rng(3)
    cells = rng.multinomial(225, [0.8, 0.1 + found / 2, 0.1 - found / 2], 2_000)
    shown = [shares.mcnemar(np.repeat([1, -1], row[1:])) <= 0.05 for row in cells]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.03)


def test_more_films_show_smaller_differences():
    found = [power.smallest_difference(n, 0.05 / 10, 0.2) for n in (60, 225, 1_000, 20_000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.02


@pytest.mark.parametrize(("n", "discordance"), [(0, 0.3), (5, 0.3), (1_000, 0.0), (4, 1.0)])
def test_too_few_films_show_no_difference(n, discordance):
    assert power.smallest_difference(n, 0.05, discordance) is None


def test_a_discordance_in_per_cent_is_refused():
    with pytest.raises(CxrError, match="discordance must be a share"):
        power.smallest_difference(100, 0.05, 30)
