"""Figures of the model pages: confusion matrix, training curves, probabilities."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cxrcore.figures.theme import PALETTE, ROW_HEIGHT, class_colours, faded, layout, plain

if TYPE_CHECKING:
    import altair as alt

CELL_COLOUR, SELECTED_COLOUR = PALETTE[0], PALETTE[1]
LIGHT_TEXT, DARK_TEXT = "#ffffff", "#1b2730"
DARK_CELL = 0.5  # share of the row above which a cell is dark and its text light
MOST_COLUMNS = 4
METRIC_NAMES = {"loss": "Loss", "accuracy": "Accuracy"}


class Probabilities(Protocol):
    """What `probability_bars` reads of a prediction."""

    @property
    def run_id(self) -> str:
        """The run, title of the panel."""

    @property
    def classes(self) -> Sequence[str]:
        """In softmax order."""

    @property
    def probabilities(self) -> np.ndarray:
        """(k,) 0..1, in the order of `classes`."""


def confusion_table(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> pd.DataFrame:
    """A confusion matrix as rows: true, predicted, images, share (of the true class, 0..1)."""
    counts = np.asarray(matrix, dtype=np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    true, predicted = (grid.ravel() for grid in np.meshgrid(classes, classes, indexing="ij"))
    return pd.DataFrame(
        {"true": true, "predicted": predicted, "images": counts.ravel(), "share": shares.ravel()}
    )


def confusion_chart(
    matrix: Sequence[Sequence[int]],
    classes: Sequence[str],
    *,
    normalise: bool = False,
    name: str = "cell",
) -> "alt.LayerChart":
    """A confusion matrix whose cells can be clicked; one row per true class.

    Altair, because a click on a cell of a Plotly heatmap gives no event in Streamlit. The page
    reads `event["selection"][name]`: `[{"true": ..., "predicted": ...}]`, or empty. The colour is
    always the share of the true class, so that small classes are not pale.

    Args:
        matrix: (k, k) counts, rows true and columns predicted, in the order of `classes`.
        classes: their names.
        normalise: write the share of the true class into the cells instead of the count.
        name: of the selection.
    """
    import altair as alt  # a quarter of a second that other pages need not pay

    table = confusion_table(matrix, classes)
    table["shown"] = [
        f"{s:.0%}" if normalise else f"{n:,}"
        for n, s in table[["images", "share"]].itertuples(index=False)
    ]
    cell = alt.selection_point(
        name=name, fields=["true", "predicted"], on="click", clear="dblclick", empty=False
    )
    side = max(220, min(96 * len(classes), 480))
    base = alt.Chart(table).encode(
        x=alt.X("predicted:N", sort=list(classes), title="Predicted class").axis(
            labelAngle=0 if _fits(classes, side) else -35, labelLimit=170, labelOverlap=False
        ),
        y=alt.Y("true:N", sort=list(classes), title="True class").axis(labelLimit=170),
        tooltip=[
            alt.Tooltip("true:N", title="True class"),
            alt.Tooltip("predicted:N", title="Predicted class"),
            alt.Tooltip("images:Q", title="Images", format=","),
            alt.Tooltip("share:Q", title="Share of the true class", format=".1%"),
        ],
    )
    squares = base.mark_rect(color=CELL_COLOUR, cursor="pointer", strokeWidth=3).encode(
        fillOpacity=alt.FillOpacity("share:Q", legend=None).scale(domain=[0, 1], range=[0.04, 1]),
        stroke=alt.condition(cell, alt.value(SELECTED_COLOUR), alt.value("transparent")),
    )
    # `background` is Vega's name for the colour of the page.
    on_page = alt.ExprRef(f"luminance(background) > 0.4 ? '{DARK_TEXT}' : '{LIGHT_TEXT}'")
    texts = base.mark_text(fontSize=15 if len(classes) <= 6 else 11, cursor="pointer").encode(
        text="shown:N",
        color=alt.condition(alt.datum.share > DARK_CELL, alt.value(LIGHT_TEXT), alt.value(on_page)),
    )
    return (squares.add_params(cell) + texts).properties(height=side)


def _fits(classes: Sequence[str], side: int) -> bool:
    return max(map(len, classes)) * 7 < side / len(classes)


def curves(histories: Mapping[str, pd.DataFrame], metric: Literal["loss", "accuracy"]) -> go.Figure:
    """One metric after each epoch: one colour per run, training dotted, validation solid.

    A dot marks the best validation value of each run.

    Args:
        histories: run name -> table with `epoch`, the metric and `val_` + the metric.
        metric: "loss" or "accuracy".
    """
    fig = go.Figure()
    for place, (name, history) in enumerate(histories.items()):
        colour = PALETTE[place % len(PALETTE)]
        for column, dash, width in ((metric, "dot", 1.5), (f"val_{metric}", "solid", 2.5)):
            validation = column != metric
            fig.add_scatter(
                x=history["epoch"],
                y=history[column],
                mode="lines+markers" if len(history) < 3 else "lines",
                line={"color": colour, "width": width, "dash": dash},
                name=plain(name),
                legendgroup=name,
                showlegend=validation,
                hovertemplate="epoch %{x}: %{y:.3f}<extra>"
                f"{plain(name)}, {'validation' if validation else 'training'}</extra>",
            )
        _mark_best(fig, name, history, metric, colour)
    layout(fig, height=360, x="Epoch", y=METRIC_NAMES[metric])
    last = max((int(history["epoch"].max()) for history in histories.values()), default=1)
    fig.update_xaxes(tickformat="d", range=[0.5, last + 0.5])
    return fig.update_yaxes(rangemode="tozero" if metric == "loss" else "normal")


def _mark_best(fig: go.Figure, name: str, history: pd.DataFrame, metric: str, colour: str) -> None:
    values = history[f"val_{metric}"].astype("float64")
    if values.isna().all():
        return
    best = values.idxmin() if metric == "loss" else values.idxmax()
    fig.add_scatter(
        x=[history.loc[best, "epoch"]],
        y=[values.loc[best]],
        mode="markers",
        marker={"color": colour, "size": 9},
        legendgroup=name,
        showlegend=False,
        hovertemplate=f"best, epoch %{{x}}: %{{y:.3f}}<extra>{plain(name)}, validation</extra>",
    )


def probability_bars(predictions: Sequence[Probabilities]) -> go.Figure:
    """The probability of each class, one panel per run, with the classes in the same rows.

    The run's answer is drawn in full colour, the other classes pale.
    """
    classes = list(dict.fromkeys(name for p in predictions for name in p.classes))
    colours = class_colours(classes)
    rows = math.ceil(len(predictions) / MOST_COLUMNS)
    columns = math.ceil(len(predictions) / rows)
    fig = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes=True,
        shared_yaxes=True,
        subplot_titles=[plain(p.run_id) for p in predictions],
        horizontal_spacing=0.03,
        vertical_spacing=0.35 / rows if rows > 1 else 0,
    )
    for place, prediction in enumerate(predictions):
        values = np.asarray(prediction.probabilities, dtype=np.float64)
        answer = int(values.argmax())
        fig.add_bar(
            x=100 * values,
            y=[plain(name) for name in prediction.classes],
            orientation="h",
            marker_color=[
                faded(colours[c], 1 if i == answer else 0.45)
                for i, c in enumerate(prediction.classes)
            ],
            text=[f"{'<b>' if i == answer else ''}{v:.1%}" for i, v in enumerate(values)],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f}%<extra>" + plain(prediction.run_id) + "</extra>",
            row=place // columns + 1,
            col=place % columns + 1,
        )
    layout(fig, height=(70 + (ROW_HEIGHT - 8) * len(classes)) * rows + 20, legend=False)
    fig.update_layout(margin_t=36)
    fig.update_xaxes(range=[0, 128], tickvals=[0, 50, 100], ticktext=["0%", "50%", "100%"])
    return fig.update_yaxes(
        categoryorder="array", categoryarray=[plain(c) for c in classes], autorange="reversed"
    )
