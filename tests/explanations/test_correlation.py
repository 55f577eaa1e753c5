"""The agreement of maps as a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cxrcore import explanations, images


def smooth(number: int, side: int = 40) -> np.ndarray:
    coarse = np.random.default_rng(number).random((5, 5)).astype(np.float32)
    return images.resize(coarse, side)


def test_it_is_the_mean_of_all_pairs():
    maps = [smooth(number, 32) for number in range(3)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    each = [stats.pearsonr(maps[a].ravel(), maps[b].ravel()).statistic for a, b in pairs]
    assert explanations.agreement(maps) == pytest.approx(np.mean(each), abs=1e-6)


def test_maps_of_other_sizes_and_scales_agree_if_they_show_the_same():
    assert explanations.agreement([smooth(1, 224), 50 * smooth(1, 96)]) > 0.995
    heat = smooth(2)
    assert explanations.agreement([heat, heat.max() - heat]) == pytest.approx(-1)


def test_an_empty_map_counts_for_nothing_and_one_alone_agrees_with_nobody():
    heat, empty = smooth(1), np.zeros((40, 40))
    assert explanations.agreement([]) is None
    assert explanations.agreement([heat]) is None
    assert explanations.agreement([heat, empty]) is None
    assert explanations.agreement([heat, empty, heat]) == pytest.approx(1)


@given(st.integers(2, 5), st.integers(0, 1000))
def test_the_order_of_the_maps_does_not_matter(count, seed):
    maps = [smooth(seed + number) for number in range(count)]
    found = explanations.agreement(maps)
    assert -1 <= found <= 1
    assert explanations.agreement(maps[::-1]) == pytest.approx(found)
