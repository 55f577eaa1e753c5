"""Confusion matrix, training curves and probabilities."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cxrcore.figures import PALETTE, confusion_chart, confusion_table, curves, probability_bars

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


def test_rows_of_the_confusion_table_are_true_classes_and_shares_are_of_them():
    table = confusion_table(MATRIX, CLASSES).set_index(["true", "predicted"])
    assert table.loc[("COVID-19", "Normal"), "images"] == 2
    assert table.loc[("Normal", "COVID-19"), "images"] == 1
    assert table.loc[("Normal", "Viral"), "share"] == 0.5
    assert table.loc["Viral"]["share"].tolist() == [0, 0, 0]  # a class without images


def test_the_axes_of_the_confusion_matrix_are_named_and_in_class_order():
    chart = confusion_chart(MATRIX, CLASSES).to_dict()
    encoding = chart["layer"][0]["encoding"]
    assert encoding["y"]["title"] == "True class"
    assert encoding["x"]["title"] == "Predicted class"
    assert encoding["x"]["sort"] == encoding["y"]["sort"] == CLASSES


@pytest.mark.parametrize("name", ["cell", "other"])
def test_a_click_on_a_cell_is_reported_with_both_classes(name):
    chart = confusion_chart(MATRIX, CLASSES, name=name).to_dict()
    (parameter,) = chart["params"]
    assert parameter["name"] == name
    assert parameter["select"]["type"] == "point"
    assert parameter["select"]["fields"] == ["true", "predicted"]


@pytest.mark.parametrize(("normalise", "shown"), [(False, "10"), (True, "50%")])
def test_cells_show_images_or_the_share_of_the_true_class(normalise, shown):
    chart = confusion_chart(MATRIX, CLASSES, normalise=normalise).to_dict()
    (rows,) = chart["datasets"].values()
    cell = next(r for r in rows if (r["true"], r["predicted"]) == ("Normal", "Viral"))
    assert cell["shown"] == shown


def test_text_is_light_on_dark_cells_and_follows_the_page_on_pale_ones():
    text = confusion_chart(MATRIX, CLASSES).to_dict()["layer"][1]["encoding"]["color"]
    assert text["condition"]["value"] == "#ffffff"
    assert "luminance(background)" in text["value"]["expr"]


def test_a_run_has_one_colour_training_dotted_and_validation_solid():
    fig = curves({"a": history(), "b": history()}, "loss")
    lines = [t for t in fig.data if t.mode == "lines"]
    assert [t.line.color for t in lines] == [PALETTE[0]] * 2 + [PALETTE[1]] * 2
    assert [t.line.dash for t in lines] == ["dot", "solid"] * 2
    assert [t.name for t in lines if t.showlegend] == ["a", "b"]


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
