"""Mean, spread and interval of a family of runs; every image of all folds in one matrix."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cxrcore.errors import CxrError
from cxrcore.metrics import METRICS, Member, evaluate, pooled, select, summarise

NAMES = ["A", "B"]


def member(right: int, n: int = 100, fold: int | None = None, seed: int = 0, trained: int = 400):
    """A run that calls `right` of `n` images rightly; half of the images are of each class."""
    truth = np.arange(n) % 2
    called = np.where(np.arange(n) < right, truth, 1 - truth)
    return Member(evaluate(truth, np.eye(2)[called], NAMES), seed, fold, trained)


def test_one_run_has_a_mean_and_nothing_else():
    found = summarise([member(80, fold=1)], folds=5)
    assert found.estimates["accuracy"].model_dump() == {
        "mean": 0.8,
        "sd": None,
        "low": None,
        "high": None,
    }
    assert (found.runs, found.wanted, found.seeds) == (1, 5, 1)


def test_the_interval_of_five_folds_is_that_of_nadeau_and_bengio_by_hand():
    # s² = 0.001, (1/5 + 100/400) s² = 0.00045, t(4; 0.975) = 2.7764
    found = summarise([member(r, fold=f + 1) for f, r in enumerate((76, 78, 80, 82, 84))], 5)
    assert found.interval == "folds"
    assert found.estimates["accuracy"].mean == pytest.approx(0.80)
    assert found.estimates["accuracy"].sd == pytest.approx(math.sqrt(0.001))
    assert found.estimates["accuracy"].low == pytest.approx(
        0.80 - 2.7764 * math.sqrt(0.00045), abs=1e-5
    )
    assert found.estimates["accuracy"].high == pytest.approx(
        0.80 + 2.7764 * math.sqrt(0.00045), abs=1e-5
    )


@settings(max_examples=40, deadline=None)
@given(rights=st.lists(st.integers(40, 90), min_size=2, max_size=8))
def test_the_interval_of_seeds_is_the_one_of_scipy(rights):
    found = summarise([member(r, seed=s) for s, r in enumerate(rights)])
    values = np.array(rights) / 100
    assert found.interval == "seeds"
    assert (found.runs, found.wanted) == (len(rights), len(rights))
    if len(set(rights)) == 1:
        assert found.estimates["accuracy"].low is None
        return
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert found.estimates["accuracy"].low == pytest.approx(max(0, low))
    assert found.estimates["accuracy"].high == pytest.approx(min(1, high))


@settings(max_examples=40, deadline=None)
@given(rights=st.lists(st.integers(0, 100), min_size=2, max_size=10))
def test_the_interval_holds_the_mean_stays_in_0_to_1_and_is_wider_for_folds_than_for_seeds(rights):
    folds = summarise([member(r, fold=n + 1) for n, r in enumerate(rights)], len(rights))
    seeds = summarise([member(r, seed=n) for n, r in enumerate(rights)])
    assert folds.estimates.keys() == seeds.estimates.keys()
    for column, wide in folds.estimates.items():
        narrow = seeds.estimates[column]
        if wide.mean is None:
            continue
        least, greatest = METRICS[column.partition("[")[0]].bounds
        assert wide.mean == pytest.approx(narrow.mean)
        if wide.low is not None:
            assert least <= wide.low <= narrow.low <= wide.mean
            assert wide.mean <= narrow.high <= wide.high <= greatest


def test_repeats_of_a_fold_count_once_because_they_share_their_images():
    values = {1: (70, 74), 2: (80, 84), 3: (76, 80)}
    twice = [member(r, fold=f, seed=s) for f, rs in values.items() for s, r in enumerate(rs)]
    once = [member(sum(rs) // 2, fold=f) for f, rs in values.items()]
    found, means = summarise(twice, 3), summarise(once, 3)
    assert (found.runs, found.wanted, found.seeds) == (6, 6, 2)
    assert found.estimates["accuracy"].low == pytest.approx(means.estimates["accuracy"].low)
    assert found.estimates["accuracy"].high == pytest.approx(means.estimates["accuracy"].high)
    assert found.estimates["accuracy"].sd == pytest.approx(
        np.std([0.7, 0.74, 0.8, 0.84, 0.76, 0.8], ddof=1)
    )


def test_runs_that_all_agree_have_no_interval_instead_of_certainty():
    found = summarise([member(100, fold=f) for f in (1, 2, 3)], 3)
    assert found.estimates["accuracy"].model_dump() == {
        "mean": 1.0,
        "sd": 0.0,
        "low": None,
        "high": None,
    }


def test_a_metric_of_a_class_has_an_estimate_for_each_class():
    found = summarise([member(50, fold=1), member(51, fold=2)], 2)
    by_hand = [np.mean([0.5, 26 / 50]), np.mean([0.5, 0.5])]
    means = [found.estimates[f"recall[{name}]"].mean for name in NAMES]
    assert means == pytest.approx(by_hand)


def test_a_metric_that_one_run_lacks_is_summarised_over_the_others():
    only_a = Member(evaluate([0, 0], np.eye(2), NAMES), 0, 3, 400)
    assert only_a.test.value("macro_auc") is None
    found = summarise([member(80, fold=1), member(90, fold=2), only_a], 3).estimates
    assert (
        found["macro_auc"]
        == summarise([member(80, fold=1), member(90, fold=2)], 3).estimates["macro_auc"]
    )
    assert summarise([only_a]).estimates["macro_auc"].mean is None


def test_no_run_and_runs_of_other_classes_are_refused():
    with pytest.raises(CxrError, match="at least one run"):
        summarise([])
    with pytest.raises(CxrError, match="at least one run"):
        pooled([])
    other = Member(evaluate([0, 1], np.eye(2), ["A", "C"]), 0, None, 10)
    with pytest.raises(CxrError, match="same classes"):
        summarise([member(50), other])


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    seed=st.integers(0, 2**31),
    k=st.integers(2, 4),
)
def test_pooled_figures_are_those_of_all_predictions_together(sizes, seed, k):
    rng = np.random.default_rng(seed)
    names = list("ABCD")[:k]
    truth = [rng.integers(0, k, n) for n in sizes]
    shares = [rng.dirichlet(np.ones(k), n) for n in sizes]
    found = pooled([evaluate(t, p, names) for t, p in zip(truth, shares, strict=True)])
    wanted = evaluate(np.concatenate(truth), np.concatenate(shares), names)
    assert found.confusion == wanted.confusion
    assert found.n == wanted.n
    assert found.accuracy == pytest.approx(wanted.accuracy)
    assert found.loss == pytest.approx(wanted.loss)
    for metric in select("confusion"):
        assert found.value(metric.name) == pytest.approx(wanted.value(metric.name)), metric.name
    rows = (*found.classes, found.macro, found.weighted)
    others = (*wanted.classes, wanted.macro, wanted.weighted)
    for row, other in zip(rows, others, strict=True):
        assert row.support == other.support
        for metric in select("confusion", scope="class"):
            assert row.value(metric.name) == pytest.approx(other.value(metric.name)), metric.name
