"""Limits on a quality score, and what they remove."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.errors import DatasetError
from cxrcore.quality.limits import balance_sentence, limit, quartiles, removed

SCORES = np.array([10.0, 20, 30, 40, 50, 60, 70, 200])


def test_quartiles_are_those_of_numpy_and_skip_what_has_no_score():
    scores = np.append(SCORES, np.nan)
    (found, empty) = quartiles(scores, np.array(["A"] * 9), ["A", "B"])
    assert found.images == 8
    expected = np.percentile(SCORES, [0, 25, 50, 75, 100])
    assert (found.lowest, found.q1, found.median, found.q3, found.highest) == tuple(expected)
    assert empty.images == 0
    assert math.isnan(empty.median)


def test_limits_follow_their_definitions():
    q1, q3 = np.percentile(SCORES, [25, 75])
    scores = np.append(SCORES, np.nan)
    assert limit(scores, "q3") == q3
    assert limit(scores, "fence") == q3 + 1.5 * (q3 - q1)
    assert limit(scores, "fixed", 70) == 70
    assert limit(scores, "percentile", 90) == np.percentile(SCORES, 90)


def test_without_any_score_there_is_no_limit_and_nothing_is_removed():
    none = np.array([np.nan, np.nan])
    assert math.isnan(limit(none, "q3"))
    assert not removed(none, limit(none, "q3")).any()
    assert not removed(none, 70).any()


def test_an_image_at_the_limit_stays():
    assert removed(np.array([70.0, 70.1]), 70.0).tolist() == [False, True]


@pytest.mark.parametrize(
    ("rule", "value"), [("median", 0), ("percentile", 101), ("percentile", -1)]
)
def test_senseless_limits_are_refused(rule, value):
    with pytest.raises(DatasetError, match=r"Choose one"):
        limit(SCORES, rule, value)


@given(
    st.lists(st.floats(-50, 200), min_size=1, max_size=60),
    st.sampled_from(["q3", "fence", "percentile"]),
)
def test_a_limit_never_removes_more_than_a_quarter_and_only_the_highest(scores, rule):
    values = np.array(scores)
    out = removed(values, limit(values, rule, 75.0))
    assert out.sum() <= np.ceil(len(scores) / 4)
    assert not out.any() or values[out].min() > values[~out].max()


def test_a_limit_that_removes_much_more_of_one_group_is_pointed_out():
    total = pd.Series({"Normal": 100, "COVID-19": 10})
    sentence = balance_sentence(pd.Series({"Normal": 10, "COVID-19": 5}), total, "class")
    assert "removes 50% of COVID-19 but 10% of Normal" in sentence
    assert "balance of the classes" in sentence
    assert balance_sentence(pd.Series({"Normal": 10, "COVID-19": 1}), total, "class") == ""
