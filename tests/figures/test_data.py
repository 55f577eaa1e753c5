"""Figures of the data pages."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from cxrcore.figures import (
    SPLIT_COLOURS,
    brisque_panels,
    class_balance,
    class_colours,
    extremes,
    histogram_lines,
    image_sizes,
    removed_bars,
)
from cxrcore.quality import gray_profiles
from cxrcore.quality.limits import quartiles

CLASSES = ["B", "A"]  # not in the order of the alphabet
LABELS = pd.Series(["A", "B", "A", "A"], dtype="string")
COLOURS = class_colours(CLASSES)


def profiles(classes=CLASSES):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 50, (4 * len(classes), 256)).astype(np.uint32)
    return gray_profiles(counts, np.repeat(classes, 4), classes)


def bars(fig: go.Figure) -> list[go.Bar]:
    return [trace for trace in fig.data if trace.type == "bar"]


def test_class_balance_keeps_the_order_and_colours_of_the_classes():
    (trace,) = bars(class_balance(LABELS, CLASSES))
    assert list(trace.y) == CLASSES
    assert list(trace.x) == [1, 3]
    assert list(trace.marker.color) == list(COLOURS.values())


def test_class_balance_writes_count_and_share_beside_each_bar():
    fig = class_balance(LABELS, CLASSES)
    assert [a.text.strip() for a in fig.layout.annotations] == ["1 (25%)", "3 (75%)"]


def test_splits_have_their_own_colours_and_missing_ones_come_last():
    parts = pd.Series(["test", "train", pd.NA, "train"], dtype="string")
    traces = bars(class_balance(LABELS, CLASSES, parts))
    assert [t.name for t in traces] == ["train", "test", "unknown"]
    assert [t.marker.color for t in traces] == [SPLIT_COLOURS[t.name] for t in traces]
    assert sum(sum(t.x) for t in traces) == len(LABELS)


def test_many_sources_are_summed_up_so_that_no_image_is_lost():
    labels = pd.Series(["A"] * 60)
    sources = pd.Series([f"hospital {n % 20}" for n in range(60)])
    traces = bars(class_balance(labels, ["A"], sources))
    assert len(traces) == 8
    assert "other" in [t.name for t in traces]
    assert sum(sum(t.x) for t in traces) == 60


def test_names_with_markup_are_shown_literally():
    fig = class_balance(pd.Series(["<b>x"]), ["<b>x"])
    assert fig.data[0].y[0] == "&lt;b&gt;x"


def test_sizes_are_counted_and_unreadable_images_left_out():
    widths = pd.Series([512, 512, 300, pd.NA], dtype="Int64")
    fig = image_sizes(widths, widths, LABELS, CLASSES)
    dots = {t.name: t for t in fig.data if t.mode == "markers"}
    assert sorted(zip(dots["A"].x, dots["A"].customdata, strict=True)) == [(300, 1), (512, 1)]
    assert list(dots["B"].customdata) == [1]


def test_very_many_sizes_are_counted_on_a_grid():
    rng = np.random.default_rng(0)
    side = pd.Series(rng.integers(200, 3000, 20_000))
    other = pd.Series(rng.integers(200, 3000, 20_000))
    fig = image_sizes(side, other, pd.Series(["A"] * 20_000), ["A"])
    dots = [t for t in fig.data if t.mode == "markers"]
    assert sum(sum(t.customdata) for t in dots) == 20_000
    assert sum(len(t.x) for t in dots) < 10_000
    assert "about" in dots[0].hovertemplate


def test_an_overlay_has_a_band_and_a_line_for_each_group():
    fig = histogram_lines(profiles(), COLOURS)
    assert [t.name for t in fig.data if t.showlegend] == ["B (4)", "A (4)"]
    assert len([t for t in fig.data if t.fill == "toself"]) == 2
    line = next(t for t in fig.data if t.showlegend)
    assert list(line.x) == list(range(1, 255))
    assert sum(line.y) == pytest.approx(100, abs=0.01)
    assert fig.layout.xaxis.title.text == "Gray value (0 black - 255 white)"


def test_small_multiples_have_a_panel_a_group_with_the_others_behind():
    classes = ["A", "B", "C"]
    fig = histogram_lines(profiles(classes), class_colours(classes), multiples=True)
    assert [a.text for a in fig.layout.annotations] == ["A (4)", "B (4)", "C (4)"]
    assert len(fig.data) == 3 * (1 + 1 + 2)  # band, line, two others


@pytest.mark.parametrize("multiples", [False, True])
def test_a_logarithmic_axis_shows_no_zero(multiples):
    counts = np.zeros((2, 256), np.uint32)
    counts[:, 100] = 5
    found = gray_profiles(counts, np.array(["A", "B"]), CLASSES)
    fig = histogram_lines(found, COLOURS, multiples=multiples, logarithmic=True)
    assert min(np.min(t.y) for t in fig.data) > 0
    assert all(axis.type == "log" for axis in fig.select_yaxes())


@pytest.mark.parametrize("logarithmic", [False, True])
def test_pictures_of_only_black_and_white_can_be_drawn(logarithmic):
    counts = np.zeros((1, 256), np.uint32)
    counts[0, [0, 255]] = 5
    found = gray_profiles(counts, np.array(["A"]), ["A"])
    histogram_lines(found, COLOURS, logarithmic=logarithmic).to_json()
    assert [t.text for t in extremes(found, COLOURS).data] == [("50.00%",), ("50.00%",)]


def test_brisque_panels_count_every_score_once_and_pale_what_is_removed():
    scores = np.array([10.0, 20, 30, 90, np.nan])
    groups = np.array(["A", "A", "B", "A", "B"], dtype=object)
    summary = quartiles(scores, groups, CLASSES)
    fig = brisque_panels(scores, groups, summary, COLOURS, 50.0)
    counts = [sum(row[2] for row in t.customdata) for t in bars(fig)]
    assert counts == [1, 3]
    panel = bars(fig)[1]
    pale = {bool(x > 50) for x, c in zip(panel.x, panel.marker.color, strict=True) if "0.35" in c}
    assert pale == {True}


@pytest.mark.parametrize("scores", [[50.0, 50.0], [np.nan, np.nan]])
def test_equal_or_missing_scores_can_be_drawn(scores):
    values, groups = np.array(scores), np.array(["A", "B"], dtype=object)
    summary = quartiles(values, groups, CLASSES)
    brisque_panels(values, groups, summary, COLOURS, float("nan")).to_json()


def test_removed_bars_tell_number_total_and_share():
    lost, totals = pd.Series([1, 0], index=CLASSES), pd.Series([4, 3], index=CLASSES)
    (trace,) = bars(removed_bars(lost, totals, COLOURS))
    assert list(trace.text) == ["1 of 4 (25.0%)", "0 of 3 (0.0%)"]
    assert list(trace.x) == [25, 0]
