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
