"""Every metric against an independent reference: scikit-learn, or a slow direct form."""

import itertools

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore.metrics import METRICS, evaluate, select
from cxrcore.metrics.calibration import squared_calibration_error

NAMES = ["A", "B", "C", "D"]
OF_IMAGES = [m for s in ("overall", "class") for m in select("confusion", "predictions", scope=s)]


@st.composite
def predictions(draw, every_class: bool = False):
    """True classes and probabilities of 2 to 4 classes, often with ties."""
    k = draw(st.integers(2, 4))
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.integers(0, k, n)
    if every_class:
        truth = np.concatenate([truth, np.arange(k)])
    shares = rng.dirichlet(np.ones(k), len(truth))
    if draw(st.booleans()):
        shares = np.round(shares * 4) + 0.5  # ties
        shares /= shares.sum(axis=1, keepdims=True)
    return truth, shares


def names(shares: np.ndarray) -> list[str]:
    return NAMES[: shares.shape[1]]


@settings(max_examples=60, deadline=None)
@given(predictions(every_class=True))
def test_overall_metrics_are_those_of_scikit_learn(made):
    truth, shares = made
    k = shares.shape[1]
    found = evaluate(truth, shares, names(shares))
    called = shares.argmax(axis=1)
    one_hot = np.eye(k)[truth]
    average = {"average": "macro", "zero_division": 0}
    labels = list(range(k))
    expected = {
        "accuracy": reference.accuracy_score(truth, called),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
        "macro_f1": reference.f1_score(truth, called, **average),
        "macro_precision": reference.precision_score(truth, called, **average),
        "macro_recall": reference.recall_score(truth, called, **average),
        "mcc": reference.matthews_corrcoef(truth, called),
        "macro_auc": reference.roc_auc_score(one_hot, shares, average="macro"),
        "macro_average_precision": reference.average_precision_score(one_hot, shares),
        "loss": reference.log_loss(truth, shares, labels=labels),
        "brier": reference.brier_score_loss(truth, shares, labels=labels, scale_by_half=False),
    }
    for name, value in expected.items():
        assert found.value(name) == pytest.approx(value, abs=1e-9), name
    overall = {m.name for m in METRICS.values() if m.scope == "overall" and m in OF_IMAGES}
    assert overall - expected.keys() == {"ece"}  # below


@settings(max_examples=60, deadline=None)
@given(predictions(every_class=True))
def test_metrics_of_each_class_are_those_of_scikit_learn(made):
    truth, shares = made
    found = evaluate(truth, shares, names(shares))
    called = shares.argmax(axis=1)
    for k, row in enumerate(found.classes):
        mine, predicted, scores = truth == k, called == k, shares[:, k]
        expected = {
            "recall": reference.recall_score(mine, predicted),
            "precision": reference.precision_score(mine, predicted, zero_division=0),
            "f1": reference.f1_score(mine, predicted),
            "specificity": reference.recall_score(~mine, ~predicted),
            "auc": reference.roc_auc_score(mine, scores),
            "average_precision": reference.average_precision_score(mine, scores),
        }
        for name, value in expected.items():
            assert row.value(name) == pytest.approx(value, abs=1e-9), name
        assert expected.keys() == {m.name for m in METRICS.values() if m.scope == "class"}


@settings(max_examples=60, deadline=None)
@given(predictions())
def test_values_lie_within_their_bounds_and_do_not_depend_on_the_order_of_the_images(made):
    truth, shares = made
    found = evaluate(truth, shares, names(shares))
    backwards = evaluate(truth[::-1], shares[::-1], names(shares)).columns()
    for column, value in found.columns().items():
        low, high = METRICS[column.partition("[")[0]].bounds
        assert value is None or low - 1e-12 <= value <= high + 1e-12
        assert backwards[column] == pytest.approx(value, abs=1e-6), column


@settings(max_examples=60, deadline=None)
@given(predictions())
def test_intervals_enclose_their_metric(made):
    truth, shares = made
    found = evaluate(truth, shares, names(shares))
    for metric in METRICS.values():
        if metric not in OF_IMAGES:
            continue
        rows = found.classes if metric.scope == "class" else [found]
        for row, interval in zip(rows, found.intervals(metric), strict=True):
            value = row.value(metric.name)
            assert interval is None or interval[0] - 1e-9 <= value <= interval[1] + 1e-9


def test_what_is_undefined_is_missing_and_never_0():
    found = evaluate([0, 0, 1], [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.2, 0.8, 0]], ["A", "B", "C"])
    a, b, c = found.classes
    assert (c.value("auc"), c.value("average_precision")) == (None, None)
    assert c.value("specificity") == 1
    assert found.value("macro_auc") == pytest.approx((a.value("auc") + b.value("auc")) / 2)
    assert found.value("balanced_accuracy") == pytest.approx((0.5 + 1) / 2)
    # Conventions of published figures: no images, recall 0; never predicted, precision 0.
    assert (c.recall, c.precision, c.f1) == (0, 0, 0)


