"""Choosing operating points from the command line."""

import json

import numpy as np
import pytest

from cxrcore import store, thresholds
from tests.helpers import tested


@pytest.fixture
def kept(tiny):
    """A run with every second film for validation."""
    n, k = len(tiny.table), len(tiny.classes)
    truth = tiny.table["label"].map(list(tiny.classes).index).to_numpy()
    noise = np.random.default_rng(4).dirichlet(np.ones(k), n)
    parts = np.where(np.arange(n) % 2, "test", "validation")
    return tested.keep(tiny, 1, 0.5 * np.eye(k)[truth] + 0.5 * noise, parts=parts)


def test_threshold_prints_what_catching_a_class_costs(run, kept):
    code, out, _ = run("threshold", kept.run_id, "--class", "B", "--recall", "0.9")
    point = thresholds.operating_point(kept, "B", 0.9)
    assert code == 0
    assert f"{point.choice.threshold:.4f}" in out
    assert "They are too few to promise 90%: 29 could" in " ".join(out.split())
    assert store.annotation(kept.run_id).thresholds == {}


def test_threshold_as_json_has_every_number_and_saves_when_asked(run, kept):
    words = ("threshold", kept.run_id, "--class", "B", "--prevalence", "0.1", "--save", "--json")
    code, out, _ = run(*words)
    assert code == 0
    [told] = json.loads(out)["runs"]
    point = thresholds.operating_point(kept, "B", 0.95)
    assert told["threshold"] == point.choice.threshold
    assert told["recall"]["value"] == pytest.approx(point.cost.recall.value)
    assert told["confusion"] == point.cost.confusion.tolist()
    found = thresholds.per_thousand(point.cost, 0.1)
    assert told["missed_per_1000"] == pytest.approx(list(found.missed))
    assert store.annotation(kept.run_id).thresholds == {"B": point.choice.threshold}


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--class", "Z"), "no class 'Z'"), (("--class", "B", "--recall", "3"), "3")],
)
def test_what_cannot_be_asked_ends_with_one_line(words, said, run, kept):
    code, _, error = run("threshold", kept.run_id, *words)
    assert code == 2
    assert said in error
