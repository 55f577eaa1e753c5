"""The bootstrap: whole patients, the same from one seed, and intervals that hold the truth."""

import numpy as np
import pytest
from scipy.stats import norm

from cxrcore.errors import CxrError
from cxrcore.statistics import resampling
from tests.helpers.clusters import patients


def drawn(*asked, **more):
    return np.concatenate(list(resampling.weights(*asked, **more)))


def test_every_draw_has_as_many_films_as_there_are():
    found = drawn(50, 40, seed=3)
    assert found.shape == (40, 50)
    assert found.dtype == np.float32
    assert (found.sum(axis=1) == 50).all()
    assert found.mean() == 1
    assert np.array_equal(found, drawn(50, 40, seed=3, groups=np.arange(50)))
    assert not np.array_equal(found, drawn(50, 40, seed=4))


def test_films_of_a_patient_are_drawn_together():
    groups = patients(60)
    found = drawn(60, 30, seed=0, groups=groups)
    for name in np.unique(groups):
        assert (np.ptp(found[:, groups == name], axis=1) == 0).all()
    firsts = np.unique(groups, return_index=True)[1]
    assert (found[:, firsts].sum(axis=1) == len(firsts)).all()


def test_memory_does_not_grow_with_the_draws(monkeypatch):
    whole = drawn(30, 25, seed=1)
    monkeypatch.setattr(resampling, "_CHUNK_BYTES", 30 * 4 * 10)
    chunks = list(resampling.weights(30, 25, seed=1))
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert np.array_equal(np.concatenate(chunks), whole)


def test_replicates_of_a_mean_give_nearly_students_interval():
    values = np.random.default_rng(0).normal(5, 1, 40)
    weights = drawn(40, 20_000, seed=2)
    low, high = resampling.interval(values.mean(), weights @ values / 40, 40)
    half = 2.0227 * values.std(ddof=1) / np.sqrt(40)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_bias_is_corrected():
    # of replicates that lie above the value in 80 of 100 cases, lower ones are taken
    replicates = np.linspace(0, 1, 1_001)
    below = norm.ppf(0.2)
    expected = norm.cdf([2 * below - 1.96, 2 * below + 1.96])
    assert resampling.interval(0.2, replicates, 10_000) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    "replicates", [np.ones(99), np.full(99, np.nan), np.r_[1, 0.5, [np.nan] * 97]]
)
def test_without_spread_there_is_no_interval(replicates):
    assert np.isnan(resampling.interval(1.0, replicates, 20)).all()
    found = resampling.difference(1.0, 1.0, (replicates, np.ones(99)), 20, p=0.5)
    assert found.p is None
    assert found.method == "not tested: the films show no spread"


def test_a_pair_is_compared_draw_by_draw():
    rng = np.random.default_rng(1)
    a = rng.normal(0, 1, 80)
    b = a - 0.1 + rng.normal(0, 0.2, 80)
    weights = drawn(80, 2_000, seed=5)
    replicates = (weights @ a / 80, weights @ b / 80)
    found = resampling.difference(a.mean(), b.mean(), replicates, 80)
    other = resampling.difference(b.mean(), a.mean(), replicates[::-1], 80)
    assert found.low < found.value < found.high < found.low + 0.11
    assert (found.value, found.p) == pytest.approx((-other.value, other.p))
    assert (found.low, found.high) == pytest.approx((-other.high, -other.low))
    assert 1 / 2001 <= found.p < 0.01
    tested = resampling.difference(a.mean(), b.mean(), replicates, 80, p=0.2)
    assert (tested.p, tested.low) == (0.2, found.low)


def test_replicates_of_different_draws_are_refused():
    with pytest.raises(CxrError, match="Received: 3 and 4"):
        resampling.difference(0, 0, (np.ones(3), np.ones(4)), 9)
