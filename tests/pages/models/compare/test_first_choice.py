"""What Compare begins with: the newest run and the most accurate others."""

import numpy as np
import pytest

from cxrcore import comparison
from tests.helpers.app import again, open_page
from tests.helpers.tested import answered, keep

PAGE = "models/compare"


@pytest.fixture
def ten(tiny, monkeypatch):
    """Run ids; each newer run has two more mistakes."""
    monkeypatch.setattr(comparison, "heavy", lambda _: False)  # else a job compares so many
    truth = [list(tiny.classes).index(label) for label in tiny.table["label"]]
    kept = []
    for number in range(1, 11):
        answers = [(true + 1) % 3 if row < 2 * number else true for row, true in enumerate(truth)]
        kept.append(keep(tiny, number, answered(tiny, answers, np.full(36, 0.9))).run_id)
    return kept


def compared(at):
    return set(at.dataframe[0].value["Id"])


def test_of_many_runs_the_most_accurate_and_the_newest_are_compared(ten):
    at = open_page(PAGE)
    assert compared(at) == {*ten[:7], ten[9]}
    [choice] = [box for box in at.multiselect if box.label == "Compared runs"]
    assert choice.value == [ten[9], *ten[6::-1]]  # the newest first, as in the list
    assert "runs" not in at.query_params


def test_without_a_choice_the_first_one_comes_back(ten):
    at = open_page(PAGE)
    [choice] = [box for box in at.multiselect if box.label == "Compared runs"]
    choice.set_value(ten[7:9])
    again(at)
    assert compared(at) == {*ten[7:9]}
    [choice] = [box for box in at.multiselect if box.label == "Compared runs"]
    choice.set_value([])
    again(at)
    assert compared(at) == {*ten[:7], ten[9]}
