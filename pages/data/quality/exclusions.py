"""The images that a limit excludes, and those that cannot be used, with the reason and as CSV."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.pixels import Preparation
from pages.data.quality.quality_cache import Scores
from pages.shared import preparations, tables
from pages.shared.text import plural

_HEADS = {
    "path": "File",
    "label": "Class",
    "source": "Source",
    "brisque": "BRISQUE",
    "width": "Width",
    "height": "Height",
    "reason": "Reason",
}


def show(
    images: pd.DataFrame,
    excluded: np.ndarray,
    limit: float,
    scores: Scores,
    dataset: Dataset,
    preparation: Preparation | None,
) -> None:
    """Draw the section.

    Args:
        images: from `cache.images`.
        excluded: (n,) bool, those above the limit.
        limit: BRISQUE score.
        scores: of the images, and which of them cannot be used.
        dataset: of the images.
        preparation: of the scored pixels; None for the images as they are stored.
    """
    st.subheader("Excluded images")
    table = images[["image_id", "path", "label", "source", "width", "height"]].copy()
    table["brisque"] = scores.values
    above = table[excluded].sort_values("brisque", ascending=False, kind="stable")
    with st.expander(f"The {plural(len(above), 'image')} above {limit:.1f}"):
        if above.empty:
            st.caption("None.")
        else:
            shown = above[["path", "label", "source", "brisque", "width", "height"]]
            tables.table(
                shown.dropna(axis="columns", how="all").rename(columns=_HEADS),
                formats={"BRISQUE": "%.1f"},
                alt="Images above the limit, the highest score first",
            )
    unusable = table[table["image_id"].isin(list(scores.unusable))].drop(columns="brisque")
    unusable["reason"] = unusable["image_id"].map(scores.unusable)
    if len(unusable):
        with st.expander(f"{plural(len(unusable), 'image')} that can't be used"):
            tables.table(
                unusable[["path", "label", "reason"]].rename(columns=_HEADS),
                wide=["Reason"],
                alt="Images that can't be prepared, with the reason",
            )

    def all_excluded() -> pd.DataFrame:
        reasons = [f"BRISQUE {score:.1f} is above {limit:.1f}" for score in above["brisque"]]
        return pd.concat([above.assign(reason=reasons), unusable])

    name = f"{dataset.name}-{'stored' if preparation is None else preparation.key()}"
    with st.container(horizontal=True, gap="large"):
        tables.download("Download the excluded images (CSV)", all_excluded, f"{name}-excluded.csv")
        tables.download(
            "Download all scores (CSV)",
            lambda: table[["image_id", "path", "label", "source", "brisque"]],
            f"{name}-brisque.csv",
        )
    st.caption(_training_note(preparation))


def _training_note(preparation: Preparation | None) -> str:
    advice = "To train without poor images, set *Highest BRISQUE score* in the sidebar's form. "
    if preparation is None:
        return (
            f"{advice}A training scores the image as the model sees it, resized and masked; choose "
            f"*{preparations.PREPARED}* above to see those scores."
        )
    return (
        f"{advice}A training at {preparations.description(preparation)}, applies the limit to "
        "exactly these scores; its run lists what was excluded and why."
    )
