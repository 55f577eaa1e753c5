"""Images with and without a mask: bars by class, and the list of those without."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from pages.shared import tables, thumbnails
from pages.shared.text import plural

STRIP = 12  # images without a usable mask that are shown
HEADS = {
    "path": "File",
    "label": "Class",
    "source": "Source",
    "reason": "Reason",
}


def bars(
    images: pd.DataFrame,
    state: pd.Series,
    dataset: Dataset,
    colours: Mapping[str, str],
    usable: Sequence[str],
) -> go.Figure:
    """A bar of the images of each class, divided by state.

    Args:
        images: from `cache.images`.
        state: (n,) of each image.
        dataset: of the images.
        colours: state -> colour, in the order of the bars.
        usable: the states of images with a mask, which are counted beside the bars.
    """
    fig = figures.class_balance(images["label"], dataset.classes, state)
    for note, (there, total) in zip(
        fig.layout.annotations, _usable(images, state, dataset, usable).values(), strict=True
    ):
        note.text = f" {there:,} of {total:,}"
    order = {name: place for place, name in enumerate(colours)}
    fig.data = sorted(fig.data, key=lambda trace: order[trace.name])
    return fig.for_each_trace(lambda trace: trace.update(marker_color=colours[trace.name]))


def summary(images: pd.DataFrame, state: pd.Series, dataset: Dataset, usable: Sequence[str]) -> str:
    """What the bars show, in a sentence."""
    counts = _usable(images, state, dataset, usable).items()
    return "Images with a mask: " + ", ".join(f"{c} {n:,} of {total:,}" for c, (n, total) in counts)


def _usable(
    images: pd.DataFrame, state: pd.Series, dataset: Dataset, usable: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Images with a mask, and images, of each class in order."""
    there = state.isin(usable).groupby(images["label"].astype(str)).agg(["sum", "size"])
    return {c: (int(there["sum"][c]), int(there["size"][c])) for c in dataset.classes}


def without(
    images: pd.DataFrame,
    state: pd.Series,
    reason: pd.Series,
    dataset: Dataset,
    *,
    usable: Sequence[str],
    first: str,
) -> None:
    """The images without a usable mask: list, CSV, thumbnails of the first; nothing without any.

    Args:
        images: from `cache.images`.
        state: (n,) of each image.
        reason: (n,) why it has no mask.
        dataset: of the images.
        usable: the states of images with a mask.
        first: the state that is listed first.
    """
    rows = np.flatnonzero(~state.isin(usable).to_numpy(bool))
    rows = rows[np.argsort(state.iloc[rows] != first, kind="stable")]
    if not len(rows):
        return
    with st.expander(f"The {plural(len(rows), 'image')} without a usable mask"):
        listed = images.iloc[rows][["path", "label", "source"]].assign(reason=reason.iloc[rows])
        tables.table(
            listed.dropna(axis="columns", how="all").rename(columns=HEADS),
            wide=["Reason"],
            alt="Images without a usable mask, with the reason",
        )
        tables.download(
            "Download the list (CSV)",
            lambda: listed.assign(image_id=images["image_id"], mask=images["mask"]),
            f"{dataset.name}-without-mask.csv",
        )
        shown = rows[:STRIP]
        thumbnails.grid(
            dataset,
            images["image_id"].iloc[shown].tolist(),
            state.iloc[shown].tolist(),
            key=f"unmasked_{dataset.name}",
            open_in=thumbnails.GALLERY,
            label="Images without a usable mask",
            side=100,
        )
        st.caption(
            f"The first {len(shown)} of {len(rows):,}. " * (len(shown) < len(rows))
            + "Click an image to see it large in the gallery."
        )
