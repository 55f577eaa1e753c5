"""The live curves of a training in the sidebar."""

import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.jobs import Job
from pages.shared import charts

FEWEST = 2  # epochs; one is a dot
_HEIGHT = 190  # pixels


def show(job: Job) -> None:
    """Draw the loss on training and validation images after each epoch, from two epochs on."""
    if len(job.history) < FEWEST:
        return
    # The history lacks values that are not finite: a gap in the line.
    history = pd.DataFrame(job.history).reindex(columns=["epoch", "loss", "val_loss"])
    with st.expander("Curves", expanded=True, type="compact"):
        figure = figures.curves({"": history.astype("float64")}, "loss")
        # The sidebar is narrow: little room for anything but the lines.
        figure.update_layout(height=_HEIGHT, showlegend=False)
        figure.update_layout(margin={"l": 0, "r": 4, "t": 8, "b": 0})
        figure.update_xaxes(title_standoff=4)
        figure.update_yaxes(title_standoff=4)
        charts.plotly(
            figure,
            key=f"curve_{job.job_id}",
            alt=f"Loss of training and validation images after each epoch of {job.title}",
        )
        st.caption("Dotted: training images. Solid: validation images.")
