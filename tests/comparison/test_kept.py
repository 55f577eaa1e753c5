"""What was computed is kept by its content."""

import json

import numpy as np
import pytest

from cxrcore import comparison, datasets, settings, store
from cxrcore.comparison import compute, kept, own_films
from tests.helpers.comparisons import keep, shares_of

TRUTH = np.arange(24) % 3


@pytest.fixture
def subjects():
    for seed, name in enumerate(("one-1", "two-1")):
        keep(name, TRUTH, shares_of(TRUTH, 0.7, seed))
    return comparison.subjects(["one-1", "two-1"])


def files() -> list:
    return sorted((settings.models_dir() / ".comparisons").glob("*"))


def test_a_comparison_is_computed_once_and_read_in_any_order(subjects, monkeypatch):
    assert comparison.load(subjects, "recall", "Viral") is None
    found = comparison.compare(subjects, "recall", "Viral")
    monkeypatch.setattr(compute, "computed", None)  # a call would fail
    assert comparison.load(subjects[::-1], "recall", "Viral") == found
    assert comparison.compare(subjects[::-1], "recall", "Viral") == found
    assert comparison.load(subjects, "recall", "Normal") is None
    assert comparison.load(subjects[:1], "recall", "Viral") is None
    assert len(files()) == 1
    assert set(store.list_runs()["run_id"]) == {"one-1", "two-1"}  # the folder is no run


def test_intervals_are_kept_for_each_subject(subjects, monkeypatch):
    assert comparison.load_intervals(subjects) is None
    comparison.intervals(subjects[:1])
    assert comparison.load_intervals(subjects) is None
    both = comparison.intervals(subjects)
    monkeypatch.setattr(own_films, "figures", None)
    assert comparison.load_intervals(subjects).equals(both)
    assert comparison.intervals(subjects[::-1]).index.tolist() == ["two-1", "one-1"]


def test_another_content_of_the_same_name_is_computed_again(subjects):
    before = comparison.compare(subjects)
    comparison.intervals(subjects)
    store.delete("two-1")
    keep("two-1", TRUTH, shares_of(TRUTH, 0.2, 9))
    again = comparison.subjects(["one-1", "two-1"])
    assert comparison.load(again, "accuracy") is None
    assert comparison.load_intervals(again) is None
    assert comparison.compare(again).figures != before.figures


def test_patients_that_become_known_change_the_result(subjects, tiny_dataset_folder):
    comparison.compare(subjects)
    datasets.register("three", tiny_dataset_folder)
    assert comparison.load(subjects, "accuracy") is None


def test_the_same_predictions_give_the_same_result_on_another_day(subjects):
    first = {m: comparison.compare(subjects, m) for m in ("loss", "macro_f1", "ece")}
    for file in files():
        file.unlink()
    assert {m: comparison.compare(subjects, m) for m in first} == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metric": "accuracy"}'])
def test_a_damaged_file_counts_as_absent(subjects, content):
    found = comparison.compare(subjects)
    [file] = files()
    file.write_text(content)
    assert comparison.load(subjects, "accuracy") is None
    assert comparison.compare(subjects) == found
    assert json.loads(file.read_text())["metric"] == "accuracy"


def test_a_new_version_computes_anew(subjects, monkeypatch):
    comparison.compare(subjects)
    monkeypatch.setattr(kept, "VERSION", kept.VERSION + 1)
    assert comparison.load(subjects, "accuracy") is None


def test_many_films_are_too_much_for_the_server(subjects):
    assert not comparison.heavy(subjects)
    truth = np.arange(1000) % 3
    keep("large-1", truth, shares_of(truth, 0.9, 1))
    assert comparison.heavy(comparison.subjects(["large-1"]) * 20)
