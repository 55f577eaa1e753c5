"""Images that two datasets share are searched once and kept."""

import numpy as np
import pandas as pd
import pytest

from cxrcore import datasets, duplicates, index
from cxrcore.splits import overlap


@pytest.fixture
def two(tiny_dataset_folder, make_tiny_dataset):
    """Two measured datasets; the second lacks a class of the first."""
    pair = datasets.load(tiny_dataset_folder), datasets.load(make_tiny_dataset("b", classes="AB"))
    return [(dataset, index.measure(dataset)) for dataset in pair]


def test_what_is_shared_is_searched_once_and_read_in_either_order(two, monkeypatch):
    (first, _), (second, _) = two
    assert overlap.load(first, second) is None
    found = overlap.find(*two[0], *two[1])
    exact = found[found["kind"] == "exact"]
    assert set(exact["first"]) == set(first.table["image_id"]) & set(second.table["image_id"])
    monkeypatch.setattr(duplicates, "between", lambda *_, **__: pytest.fail("searched again"))
    pd.testing.assert_frame_equal(overlap.find(*two[0], *two[1]), found)
    swapped = overlap.load(second, first)
    assert swapped is not None
    assert list(swapped.columns) == list(duplicates.COLUMNS)
    np.testing.assert_array_equal(swapped["second"], found["first"])


@pytest.mark.parametrize("damage", ["truncated", "other version"])
def test_what_is_damaged_or_of_another_version_is_searched_again(two, damage, monkeypatch):
    (first, _), (second, _) = two
    found = overlap.find(*two[0], *two[1])
    path = overlap.file_of(first, second)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    else:
        monkeypatch.setattr(duplicates, "VERSION", duplicates.VERSION + 1)
    assert overlap.load(first, second) is None
    pd.testing.assert_frame_equal(overlap.find(*two[0], *two[1]), found)
