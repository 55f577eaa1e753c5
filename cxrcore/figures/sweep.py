"""A sweep as parallel coordinates, drawn as plain lines: Plotly's own needs WebGL."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from cxrcore.figures.theme import NEUTRAL, layout, plain

_MOST_TICKS = 8
_SHADES = 0.25, 0.85  # of Viridis: what is seen on white and on black


def parallel_coordinates(
    rows: Sequence[Mapping[str, Any]], heads: Mapping[str, str], score: str, *, log: Sequence[str]
) -> go.Figure:
    """One line a training: across its values to its score, which also gives the colour.

    Args:
        rows: one a training, with all columns of `heads` and `score`, which is a number.
        heads: column -> what it is called, in the order of the axes.
        score: the last axis, 0..1, with its name as its own head.
        log: columns whose axis shows powers of ten evenly.
    """
    columns = {**heads, score: score}
    axes = [_axis([row[column] for row in rows], log=column in log) for column in columns]
    fig = go.Figure()
    last = axes[-1][0]
    low, high = _SHADES
    shades = [low + (high - low) * place for place in last]
    for number, colour in enumerate(sample_colorscale("Viridis", shades)):
        text = "<br>".join(f"{plain(h)}: {_text(rows[number][c])}" for c, h in columns.items())
        fig.add_scatter(
            x=list(range(len(axes))),
            y=[places[number] for places, _ in axes],
            mode="lines+markers",
            line={"color": colour, "width": 2},
            hovertemplate=f"{text}<extra></extra>",
            showlegend=False,
        )
    for x, (_, ticks) in enumerate(axes):
        fig.add_shape(x0=x, x1=x, y0=0, y1=1, line={"color": NEUTRAL, "width": 1})
        for place, tick in ticks.items():
            side = _side(x, len(axes) - 1, place)
            fig.add_annotation(x=x, y=place, text=tick, showarrow=False, **side)
    layout(fig, height=360)
    names = [plain(head) for head in columns.values()]
    fig.update_xaxes(
        tickvals=list(range(len(axes))),
        ticktext=names,
        showgrid=False,
        range=[-0.5, len(axes) - 0.7],
    )
    return fig.update_yaxes(visible=False, range=[-0.08, 1.08])


def _side(axis: int, last: int, place: float) -> dict[str, Any]:
    """Where the text of a place stands, so that few lines cross it."""
    if axis == 0:
        return {"xanchor": "right", "xshift": -6}
    if axis == last:
        return {"xanchor": "left", "xshift": 6}
    return {"yshift": 12 if place >= 0.5 else -12}


def _axis(values: Sequence[Any], *, log: bool) -> tuple[list[float], dict[float, str]]:
    """Where each value stands on an axis of 0..1, and the text at some of these places."""
    numeric = all(isinstance(value, int | float) for value in values)
    known = sorted(set(values), key=None if numeric else str)
    raw = {v: (math.log10(v) if log else float(v)) if numeric else known.index(v) for v in known}
    low, high = min(raw.values()), max(raw.values())
    at = {v: (place - low) / (high - low) if high > low else 0.5 for v, place in raw.items()}
    shown = known if len(known) <= _MOST_TICKS else [known[0], known[-1]]
    return [at[value] for value in values], {at[value]: _text(value) for value in shown}


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else plain(str(value))
