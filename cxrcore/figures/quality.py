"""Figure of how well a score separates groups of images."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cxrcore.figures.theme import NEUTRAL, bars_height, layout, plain
from cxrcore.quality import Group

MOST_LETTERS = 28  # of a name; the whole name is in the hover text


def pairs_in_order(groups: Sequence[Group], colours: Mapping[str, str]) -> go.Figure:
    """In how many of 100 pairs the image of each group has the higher score.

    One dot per group with its 95% confidence interval. The farther it is from the dashed line at
    50 (guessing), to either side, the better the score separates the group from the others.

    Args:
        groups: from `quality.dependence`, the first on top.
        colours: `#rrggbb` for each group; others are drawn in gray.
    """
    fig = go.Figure()
    fig.add_vline(x=50, line={"color": NEUTRAL, "width": 1.5, "dash": "dash"})
    fig.add_annotation(
        text="guessing", x=50, y=1, xref="x", yref="paper", yanchor="bottom", showarrow=False
    )
    for place, group in enumerate(groups):
        colour = colours.get(group.name, NEUTRAL)
        middle, low, high = (100 * share for share in (group.higher, group.low, group.high))
        fig.add_scatter(
            x=[middle],
            y=[place],
            mode="markers",
            marker={"color": colour, "size": 12},
            cliponaxis=False,
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - middle],
                "arrayminus": [middle - low],
                "color": colour,
                "thickness": 2,
                "width": 6,
            },
            hovertemplate=f"{plain(group.name)}: {middle:.1f} of 100 pairs "
            f"(95% interval {low:.1f} to {high:.1f}), {group.images:,} images<extra></extra>",
        )
        fig.add_annotation(  # beside the interval: in it, line and number would cross
            text=f"{middle:.0f}", x=high, y=place, xanchor="left", xshift=8, showarrow=False
        )
    layout(fig, height=bars_height(len(groups)) + 20, x="Higher score in … of 100 pairs")
    fig.update_layout(showlegend=False, margin_t=24)
    fig.update_xaxes(range=[-2, 108], tickvals=[0, 25, 50, 75, 100])
    return fig.update_yaxes(
        range=[len(groups) - 0.5, -0.6],
        tickvals=list(range(len(groups))),
        ticktext=[plain(_short(group.name)) for group in groups],
        showgrid=False,
    )


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
