"""Figures of BRISQUE scores: their distribution per group, and what a limit excludes."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cxrcore.figures.theme import NEUTRAL, bars_height, faded, layout, plain
from cxrcore.quality.limits import Quartiles, removed

BRISQUE_TITLE = "BRISQUE score"
FEWEST_BINS, MOST_BINS = 16, 48


def brisque_panels(
    scores: np.ndarray,
    groups: np.ndarray,
    summary: Sequence[Quartiles],
    colours: dict[str, str],
    above: float,
) -> go.Figure:
    """The distribution of the scores of each group, one panel per group on a common axis.

    Bars are shares of the group's images; those above the limit are pale. Thin lines are the
    group's quartiles, the long dashed line through all panels is the limit.

    Args:
        scores: (n,) NaN are ignored.
        groups: (n,) the group of each score.
        summary: from `limits.quartiles`, one per panel.
        colours: `#rrggbb` for each group.
        above: the limit; NaN draws none.
    """
    known = scores[~np.isnan(scores)]
    edges = _edges(known)
    fig = make_subplots(rows=len(summary), shared_xaxes=True, vertical_spacing=0.22 / len(summary))
    lines: list[go.layout.Shape] = []
    for row, group in enumerate(summary, 1):
        own = scores[(groups == group.name) & ~np.isnan(scores)]
        counts = np.histogram(own, edges)[0]
        _score_bars(fig, row, counts, edges, colours[group.name], above)
        lines += _quartile_lines(row, group)
        fig.add_annotation(
            text=f"<b>{plain(group.name)}</b>  {group.images:,} images",
            x=0, y=1, xref="x domain", yref="y domain", xanchor="left", yanchor="bottom",
            showarrow=False, row=row, col=1,
        )  # fmt: skip
    layout(fig, height=60 + (130 if len(summary) <= 6 else 95) * len(summary), legend=False)
    fig.update_layout(bargap=0.06, margin_t=28)
    fig.update_yaxes(ticksuffix="%", nticks=4, rangemode="tozero")
    if not math.isnan(above):
        dashed = {"width": 2, "dash": "dash"}
        lines += [_line(row, above, dashed) for row in range(1, len(summary) + 1)]
        fig.add_annotation(
            text=f"limit {above:.1f}", x=above, y=1, xref="x", yref="paper", xanchor="left",
            yanchor="bottom", showarrow=False,
        )  # fmt: skip
    # All at once: `add_vline` copies and checks all earlier lines for each new one.
    fig.layout.shapes = lines
    return fig.update_xaxes(title_text=BRISQUE_TITLE, row=len(summary))


def _edges(known: np.ndarray) -> np.ndarray:
    """Bins of equal width over all scores, as many as the root of their number within bounds."""
    bins = int(np.clip(math.sqrt(len(known)), FEWEST_BINS, MOST_BINS))
    if not len(known):
        return np.linspace(0, 100, bins + 1)
    low, high = float(known.min()), float(known.max())
    return np.linspace(low, high if high > low else low + 1, bins + 1)


def _score_bars(
    fig: go.Figure, row: int, counts: np.ndarray, edges: np.ndarray, colour: str, above: float
) -> None:
    middles = (edges[:-1] + edges[1:]) / 2
    out = removed(middles, above)
    fig.add_bar(
        x=middles,
        y=100 * counts / max(counts.sum(), 1),
        marker_color=[faded(colour, 0.35) if pale else colour for pale in out],
        customdata=np.stack([edges[:-1], edges[1:], counts], axis=1),
        hovertemplate="%{customdata[0]:.1f} to %{customdata[1]:.1f}: %{customdata[2]:,} images "
        "(%{y:.1f}%)<extra></extra>",
        row=row,
        col=1,
    )


def _quartile_lines(row: int, group: Quartiles) -> list[go.layout.Shape]:
    if not group.images:
        return []
    lines = ((group.q1, 1), (group.median, 2), (group.q3, 1))
    return [_line(row, value, {"width": width}) for value, width in lines]


def _line(row: int, x: float, style: dict[str, object]) -> go.layout.Shape:
    """A line from bottom to top of the panel in a row."""
    axis = "" if row == 1 else row
    return go.layout.Shape(
        type="line", xref=f"x{axis}", yref=f"y{axis} domain", x0=x, x1=x, y0=0, y1=1,
        line={"color": NEUTRAL, **style},
    )  # fmt: skip


def removed_bars(
    lost: pd.Series, totals: pd.Series, colours: dict[str, str], kind: str = "class"
) -> go.Figure:
    """Share of each group that a limit excludes, with the numbers beside the bars.

    Args:
        lost: images excluded, indexed by group.
        totals: images of each group, same index.
        colours: `#rrggbb` for each group.
        kind: what the groups are, for the axis.
    """
    shares = 100 * lost / totals.clip(lower=1)
    fig = go.Figure()
    fig.add_bar(
        x=shares,
        y=[plain(name) for name in lost.index],
        orientation="h",
        marker_color=[colours[name] for name in lost.index],
        text=[
            f"{n:,} of {total:,} ({share:.1f}%)"
            for n, total, share in zip(lost, totals, shares, strict=True)
        ],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    layout(fig, height=bars_height(len(lost)), x=f"Excluded (% of the {kind})", legend=False)
    fig.update_xaxes(range=[0, max(1.6 * shares.max(), 5)])
    return fig.update_yaxes(autorange="reversed")
