"""Registered datasets are read once, and again when their folders have changed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cxrcore import datasets
from cxrcore.datasets import memory
from cxrcore.errors import DatasetError


@pytest.fixture
def reads(monkeypatch):
    """The names that were read from disk."""
    names, load = [], memory.load
    monkeypatch.setattr(memory, "load", lambda name: names.append(name) or load(name))
    return names


def test_the_same_object_is_given_until_an_image_is_removed(tiny, reads):
    assert not datasets.is_read("tiny")
    first = datasets.current("tiny")
    assert datasets.current("tiny") is first
    assert datasets.is_read("tiny")
    tiny.path_of(tiny.table.iloc[0]).unlink()
    assert not datasets.is_read("tiny")
    assert len(datasets.current("tiny").table) == len(first.table) - 1
    assert reads == ["tiny", "tiny"]


def test_another_folder_under_the_same_name_is_read(tiny, make_tiny_dataset):
    first = datasets.current("tiny")
    datasets.forget("tiny")
    datasets.register("tiny", make_tiny_dataset("other"))
    assert datasets.current("tiny").root != first.root


def test_those_who_come_at_once_wait_for_one_reading(tiny, reads):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(datasets.current, ["tiny"] * 8))
    assert len(found) == 1
    assert reads == ["tiny"]


def test_those_used_longest_ago_are_given_up(make_tiny_dataset, monkeypatch):
    monkeypatch.setattr(memory, "_MOST", 2)
    for name in ("one", "two", "three"):
        datasets.register(name, make_tiny_dataset(name, patients=2))
        datasets.current(name)
    assert [datasets.is_read(name) for name in ("one", "two", "three")] == [False, True, True]


def test_an_unknown_name_is_an_error_that_lists_the_names(tiny):
    with pytest.raises(DatasetError, match="tiny"):
        datasets.current("nowhere")
