"""The images that a limit leaves out, and those that cannot be used, with the reason and as CSV."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.pixels import Preparation
from pages.data.quality.quality_cache import Scored
from pages.shared import preparations
from pages.shared.text import plural

HEADS = {
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
    out: np.ndarray,
    limit: float,
    scored: Scored,
    dataset: Dataset,
    preparation: Preparation | None,
) -> None:
    """Draw the section.

    Args:
        images: from `cached.images`.
        out: (n,) bool, those above the limit.
        limit: BRISQUE score.
        scored: the scores, and which images cannot be used.
        dataset: for the names of files.
        preparation: which pixels were scored; None for the images as they are stored.
    """
    st.subheader("The images left out")
    table = images[["image_id", "path", "label", "source", "width", "height"]].copy()
    table["brisque"] = scored.scores
    gone = table[out].sort_values("brisque", ascending=False, kind="stable")
    with st.expander(f"The {plural(len(gone), 'image')} above {limit:.1f}"):
        if gone.empty:
            st.caption("None.")
        else:
            shown = gone[["path", "label", "source", "brisque", "width", "height"]]
            st.dataframe(
                shown.dropna(axis="columns", how="all").rename(columns=HEADS),
                hide_index=True,
                column_config={"BRISQUE": st.column_config.NumberColumn(format="%.1f")},
                alt="Images above the limit, the highest score first",
            )
    unusable = table[table["image_id"].isin(list(scored.reasons))].drop(columns="brisque")
    unusable["reason"] = unusable["image_id"].map(scored.reasons)
    if len(unusable):
        with st.expander(f"{plural(len(unusable), 'image')} not usable here"):
            st.dataframe(
                unusable[["path", "label", "reason"]].rename(columns=HEADS),
                hide_index=True,
                column_config={"Reason": st.column_config.TextColumn(width="large")},
                alt="Images that cannot be prepared, with the reason",
            )

    def left_out() -> str:
        above = gone.assign(
            reason=[f"BRISQUE {s:.1f} is above {limit:.1f}" for s in gone["brisque"]]
        )
        return pd.concat([above, unusable]).to_csv(index=False)

    pixels = "stored" if preparation is None else preparation.key()
    with st.container(horizontal=True, gap="large"):
        _download(
            "Download the images left out (CSV)", left_out, f"{dataset.name}-{pixels}-left-out.csv"
        )
        _download(
            "Download all scores (CSV)",
            lambda: table[["image_id", "path", "label", "source", "brisque"]].to_csv(index=False),
            f"{dataset.name}-{pixels}-brisque.csv",
        )
    st.caption(_training_note(preparation))


def _training_note(preparation: Preparation | None) -> str:
    how = "To train without poor images, set *Highest BRISQUE score* in the sidebar's form. "
    if preparation is None:
        return (
            f"{how}It is measured there on the picture as the model sees it, resized and masked; "
            f"choose *{preparations.PREPARED}* above to see those scores."
        )
    return (
        f"{how}A training at {preparations.in_words(preparation)}, cuts on exactly these scores, and "
        "its run keeps the list of what was left out and why."
    )


def _download(label: str, data: Callable[[], str], name: str) -> None:
    st.download_button(
        label,
        data,
        name,
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
