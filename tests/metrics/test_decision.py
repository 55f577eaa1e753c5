"""Calibrated probabilities, and answers at an operating point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from cxrcore.metrics.decision import calibrated, decide, decide_all


@given(
    logits=st.lists(st.floats(-20, 20), min_size=2, max_size=6),
    temperature=st.floats(0.3, 100),
)
def test_a_temperature_divides_the_logits(logits, temperature):
    found = calibrated(softmax(logits), temperature)
    np.testing.assert_allclose(found, softmax(np.array(logits) / temperature), atol=1e-9)


def test_without_a_temperature_nothing_changes():
    shares = np.float32([0.2, 0.8])
    assert calibrated(shares, None) is shares


def test_a_probability_of_nothing_stays_nothing_at_any_temperature():
    assert calibrated(np.float32([0, 1]), 0.01).tolist() == [0, 1]
    assert calibrated(np.float32([0, 1]), 100.0).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("thresholds", "answer"),
    [
        ({}, "A"),
        ({"B": 0.3}, "B"),
        ({"B": 0.31}, "A"),
        ({"B": 0.1, "C": 0.1}, "B"),  # both reach theirs: the likelier
        ({"A": 0.9}, "B"),  # A does not reach its own
        ({"A": 0.9, "B": 0.9, "C": 0.9}, "A"),
        ({"gone": 0.0}, "A"),
    ],
)
def test_the_class_that_reaches_its_threshold_is_the_answer(thresholds, answer):
    assert decide(np.array([0.6, 0.3, 0.1]), ["A", "B", "C"], thresholds) == answer


CLASSES = ["A", "B", "C"]
shares = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(
    lambda values: np.array(values) / sum(values)
)


def direct(probabilities, thresholds):
    reached = [n for n, p in zip(CLASSES, probabilities, strict=True) if p >= thresholds.get(n, 9)]
    free = [n for n in CLASSES if n not in thresholds]
    return max(reached or free or CLASSES, key=dict(zip(CLASSES, probabilities, strict=True)).get)


@given(
    st.lists(shares, min_size=1, max_size=8),
    st.dictionaries(st.sampled_from(CLASSES), st.floats(0, 1)),
)
@settings(max_examples=100, deadline=None)
def test_all_answers_follow_the_rule(rows, thresholds):
    expected = [direct(row, thresholds) for row in rows]
    assert [CLASSES[n] for n in decide_all(np.array(rows), CLASSES, thresholds)] == expected
    assert [decide(row, CLASSES, thresholds) for row in rows] == expected


def test_a_film_is_of_the_class_from_its_threshold_on_and_else_the_likeliest_of_the_others():
    rows = np.array([[0.3, 0.6, 0.1], [0.29, 0.3, 0.41], [0.9, 0.05, 0.05], [0.29, 0.61, 0.1]])
    assert decide_all(rows, CLASSES, {"A": 0.3}).tolist() == [0, 2, 0, 1]
