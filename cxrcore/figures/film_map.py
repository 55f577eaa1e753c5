"""Films in two dimensions."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from cxrcore.figures.theme import layout, plain

_AS_SHAPES = 1_000  # films; more are drawn by WebGL


def film_map(
    places: npt.NDArray[np.floating], groups: pd.Series, colours: Mapping[str, str]
) -> go.Figure:
    """A dot a film. A dot's `customdata` is its row, for those who select.

    Args:
        places: (n, 2).
        groups: (n,) what each film is coloured by.
        colours: of the groups, in the order of the legend.
    """
    fig, given = go.Figure(), groups.to_numpy(object)
    draw = go.Scatter if len(places) <= _AS_SHAPES else go.Scattergl
    for name, colour in colours.items():
        rows = np.flatnonzero(given == name)
        x, y = places[rows].T
        fig.add_trace(
            draw(
                x=x,
                y=y,
                mode="markers",
                name=plain(name),
                customdata=rows,
                marker={"color": colour, "size": 7 if len(places) <= _AS_SHAPES else 4},
                hovertemplate="%{fullData.name}<extra></extra>",
            )
        )
    layout(fig, height=460)
    axes = {"showticklabels": False, "nticks": 8}
    fig.update_xaxes(**axes).update_yaxes(**axes)
    return fig.update_layout(dragmode="lasso", legend_itemsizing="constant")
