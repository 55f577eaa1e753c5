"""Distances between the gray values of groups, as a small matrix with its numbers."""

import textwrap

import numpy as np
import plotly.graph_objects as go

from cxrcore.figures.theme import NEUTRAL, PALETTE, layout, plain
from cxrcore.quality.distance_sentences import amount, cell_sentence
from cxrcore.quality.distances import Distances

# From no distance to the largest, with a text colour that is readable on each; on both themes.
_WEAK, _STRONG = "#e1ebf2", PALETTE[0]
_DARK_TEXT, _LIGHT_TEXT = "#0e171e", "#ffffff"
_LIGHT_FROM = 0.8  # share of the largest distance
_LINE = 14  # letters of a name per line
_ROW, _MOST_HEIGHT = 58, 620  # pixels


def distance_matrix(distances: Distances, *, highest: float | None = None) -> go.Figure:
    """Distances between groups as a coloured square with the numbers in its cells.

    The stronger the colour, the larger the distance; bold ones are beyond chance. On the diagonal, in
    brackets, is the distance of random halves of the group.

    Args:
        distances: of two or more groups.
        highest: the distance with the strongest colour, so that figures side by side have one
            scale; by default the largest in this one.
    """
    groups = range(len(distances.names))
    highest = max(distances.between.max() if highest is None else highest, 1e-9)
    colours = distances.between.copy()
    np.fill_diagonal(colours, np.nan)
    fig = go.Figure()
    fig.add_heatmap(
        z=colours,
        zmin=0,
        zmax=highest,
        colorscale=[[0, _WEAK], [1, _STRONG]],
        showscale=False,
        xgap=2,
        ygap=2,
        text=[
            [_line_breaks(cell_sentence(distances, row, column)) for column in groups]
            for row in groups
        ],
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=True,
    )
    cells = [(row, column) for row in groups for column in groups]
    fig.add_scatter(
        x=[column for _, column in cells],
        y=[row for row, _ in cells],
        mode="text",
        text=[_cell(distances, row, column) for row, column in cells],
        textfont={
            "color": [_text_colour(colours[row, column] / highest) for row, column in cells],
            "size": 13 if len(distances.names) <= 8 else 11,
        },
        hoverinfo="skip",
    )
    layout(fig, height=min(90 + _ROW * len(groups), _MOST_HEIGHT), legend=False)
    names = [_wrapped(name) for name in distances.names]
    axis = {"tickvals": list(groups), "ticktext": names, "showgrid": False, "fixedrange": True}
    fig.update_xaxes(axis, range=[-0.5, len(names) - 0.5], ticks="")
    return fig.update_yaxes(axis, range=[len(names) - 0.5, -0.5], ticks="")


def _text_colour(share: float) -> str:
    if np.isnan(share):
        return NEUTRAL
    return _LIGHT_TEXT if share > _LIGHT_FROM else _DARK_TEXT


def _cell(distances: Distances, row: int, column: int) -> str:
    if row == column:
        floor = distances.chance[row]
        return "" if np.isnan(floor) else f"({amount(floor, distances.kind, unit=False)})"
    text = amount(distances.between[row, column], distances.kind, unit=False)
    return f"<b>{text}</b>" if distances.beyond_chance(row, column) else text


def _line_breaks(sentence: str) -> str:
    """A sentence as a hover label: what follows a colon begins a new line."""
    return plain(sentence).replace(": ", ":<br>")


def _wrapped(name: str) -> str:
    """A name in short lines."""
    lines = textwrap.wrap(name, _LINE, max_lines=3, placeholder=" …") or [name]
    return "<br>".join(plain(line) for line in lines)
