"""Figures of the model pages: confusion matrix, training curves, probabilities."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cxrcore.figures.theme import (
    PALETTE,
    ROW_HEIGHT,
    class_colours,
    faded,
    layout,
    plain,
    run_colours,
)

PALE = "#f3f6f8"  # of an empty cell
MOST_COLUMNS = 4
HEAD_LETTERS, HEAD_LINE = 30, 17  # of the title above a panel: letters and pixels of a line
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


def confusion_heatmap(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> go.Figure:
    """A confusion matrix with the images in its cells.

    The colour is the share of the true class, so that small classes are not pale.

    Args:
        matrix: (k, k) counts, rows true and columns predicted, in the order of `classes`.
        classes: their names.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    names = [plain(name) for name in classes]
    fig = go.Figure(
        go.Heatmap(
            z=counts / np.maximum(counts.sum(axis=1, keepdims=True), 1),
            x=names,
            y=names,
            customdata=counts,
            texttemplate="%{customdata:,}",
            hovertemplate="%{y} called %{x}: %{customdata:,}, %{z:.1%} of the class<extra></extra>",
            colorscale=[[0, PALE], [1, PALETTE[0]]],
            zmin=0,
            zmax=1,
            xgap=3,
            ygap=3,
            showscale=False,
        )
    )
    side = max(220, min(96 * len(names), 480))
    layout(fig, height=side, x="Predicted class", y="True class", legend=False)
    fig.update_xaxes(type="category", showgrid=False)
    return fig.update_yaxes(type="category", showgrid=False, autorange="reversed")


def curves(
    histories: Mapping[str, pd.DataFrame],
    metric: Literal["loss", "accuracy"],
    colours: Mapping[str, str] | None = None,
) -> go.Figure:
    """One metric after each epoch: one colour per run, training dotted, validation solid.

    A dot marks the best validation value of each run.

    Args:
        histories: run name -> table with `epoch`, the metric and `val_` + the metric.
        metric: "loss" or "accuracy".
        colours: run name -> its colour; without them by the order of `histories`.
    """
    fig = go.Figure()
    colours = run_colours(histories) if colours is None else colours
    for name, history in histories.items():
        colour = colours[name]
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
                customdata=history.get("learning_rate"),
                hovertemplate="epoch %{x}: %{y:.3f}, learning rate %{customdata:.2g}<extra>"
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


def probability_bars(
    predictions: Sequence[Probabilities],
    titles: Mapping[str, str] | None = None,
    colours: Mapping[str, str] | None = None,
) -> go.Figure:
    """The probability of each class, one panel per run, with the classes in the same rows.

    The run's answer is drawn in full colour, the other classes pale.

    Args:
        predictions: one a run.
        titles: run -> what is written above its panel, if not its name.
        colours: class -> its colour; without them by the order of the classes.
    """
    classes = list(dict.fromkeys(name for p in predictions for name in p.classes))
    colours = class_colours(classes) if colours is None else colours
    names = [(titles or {}).get(p.run_id, p.run_id) for p in predictions]
    heads = [textwrap.wrap(name, HEAD_LETTERS) for name in names]
    head = HEAD_LINE * max(map(len, heads), default=1)
    rows = math.ceil(len(predictions) / MOST_COLUMNS)
    columns = math.ceil(len(predictions) / rows)
    fig = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes=True,
        shared_yaxes=True,
        subplot_titles=["<br>".join(map(plain, lines)) for lines in heads],
        horizontal_spacing=0.03,
        vertical_spacing=0.35 / rows if rows > 1 else 0,
    )
    fig.update_annotations(font_size=13)
    for place, (name, prediction) in enumerate(zip(names, predictions, strict=True)):
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
            hovertemplate="%{y}: %{x:.1f}%<extra>" + plain(name) + "</extra>",
            row=place // columns + 1,
            col=place % columns + 1,
        )
    panel = 54 + head + (ROW_HEIGHT - 8) * len(classes)
    layout(fig, height=panel * rows + 20, legend=False)
    fig.update_layout(margin_t=20 + head)
    fig.update_xaxes(range=[0, 128], tickvals=[0, 50, 100], ticktext=["0%", "50%", "100%"])
    return fig.update_yaxes(
        categoryorder="array", categoryarray=[plain(c) for c in classes], autorange="reversed"
    )
