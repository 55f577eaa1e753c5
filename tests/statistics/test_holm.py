"""Holm's correction against statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from cxrcore.statistics.holm import adjust


@pytest.fixture(autouse=True)
def _collects_nothing(monkeypatch):
    """`multipletests` collects garbage at each call: a second each, late in the whole suite."""
    monkeypatch.setattr("gc.collect", lambda: 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_it_is_that_of_statsmodels(p):
    assert adjust(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_what_was_not_tested_does_not_count():
    found = adjust([0.01, np.nan, 0.04, 0.03])
    assert np.isnan(found[1])
    assert found[[0, 2, 3]].tolist() == adjust([0.01, 0.04, 0.03]).tolist()
    assert adjust([]).tolist() == []
