"""Confusion matrix, training curves and probabilities."""

import html
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cxrcore.figures import RUN_PALETTE, confusion_heatmap, curves, probability_bars

CLASSES = ["COVID-19", "Normal", "Viral"]
MATRIX = [[8, 2, 0], [1, 9, 10], [0, 0, 0]]


def history(epochs: int = 4) -> pd.DataFrame:
    steps = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": steps,
            "loss": 1 / steps,
            "val_loss": (steps - 3.0) ** 2 + 1,
            "accuracy": 1 - 1 / steps,
            "val_accuracy": 1 / steps,
        }
    )


def prediction(run_id: str = "cnn-1", chances: tuple[float, ...] = (0.2, 0.7, 0.1)):
    return SimpleNamespace(
        run_id=run_id, classes=tuple(CLASSES), probabilities=np.array(chances, np.float32)
    )


def test_a_confusion_matrix_has_a_row_a_true_class_and_the_images_in_its_cells():
    fig = confusion_heatmap(MATRIX, CLASSES)
    (cells,) = fig.data
    assert list(cells.y) == list(cells.x) == CLASSES
    assert fig.layout.yaxis.title.text == "True class"
    assert fig.layout.xaxis.title.text == "Predicted class"
    assert fig.layout.yaxis.autorange == "reversed"  # the first class on top
    assert cells.customdata.tolist() == MATRIX
    assert "customdata" in cells.texttemplate


def test_the_colour_of_a_cell_is_its_share_of_the_true_class():
    (cells,) = confusion_heatmap(MATRIX, CLASSES).data
    np.testing.assert_allclose(cells.z, [[0.8, 0.2, 0], [0.05, 0.45, 0.5], [0, 0, 0]])
    assert (cells.zmin, cells.zmax) == (0, 1)


def test_a_run_has_one_colour_training_dotted_and_validation_solid():
    fig = curves({"a": history(), "b": history()}, "loss")
    lines = [t for t in fig.data if t.mode == "lines"]
    assert [t.line.color for t in lines] == [RUN_PALETTE[0]] * 2 + [RUN_PALETTE[1]] * 2
    assert [t.line.dash for t in lines] == ["dot", "solid"] * 2
    assert [t.name for t in lines if t.showlegend] == ["a", "b"]


def test_a_run_keeps_its_colour_whatever_is_drawn_beside_it():
    colours = {"a": "#111111", "b": "#222222"}
    fig = curves({"b": history()}, "loss", colours)
    assert {t.line.color or t.marker.color for t in fig.data} == {"#222222"}


@pytest.mark.parametrize(("metric", "epoch"), [("loss", 3), ("accuracy", 1)])
def test_the_best_validation_value_is_marked(metric, epoch):
    (dot,) = [t for t in curves({"a": history()}, metric).data if t.mode == "markers"]
    assert list(dot.x) == [epoch]


def test_a_history_of_one_epoch_or_without_validation_is_drawn():
    short = history(1).assign(val_loss=np.nan)
    fig = curves({"a": short}, "loss")
    assert [t.mode for t in fig.data] == ["lines+markers", "lines+markers"]


def test_each_run_has_a_panel_with_its_probabilities():
    fig = probability_bars([prediction("one"), prediction("two", (0.9, 0.05, 0.05))])
    assert [a.text for a in fig.layout.annotations] == ["one", "two"]
    np.testing.assert_allclose(fig.data[1].x, [90, 5, 5], rtol=1e-5)
    assert fig.data[0].text[1] == "<b>70.0%"


def test_a_panel_has_the_title_of_its_run_in_lines_that_fit():
    title = "Plain CNN · lungs only <b> · lr 3e-4 · strong augmentation · seed 2"
    one, two = prediction("one"), prediction("two")
    fig = probability_bars([one, two], {"one": title})
    first, second = (a.text for a in fig.layout.annotations)
    assert html.unescape(first).replace("<br>", " ") == title
    assert first.count("<br>") == 2
    assert max(map(len, html.unescape(first).split("<br>"))) <= 30
    assert "<b>" not in first
    assert second == "two"
    assert fig.layout.height > probability_bars([one, two]).layout.height
    assert html.unescape(title) in html.unescape(fig.data[0].hovertemplate)


def test_classes_have_the_colours_of_the_dataset():
    colours = {"COVID-19": "#0a0a0a", "Normal": "#0b0b0b", "Viral": "#0c0c0c"}
    (bars,) = probability_bars([prediction()], colours=colours).data
    assert [c.rpartition(",")[0] for c in bars.marker.color] == [
        "rgba(10, 10, 10",
        "rgba(11, 11, 11",
        "rgba(12, 12, 12",
    ]


def test_only_the_answer_of_a_run_is_in_full_colour():
    (bars,) = probability_bars([prediction()]).data
    assert [c.endswith(", 1)") for c in bars.marker.color] == [False, True, False]


@pytest.mark.parametrize("runs", range(1, 9))
def test_panels_stand_in_rows_of_at_most_four_that_are_evenly_filled(runs):
    fig = probability_bars([prediction(str(n)) for n in range(runs)])
    across = len({axis.domain[0] for axis in fig.select_xaxes()})
    assert across <= 4
    down = -(-runs // 4)
    assert across == -(-runs // down)
