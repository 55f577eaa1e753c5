"""Listing the films that runs get wrong from the command line."""

import json

import numpy as np
import pytest

from cxrcore import comparison, mistakes
from tests.helpers.comparisons import keep, shares_of

TRUTH = np.arange(60) % 3


@pytest.fixture
def two():
    for name, right in (("good-1", 0.85), ("poor-1", 0.1)):
        keep(name, TRUTH, shares_of(TRUTH, right, 1))
    return mistakes.find(comparison.subjects(["poor-1", "good-1"]))


def test_errors_lists_the_surest_mistakes_of_the_first_run(run, two):
    code, out, _ = run("errors", "poor-1", "good-1", "--most", "4")
    assert code == 0
    expected = two.confident("poor-1")
    shown = [line.split()[0] for line in out.splitlines() if line.split()[0] in set(expected.index)]
    assert shown == expected.index[:4].tolist()
    assert f"4 of {len(expected)} such films; 60 were tested." in out


@pytest.mark.parametrize("kind", ["disagreement", "missed", "doubtful", "random", "surest"])
def test_errors_as_json_has_every_kind(kind, run, two):
    code, out, _ = run("errors", "poor-1", "good-1", "--kind", kind, "--each", "3", "--json")
    assert code == 0
    told = json.loads(out)
    expected = {
        "disagreement": two.disagreed, "missed": two.missed_by_all, "doubtful": two.doubtful,
        "random": lambda: two.random("poor-1", 3), "surest": lambda: two.surest("poor-1"),
    }[kind]()  # fmt: skip
    assert told["of"] == len(expected)
    assert [film["image_id"] for film in told["films"]] == expected.index[:30].tolist()
    assert all(film["answer[good-1]"] in two.classes for film in told["films"])


def test_a_run_that_is_not_there_ends_with_one_line(run, two):
    code, _, error = run("errors", "nobody")
    assert code == 2
    assert "nobody" in error
