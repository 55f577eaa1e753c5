"""Comparing runs from the command line."""

import json

import numpy as np
import pytest

from cxrcore import comparison, store
from tests.helpers.comparisons import keep, shares_of

TRUTH = np.arange(60) % 3


@pytest.fixture
def two():
    for name, right in (("good-1", 0.85), ("poor-1", 0.0)):
        keep(name, TRUTH, shares_of(TRUTH, right, 1))
        store.annotate(name, title=name.replace("-1", " model"))


def test_compare_prints_verdict_figures_and_reasons(run, two):
    code, out, _ = run("compare", "good-1", "poor-1", "--metric", "recall", "--class", "Viral")
    assert code == 0
    assert "good model misses fewer Viral films than poor model" in out
    assert "recall[Viral] on 60 films" in out
    [line] = [line for line in out.splitlines() if line.startswith("poor model  poor-1")]
    figures = comparison.compare(
        comparison.subjects(["good-1", "poor-1"]), "recall", "Viral"
    ).figures
    assert f"{figures[1].low:.3f} to {figures[1].high:.3f}" in line
    assert "! Not checked for films known from training: good model, poor model." in out


def test_compare_as_json_has_the_whole_comparison(run, two):
    code, out, _ = run("compare", "poor-1", "good-1", "--json")
    assert code == 0
    told = json.loads(out)
    found = comparison.compare(comparison.subjects(["good-1", "poor-1"]))
    titles = store.titles()
    assert told["sure"] is True
    assert told["verdict"] == comparison.verdict(found, titles).text
    assert [figure["name"] for figure in told["figures"]] == ["good-1", "poor-1"]
    assert told["pairs"][0]["sentence"] == comparison.sentence(found.pairs[0], found, titles)
    assert told["common"]["films"] == 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("good-1", "no-such-run"), "no-such-run"),
        (("good-1", "--metric", "speed"), "Choose one of: accuracy"),
        (("good-1", "--metric", "recall"), "COVID-19, Normal, Viral"),
    ],
)
def test_what_cannot_be_compared_is_one_line(run, two, words, said):
    code, out, err = run("compare", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_evaluate_prints_intervals_beside_every_value(run, two):
    told = json.loads(run("evaluate", "good-1", "--json")[1])
    columns = store.load_run("good-1").metrics["test"].columns()
    assert set(told["intervals"]) == set(columns)
    assert told["patients"] is None
    low, high = told["intervals"]["accuracy"]
    assert low < told["test"]["accuracy"] < high
    out = run("evaluate", "good-1")[1]
    assert f"{low:.3f} to {high:.3f}" in out
    assert "Intervals count films as independent: their patients are unknown." in out
