"""The figures of a notebook show the numbers that they are given."""

import numpy as np
import pytest

import cxrcore as cxr


@pytest.fixture
def data(tiny_dataset_folder):
    return cxr.load(tiny_dataset_folder)


@pytest.fixture
def index(data):
    return cxr.measure(data)


def test_histograms_show_the_mean_share_of_each_gray_value(index):
    counts = index.histograms[:, 1:255].astype(float)
    expected = 100 * (counts / counts.sum(axis=1, keepdims=True)).mean(axis=0)
    drawn = [trace.y for trace in cxr.plot.histograms(index).data if trace.y is not None]
    assert any(len(y) == 254 and np.allclose(y, expected, atol=1e-5) for y in drawn)


def test_histograms_and_scores_have_one_group_a_label(data, index):
    for draw in (cxr.plot.histograms, cxr.plot.brisque):
        text = draw(index, data.table["label"]).to_json()
        assert all(f"{name}" in text for name in data.classes)


def test_classes_are_counted(data):
    (bars,) = cxr.plot.classes(data).data
    assert list(bars.x) == data.counts().tolist()


def test_sizes_are_those_of_the_table(data):
    points = cxr.plot.sizes(data).data[1:]
    assert {(x, y) for trace in points for x, y in zip(trace.x, trace.y, strict=True)} == {(48, 48)}
