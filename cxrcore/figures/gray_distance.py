"""Distances between groups' gray values: as a small matrix with its numbers, and in words."""

import textwrap

import numpy as np
import plotly.graph_objects as go

from cxrcore.errors import DatasetError
from cxrcore.figures.theme import NEUTRAL, PALETTE, layout, plain
from cxrcore.quality.distances import Distances, Kind

UNITS: dict[Kind, str] = {"wasserstein": " gray levels", "ks": ""}
_DECIMALS: dict[Kind, int] = {"wasserstein": 1, "ks": 2}
# From no distance to the largest, with a text colour that is readable on each; on both themes.
_WEAK, _STRONG = "#e1ebf2", PALETTE[0]
_DARK_TEXT, _LIGHT_TEXT = "#1b2730", "#ffffff"
_LIGHT_FROM = 0.8  # share of the largest distance
_MOSTLY = 0.5  # of a distance: what is less afterwards is mostly gone
_LINE = 14  # letters of a name in a line
_ROW, _MOST_HEIGHT = 58, 620  # pixels
# Where the pixels of each region of `images.REGIONS` are.
_WHERE = {
    "none": "on the whole image",
    "lungs": "within the lungs",
    "lungs-crop": "in the box around the lungs",
    "lungs-erased": "outside the lungs",
    "border": "outside the box around the lungs",
}


def amount(value: float, kind: Kind, *, unit: bool = True) -> str:
    """A distance as people read it.

    >>> amount(23.14, "wasserstein"), amount(0.127, "ks"), amount(float("nan"), "ks")
    ('23.1 gray levels', '0.13', 'unknown')
    """
    if np.isnan(value):
        return "unknown"
    return f"{value:.{_DECIMALS[kind]}f}{UNITS[kind] if unit else ''}"


def distance_matrix(distances: Distances, *, highest: float | None = None) -> go.Figure:
    """Distances between groups as a coloured square with the numbers in its cells.

    The stronger the colour, the farther apart. Bold is what lies beyond chance. The diagonal has no
    colour: in brackets it says how far apart random halves of that group are by chance.

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
        text=[[_sentence(distances, row, column) for column in groups] for row in groups],
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


def _sentence(distances: Distances, row: int, column: int) -> str:
    """What is said of a cell when the pointer is on it."""
    kind = distances.kind
    one, other = plain(distances.names[row]), plain(distances.names[column])
    if row == column:
        if np.isnan(distances.chance[row]):
            return f"{one}: too few images to say what chance does"
        return (
            f"Random halves of {one}:<br>up to {amount(distances.chance[row], kind)} apart "
            "in 19 of 20 draws"
        )
    verdict = {
        True: "more than random halves of either",
        False: "not more than random halves of them:<br>it may be chance",
        None: "too few images to say whether it is chance",
    }[distances.beyond_chance(row, column)]
    return f"{one} and {other}:<br>{amount(distances.between[row, column], kind)}, {verdict}"


def _wrapped(name: str) -> str:
    """A name in short lines."""
    lines = textwrap.wrap(name, _LINE, max_lines=3, placeholder=" …") or [name]
    return "<br>".join(plain(line) for line in lines)


def farthest_in_words(distances: Distances, region: str) -> str:
    """One or two sentences: which groups are most apart, and whether that may be chance.

    Args:
        distances: of two or more groups.
        region: of `images.REGIONS`, whose pixels it is about.
    """
    return f"Most apart {_WHERE[region]}: {_pair(distances, *_farthest(distances))}."


def change_in_words(before: Distances, after: Distances, region: str) -> str:
    """What masking does to the distances: to that of the two groups that were most apart, and
    which are most apart afterwards.

    Args:
        before: on the whole image; two or more groups.
        after: of the same groups in the pixels of the region.
        region: of `images.REGIONS`, not `none`.
    """
    place = _farthest(before)
    then, kind = after.between[place], after.kind
    said = [
        f"Most apart {_WHERE['none']}: {_pair(before, *place)}. "
        f"The same two {_WHERE[region]}: {amount(then, kind)}."
    ]
    if before.beyond_chance(*place):
        said.append(_verdict(then / before.between[place], region))
    other = _farthest(after)
    if _all_chance(after):
        said.append(f"No two are farther apart {_WHERE[region]} than chance makes them.")
    elif other != place:
        said.append(
            f"Most apart {_WHERE[region]}: {_pair(after, *other)}; "
            f"{_WHERE['none']} these are {amount(before.between[other], kind)} apart."
        )
    return " ".join(said)


def _all_chance(distances: Distances) -> bool:
    """Whether every distance may be chance."""
    groups = range(len(distances.names))
    pairs = ((one, other) for one in groups for other in groups if one < other)
    return all(distances.beyond_chance(*pair) is False for pair in pairs)


def _farthest(distances: Distances) -> tuple[int, int]:
    place = distances.farthest()
    if place is None:
        raise DatasetError("One group has no distance to another. Choose two or more.")
    return place


def _pair(distances: Distances, one: int, other: int) -> str:
    found = amount(distances.between[one, other], distances.kind)
    verdict = {
        True: "more than chance",
        False: "which may be chance",
        None: "of too few images to tell it from chance",
    }[distances.beyond_chance(one, other)]
    return f"{distances.names[one]} and {distances.names[other]}, {found}, {verdict}"


def _verdict(share: float, region: str) -> str:
    """What it means that this share of a distance is left in a region."""
    if region in ("lungs", "lungs-crop"):
        if share < _MOSTLY:
            outside = _WHERE["lungs-erased" if region == "lungs" else "border"]
            return f"So most of that difference is {outside}."
        return f"So that difference is {_WHERE[region]}, too."
    if share < _MOSTLY:
        return "So most of that difference is gone without the lungs."
    return (
        "So that difference is there without the lungs: a model can use it without looking at them."
    )