def test_one_class_alone_leaves_nothing_to_rank_or_to_correlate():
    found = evaluate([0, 0], [[0.9, 0.1], [0.4, 0.6]], ["A", "B"])
    assert found.value("macro_auc") is None
    assert found.value("mcc") is None
    assert found.classes[0].value("specificity") is None
    assert found.intervals(METRICS["specificity"])[0] is None
    assert found.value("balanced_accuracy") == 0.5


def test_a_model_that_always_predicts_the_same_class_has_a_correlation_of_0():
    assert evaluate([0, 1, 1], [[0.2, 0.8]] * 3, ["A", "B"]).value("mcc") == 0


def test_one_image_has_no_calibration_error():
    assert evaluate([0], [[0.9, 0.1]], ["A", "B"]).value("ece") is None


# Calibration


def slowly(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The debiased estimator of Kumar et al., bin by bin and image by image."""
    pairs = sorted(zip(confidence.tolist(), correct.tolist(), strict=True))
    n = len(pairs)
    bins = min(15, max(1, n // 20))
    edges = {pairs[number * n // bins][0] for number in range(1, bins)}
    found: list[list[tuple[float, bool]]] = [[]]
    for place, pair in enumerate(pairs):
        starts_bin = pair[0] in edges and place > 0 and pairs[place - 1][0] != pair[0]
        if starts_bin and len(found[-1]) >= 2 and n - place >= 2:
            found.append([])
        found[-1].append(pair)
    total = 0.0
    for members in found:
        size = len(members)
        share = sum(right for _, right in members) / size
        mean = sum(confident for confident, _ in members) / size
        total += size / n * ((mean - share) ** 2 - share * (1 - share) / (size - 1))
    return total


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 400), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 6]))
def test_the_calibration_error_is_that_of_the_slow_direct_form(n, seed, digits):
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.uniform(0.3, 1, n), digits)
    correct = rng.uniform(size=n) < 0.7
    expected = slowly(confidence, correct)
    assert squared_calibration_error(confidence, correct) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_a_calibrated_model_has_a_mean_error_of_0_whatever_the_number_of_images(n):
    rng = np.random.default_rng(n)
    found = []
    for _ in range(2000):
        confidence = rng.uniform(0.4, 1, n)
        found.append(squared_calibration_error(confidence, rng.uniform(size=n) < confidence))
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3.5 * error
    # Without the correction the mean would be the variance of the share in a bin, about 0.2 / images.
    images_in_a_bin = n / min(15, max(1, n // 20))
    assert abs(np.mean(found)) < 0.15 * 0.2 / images_in_a_bin


def test_an_overconfident_model_has_the_error_that_was_put_in():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.7, 1, 20_000)
    correct = rng.uniform(size=20_000) < confidence - 0.2
    assert squared_calibration_error(confidence, correct) ** 0.5 == pytest.approx(0.2, abs=0.02)


# The records


def test_every_record_has_a_sentence_and_titles_of_its_own():
    for metric in METRICS.values():
        assert metric.meaning[0].isupper()
        assert metric.meaning.endswith(".")
        assert "[" not in metric.name
        assert (metric.basis == "maps") == bool(metric.absent.format(run_id="a-1"))
        assert metric.text(None) == metric.text(float("nan")) == "–"
        assert metric.text(1234 if metric.whole else 0.5)
    pairs = itertools.combinations(METRICS.values(), 2)
    assert not [(a.name, b.name) for a, b in pairs if a.symbol == b.symbol or a.title == b.title]


# Samples, and several matrices at once


@settings(max_examples=30, deadline=None)
@given(predictions())
def test_a_weighted_figure_is_that_of_the_images_repeated(made):
    truth, shares = made
    weights = np.random.default_rng(len(truth)).integers(0, 3, (4, len(truth))).astype(np.float32)
    weights[:, 0] += 1
    for metric in METRICS.values():
        if metric.weighted is None or metric.name == "ece":  # the bins of which stay
            continue
        found = metric.weighted(truth, shares, weights)
        for row, value in zip(weights.astype(int), found, strict=True):
            rows = np.repeat(np.arange(len(truth)), row)
            expected = metric.compute(truth[rows], shares[rows])
            np.testing.assert_allclose(value, expected, atol=1e-5, err_msg=metric.name)


def test_calibration_errors_of_samples_scatter_about_that_of_all_images():
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(2), 2000)
    truth = (rng.random(2000) < shares[:, 1] * 0.6).astype(int)  # far from calibrated
    weights = np.array(
        [np.bincount(rng.integers(0, 2000, 2000), minlength=2000) for _ in range(200)]
    )
    drawn = METRICS["ece"].weighted(truth, shares, weights.astype(np.float32))
    value = METRICS["ece"].compute(truth, shares)
    assert value > 0.1
    assert drawn.mean() == pytest.approx(value, abs=3 * drawn.std() / np.sqrt(200))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_figures_of_several_matrices_are_those_of_each(k, seed):
    matrices = np.random.default_rng(seed).integers(0, 4, (5, k, k))
    matrices[0] = 0
    matrices[1, 1:] = 0  # one class alone
    for metric in METRICS.values():
        if metric.basis == "confusion":
            each = [metric.compute(matrix) for matrix in matrices]
            np.testing.assert_allclose(metric.compute(matrices), each, err_msg=metric.name)
