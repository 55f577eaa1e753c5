"""Intervals of shares, of F1 and of means over classes: by hand, by derivatives, by simulation."""

import numpy as np
import pytest

from cxrcore.metrics import METRICS, Metrics
from cxrcore.metrics.uncertainty import Answers, Films
from cxrcore.statistics import estimate
from tests.helpers.clusters import cluster_sums, patients

Z = 1.959963984540054


def intervals(confusion, name: str = "f1") -> list[tuple[float, float] | None]:
    """Those of a metric for a confusion matrix."""
    matrix = np.asarray(confusion)
    names = [{"name": letter} for letter in "ABC"[: len(matrix)]]
    values = {"classes": names, "confusion": matrix.tolist(), "loss": 0.0}
    return Metrics.model_validate(values).intervals(METRICS[name])


def macro_interval(confusion) -> tuple[float, float]:
    [found] = intervals(confusion, "macro_f1")
    return found


def estimates(truth, predicted, groups=None) -> list[estimate.Estimate]:
    """F1 of each of three classes."""
    given = Answers(Films(truth, groups), np.eye(3)[predicted])
    return [METRICS["f1"].uncertainty.estimate(given, number) for number in range(3)]


def f1(confusion: np.ndarray) -> np.ndarray:
    """As scikit-learn counts it: 2 TP / (2 TP + FP + FN), 0 where that is 0 / 0."""
    right = confusion.diagonal()
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    return np.where(both > 0, 2 * right / np.where(both > 0, both, 1), 0.0)


def test_the_bounds_of_a_class_are_those_of_the_share_that_its_f1_is_made_of():
    # Class 0: 8 right of 10 that are it or called so. Wilson for 8 of 10 is 0.4902 to 0.9433
    # (Newcombe's score method); F1 = 2 s / (1 + s) of these is 0.6579 to 0.9708.
    low, high = intervals([[8, 1], [1, 5]])[0]
    assert (low, high) == pytest.approx((0.65786, 0.97083), abs=1e-5)


def test_a_class_that_nobody_has_and_nothing_is_called_can_have_any_f1():
    confusion = [[5, 0, 0], [1, 4, 0], [0, 0, 0]]
    assert intervals(confusion)[2] is None
    low, high = macro_interval(confusion)
    assert low < f1(np.array(confusion)).mean() < high


@pytest.mark.parametrize("name", ["f1", "recall", "precision", "specificity"])
def test_influences_are_numerical_derivatives_of_the_metric(name):
    confusion = np.array([[20.0, 2, 3], [1, 12, 4], [5, 0, 9]])
    cells = np.repeat(np.arange(9), confusion.ravel().astype(int))
    answers = Answers(Films(cells // 3), np.eye(3)[cells % 3])
    metric, eps = METRICS[name], 1e-6
    for number in range(3):
        found = metric.uncertainty.estimate(answers, number)
        assert found.value == pytest.approx(metric.compute(confusion)[number])
        for cell in range(9):
            up, down = confusion.ravel().copy(), confusion.ravel().copy()
            up[cell], down[cell] = up[cell] + eps, down[cell] - eps
            sides = (metric.compute(each.reshape(3, 3))[number] for each in (up, down))
            slope = np.subtract(*sides) / (2 * eps)
            assert found.influence[cells == cell] == pytest.approx(slope, abs=1e-6)


def test_where_nothing_was_mistaken_the_bounds_are_the_mean_of_those_of_the_classes():
    # No spread is seen, so that all classes may be wrong together: the widest.
    confusion = [[10, 0], [0, 30]]
    (first, _), (second, _) = intervals(confusion)
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


def answers(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """120 true and predicted classes of three, and their confusion matrix."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 120)
    predicted = np.where(rng.random(120) < 0.8, truth, rng.integers(0, 3, 120))
    return truth, predicted, np.bincount(truth * 3 + predicted, minlength=9).reshape(3, 3)


@pytest.mark.parametrize("groups", [None, np.arange(120)])
def test_films_of_different_patients_have_the_intervals_of_their_confusion_matrix(groups):
    truth, predicted, confusion = answers()
    found = estimates(truth, predicted, groups)
    assert [(each.low, each.high) for each in found] == intervals(confusion)
    macro = estimate.mean(found, groups)
    assert (macro.low, macro.high) == pytest.approx(macro_interval(confusion))
    assert macro.value == pytest.approx(f1(confusion).mean())


def test_films_of_a_patient_widen_the_interval_of_f1():
    truth, predicted, _ = answers()
    twice = [np.repeat(each, 3) for each in (truth, predicted)]
    alone = estimates(truth, predicted)
    for one, alike in zip(alone, estimates(*twice, np.repeat(range(120), 3)), strict=True):
        assert alike.value == one.value
        assert (alike.low, alike.high) == pytest.approx((one.low, one.high), abs=0.01)


def test_influences_are_what_f1_loses_without_a_patient():
    truth, predicted, _ = answers(1)
    groups = patients(120)
    moved = estimates(truth, predicted, groups)[0].influence
    assert moved.sum() == pytest.approx(0)
    lost = []
    for name in set(groups.tolist()):
        kept = groups != name
        pairs = truth[kept] * 3 + predicted[kept]
        lost.append(f1(np.bincount(pairs, minlength=9).reshape(3, 3))[0])
    jackknife = np.sum(np.square(np.array(lost) - np.mean(lost)))
    direct = np.sum(np.square(cluster_sums(moved, groups.tolist())))
    assert direct == pytest.approx(jackknife, rel=0.1)


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
        for true, (low, high) in zip(truth, intervals(one), strict=True)
    ]
    assert 0.92 <= np.mean(single) <= 0.99
