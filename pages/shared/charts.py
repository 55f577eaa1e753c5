"""How pages show Plotly figures."""

import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

# One button, save as an image. Zooming by dragging is off, so that a page scrolls on a phone.
_CONFIG = {
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
_LASSO = _CONFIG | {"displayModeBar": True, "modeBarButtons": [["lasso2d", "select2d", "toImage"]]}
_HALF = 360  # pixels that each of two columns needs to stand beside the other


def halves() -> GridContainer:
    """Two columns that become one on a narrow page; fill them with `with grid.cell():`."""
    return st.grid(2, min_column_width=_HALF, gap="medium")


def plotly(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure as wide as its container.

    Args:
        figure: from `cxrcore.figures`.
        key: one per place on the page.
        alt: a sentence for those who cannot see it: what it shows, not what kind of chart it is.
    """
    st.plotly_chart(figure, width="stretch", config=_CONFIG, key=key, alt=alt)


def lasso(figure: go.Figure, *, key: str, alt: str) -> list[int]:
    """Draw a figure of dots as wide as its container; the `customdata` of those drawn around.

    Args:
        figure: from `cxrcore.figures`; the same in every run of the page.
        key, alt: as `plotly`.
    """
    event = st.plotly_chart(
        figure,
        width="stretch",
        config=_LASSO,
        key=key,
        alt=alt,
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
    )
    drawn = {point.get("customdata") for point in event["selection"]["points"]}
    return sorted(int(row) for trace in figure.data for row in trace.customdata if row in drawn)
