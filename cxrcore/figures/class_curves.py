"""Curves of one class against the rest, one line a model."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cxrcore.figures.theme import NEUTRAL, layout, plain

_LETTERS = 48  # of a title in the legend

Points = Sequence[float] | npt.NDArray[np.floating]


@dataclass(frozen=True)
class Line:
    """A model's curve.

    Attributes:
        title: of the model.
        colour: "#rrggbb".
        x, y: points.
        low, high: 95 % interval of y at each point; empty without.
        marked: (x, y) of its operating point.
        texts: what a point says besides its place; empty without.
    """

    title: str
    colour: str
    x: Points
    y: Points
    low: Points = ()
    high: Points = ()
    marked: tuple[float, float] | None = None
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Axes:
    """What the axes are, and which lines mean nothing but chance or perfection."""

    x: str
    y: str
    references: Mapping[str, tuple[Points, Points]]
    x_range: tuple[float, float] = (-0.01, 1.01)
    y_range: tuple[float, float] | None = (-0.02, 1.02)
    steps: bool = False
    percent: bool = True  # of both axes; else epochs and plain numbers


def class_curves(lines: Sequence[Line], axes: Axes) -> go.Figure:
    """Draw the lines; operating points are large dots, references dotted."""
    fig = go.Figure()
    for name, (x, y) in axes.references.items():
        style = {"color": NEUTRAL, "dash": "dot", "width": 1.5}
        fig.add_scatter(x=x, y=y, mode="lines", line=style, name=name, hoverinfo="skip")
    for line in lines:
        _add(fig, line, axes)
    layout(fig, height=400, x=axes.x, y=axes.y)
    fig.update_xaxes(range=axes.x_range, tickformat=".0%")
    percent = {"tickformat": ".0%"} if axes.y_range else {}
    return fig.update_yaxes(range=axes.y_range, **percent)


def _add(fig: go.Figure, line: Line, axes: Axes) -> None:
    # A long title would push the curves out of sight; the table above has it in full.
    short = textwrap.shorten(line.title, _LETTERS, placeholder=" …")
    name, group = plain(short), line.title
    binned = len(line.low) > 0
    error = None
    if binned:
        error = {
            "type": "data",
            "array": [h - y for h, y in zip(line.high, line.y, strict=True)],
            "arrayminus": [y - low for low, y in zip(line.low, line.y, strict=True)],
            "thickness": 1.5,
            "width": 3,
        }
    fig.add_scatter(
        x=list(line.x),
        y=list(line.y),
        name=name,
        legendgroup=group,
        mode="lines+markers" if binned else "lines",
        line={"color": line.colour, "width": 2, "shape": "hv" if axes.steps else "linear"},
        error_y=error,
        customdata=list(line.texts) or None,
        hovertemplate="%{x:.1%}, %{y:.3f}"
        + (" %{customdata}" if line.texts else "")
        + f"<extra>{name}</extra>",
    )
    if line.marked:
        x, y = line.marked
        fig.add_scatter(
            x=[x], y=[y], mode="markers", legendgroup=group, showlegend=False,
            marker={"color": line.colour, "size": 12, "line": {"color": "white", "width": 2}},
            hovertemplate="operating point: %{x:.1%}, %{y:.3f}" + f"<extra>{name}</extra>",
        )  # fmt: skip
