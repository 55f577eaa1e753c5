"""A sweep as parallel coordinates."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from cxrcore.figures.theme import layout, plain

_HEIGHT = 360


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
    import math

    axes = []
    for column, head in heads.items():
        values = [row[column] for row in rows]
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        known = sorted(set(values), key=(lambda v: v) if numeric else str)
        places = [
            (math.log10(v) if column in log else v) if numeric else known.index(v) for v in values
        ]
        at = dict(zip(values, places, strict=True))
        few = known if len(known) <= 8 else [known[0], known[len(known) // 2], known[-1]]
        texts = [f"{v:g}" if numeric else plain(str(v)) for v in few]
        axes.append(
            {
                "label": plain(head),
                "values": places,
                "tickvals": [at[v] for v in few],
                "ticktext": texts,
            }
        )
    scores = [row[score] for row in rows]
    axes.append({"label": plain(score), "values": scores, "tickformat": ".3f"})
    fig = go.Figure(
        go.Parcoords(
            line={"color": scores, "colorscale": "Viridis", "showscale": False}, dimensions=axes
        )
    )
    layout(fig, height=_HEIGHT)
    return fig.update_layout(margin={"l": 70, "r": 50, "t": 60, "b": 30})
