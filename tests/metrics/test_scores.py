import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cxrcore.errors import CxrError
from cxrcore.metrics import Metrics, evaluate, normalised

NAMES = ["A", "B", "C"]


def certain(predicted: list[int], k: int = 3) -> np.ndarray:
    return np.eye(k)[predicted]


def test_the_numbers_of_a_small_case_are_those_counted_by_hand():
    # truth A A A B B C, predicted A A B B A B: C is never found.
    metrics = evaluate([0, 0, 0, 1, 1, 2], certain([0, 0, 1, 1, 0, 1]), NAMES)
    assert metrics.n == 6
    assert metrics.accuracy == pytest.approx(3 / 6)
    assert metrics.confusion == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    a, b, c = metrics.classes
    assert (a.name, a.support) == ("A", 3)
    assert (a.precision, a.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (b.precision, b.recall) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 1)
    assert metrics.macro.recall == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.weighted.recall == pytest.approx(metrics.accuracy)


def test_the_loss_is_the_mean_negative_logarithm_of_the_true_class():
    shares = [[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]
    assert evaluate([0, 1], shares, NAMES).loss == pytest.approx(-np.log([0.5, 0.8]).mean())


def test_a_certain_mistake_has_a_large_but_finite_loss():
    assert evaluate([0], [[0.0, 1.0, 0.0]], NAMES).loss == pytest.approx(-np.log(1e-7))


def test_a_class_that_no_image_has_keeps_its_row():
    metrics = evaluate([0, 1], certain([0, 1]), NAMES)
    assert [row.support for row in metrics.classes] == [1, 1, 0]
    assert np.shape(metrics.confusion) == (3, 3)


def test_metrics_survive_json():
    metrics = evaluate([0, 1, 2], certain([0, 1, 1]), NAMES)
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics
    json.dumps(metrics.model_dump(), allow_nan=False)


@given(
    arrays.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 3)),
    st.integers(0, 2**32 - 1),
)
def test_any_predictions_give_numbers_that_agree_with_counting(truth, seed):
    shares = np.random.default_rng(seed).dirichlet(np.ones(4), len(truth))
    metrics = evaluate(truth, shares, ["a", "b", "c", "d"])
    matrix = np.zeros((4, 4), int)
    for t, p in zip(truth, shares.argmax(axis=1), strict=True):
        matrix[t, p] += 1
    assert metrics.confusion == matrix.tolist()
    assert metrics.accuracy == pytest.approx(np.trace(matrix) / len(truth))
    for number, row in enumerate(metrics.classes):
        assert row.precision == pytest.approx(
            matrix[number, number] / max(1, matrix[:, number].sum())
        )
        assert row.recall == pytest.approx(matrix[number, number] / max(1, matrix[number].sum()))
        assert 0 <= row.f1 <= 1
    assert metrics.macro.f1 == pytest.approx(np.mean([row.f1 for row in metrics.classes]))


@given(arrays.arrays(np.int64, (3, 3), elements=st.integers(0, 1000)))
def test_normalised_rows_sum_to_one_unless_the_class_is_empty(confusion):
    rows = normalised(confusion)
    expected = (confusion.sum(axis=1) > 0).astype(float)
    assert rows.sum(axis=1) == pytest.approx(expected)
    assert (np.asarray(confusion) == confusion).all()


@pytest.mark.parametrize(
    ("truth", "shares", "words"),
    [
        ([0, 1], np.ones((3, 3)) / 3, r"\(2,\) and \(3, 3\)"),
        ([], np.ones((0, 3)), "n of 1 or more"),
        ([[0], [1]], np.ones((2, 3)) / 3, r"\(2, 1\)"),
        ([0, 3], np.ones((2, 3)) / 3, "from 0 to 2"),
        ([-1, 0], np.ones((2, 3)) / 3, "from 0 to 2"),
        ([0.0, 1.0], np.ones((2, 3)) / 3, "whole numbers"),
        ([0], [[np.nan, 0.5, 0.5]], "lower learning rate"),
        ([0], [[7.0, 0.5, 0.5]], "between 0 and 1"),
    ],
)
def test_arrays_that_cannot_be_predictions_are_refused(truth, shares, words):
    with pytest.raises(CxrError, match=words):
        evaluate(truth, shares, NAMES)
