"""Figures of a dataset: class balance and image sizes."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cxrcore.figures.theme import (
    MISSING,
    NEUTRAL,
    PALETTE,
    SPLIT_COLOURS,
    bars_height,
    class_colours,
    faded,
    layout,
    plain,
)

MOST_PARTS = 8  # of a bar; the others are summed up as "other"
MOST_POINTS = 1_000  # sizes; more are counted on a grid
GRID_CELLS = 48  # of one side
MOST_NAMED = 6  # classes in the legend
CROWDED = 300  # dots; more are drawn without an edge


def class_balance(
    labels: pd.Series, classes: Sequence[str], parts: pd.Series | None = None
) -> go.Figure:
    """One horizontal bar per class with its number of images, stacked by `parts` if given.

    Args:
        labels: (n,) class of each image.
        classes: in class order, the first on top.
        parts: (n,) such as split or source; missing ones are shown as unknown.
    """
    fig = go.Figure()
    names = [plain(name) for name in classes]
    if parts is None:
        counts = labels.value_counts().reindex(list(classes), fill_value=0)
        colours = list(class_colours(classes).values())
        fig.add_bar(x=counts, y=names, orientation="h", marker_color=colours, name="images")
    else:
        shown, part_colours = parts_of(parts)
        table = pd.crosstab(labels, shown).reindex(list(classes), fill_value=0)
        for part, colour in part_colours.items():
            fig.add_bar(
                x=table[part], y=names, orientation="h", marker_color=colour, name=plain(part)
            )
    fig.update_traces(hovertemplate="%{y}<br>%{fullData.name}: %{x:,} images<extra></extra>")
    totals = labels.value_counts().reindex(list(classes), fill_value=0)
    for name, total in zip(names, totals, strict=True):
        share = total / max(len(labels), 1)
        fig.add_annotation(
            x=total, y=name, text=f" {total:,} ({share:.0%})", xanchor="left", showarrow=False
        )
    layout(fig, height=bars_height(len(names)), x="Images", legend=parts is not None)
    fig.update_layout(barmode="stack", legend_traceorder="normal")
    fig.update_xaxes(range=[0, 1.35 * max(totals.max(), 1)], tickformat=",d")
    return fig.update_yaxes(autorange="reversed")


def parts_of(values: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """(n,) splits or sources, few enough to tell apart, and the colour of each in order.

    Args:
        values: (n,); rare ones are summed up as "other", missing ones are "unknown".
    """
    parts = values.astype(object).where(values.notna(), MISSING)
    counts = parts.value_counts()
    if len(counts) > MOST_PARTS:
        parts = parts.where(parts.isin(counts.index[: MOST_PARTS - 1]), "other")
        counts = parts.value_counts()
    known = [part for part in SPLIT_COLOURS if part in counts and part != MISSING]
    others = [str(part) for part in counts.index if part not in SPLIT_COLOURS]
    return parts, _part_colours([*known, *others, *({MISSING} & set(counts.index))])


def _part_colours(parts: Sequence[str]) -> dict[str, str]:
    if set(parts) <= set(SPLIT_COLOURS):
        return {part: SPLIT_COLOURS[part] for part in parts}
    # From the middle of the palette, so that a source is not taken for a class of that colour.
    found = {part: PALETTE[(place + 5) % len(PALETTE)] for place, part in enumerate(parts)}
    return found | dict.fromkeys({MISSING, "other"} & set(parts), NEUTRAL)


def image_sizes(
    widths: pd.Series, heights: pd.Series, labels: pd.Series, classes: Sequence[str]
) -> go.Figure:
    """Width against height, one dot for each size and class, its area the number of images.

    With more than MOST_POINTS different sizes they are counted on a grid.
    """
    points = pd.DataFrame({"w": widths, "h": heights, "label": labels}).dropna()
    points = points.astype({"w": "int64", "h": "int64"})
    counted = points.value_counts().reset_index(name="n")
    if coarse := len(counted) > MOST_POINTS:
        cell = max(1, int(points[["w", "h"]].max().max()) // GRID_CELLS)  # pixels
        points[["w", "h"]] = points[["w", "h"]] // cell * cell + cell // 2
        counted = points.value_counts().reset_index(name="n")
    longest = int(max(points["w"].max(), points["h"].max())) if len(points) else 1
    fig = go.Figure()
    fig.add_scatter(
        x=[0, longest], y=[0, longest], mode="lines", name="square",
        line={"color": NEUTRAL, "width": 1, "dash": "dot"}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    most = max(int(counted["n"].max()), 1) if len(counted) else 1
    about = "about " if coarse else ""
    crowded = len(counted) > CROWDED
    diameter = float(np.clip(400 / math.sqrt(max(len(counted), 1)), 5, 24))  # pixels, the largest
    for name, colour in class_colours(classes).items():
        own = counted[counted["label"] == name]
        fig.add_scatter(
            x=own["w"],
            y=own["h"],
            mode="markers",
            name=plain(name),
            customdata=own["n"],
            marker={
                "color": faded(colour, 0.3),
                "size": own["n"],
                "sizemode": "area",
                "sizeref": most / diameter**2,
                "sizemin": 2.5,
                "line": {"width": 0 if crowded else 1.5, "color": colour},
            },
            hovertemplate=f"{about}%{{x}} × %{{y}} px: %{{customdata:,}} images"
            "<extra>%{fullData.name}</extra>",
        )
    layout(fig, height=320, x="Width (px)", y="Height (px)", legend=len(classes) <= MOST_NAMED)
    fig.update_layout(legend_itemsizing="constant")
    return fig.update_xaxes(rangemode="tozero").update_yaxes(rangemode="tozero")
