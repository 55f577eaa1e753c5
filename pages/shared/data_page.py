"""How every page about a measured dataset begins: title, dataset, what cannot be read."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.index import Index
from pages.shared import cache, tables
from pages.shared.text import literal, plural


@dataclass(frozen=True, eq=False)
class Data:
    """The dataset of the sidebar, its index, and its table with the measurements beside it."""

    dataset: Dataset
    index: Index
    images: pd.DataFrame


def begin(title: str) -> Data:
    """Draw the title and the remarks on the dataset.

    Without a dataset, or while it is not measured, say what to do next and end the run.
    """
    st.title(title)
    dataset = cache.chosen_dataset()
    measured = cache.measured_index(dataset)
    _remarks(dataset, measured)
    return Data(dataset, measured, cache.images(dataset, measured))


def _remarks(dataset: Dataset, measured: Index) -> None:
    """The skipped and the damaged files, in a closed expander; nothing if there are none."""
    labels = dataset.table.set_index("image_id")["label"]
    damaged = measured.damaged.assign(label=lambda rows: rows["image_id"].map(labels))
    if damaged.empty and not dataset.notes:
        return
    parts = [f"{plural(len(damaged), 'image')} can't be read"] if len(damaged) else []
    parts += [plural(len(dataset.notes), "remark")] if dataset.notes else []
    with st.expander(f"{' and '.join(parts)} on this dataset", icon=":material/info:"):
        for note in dataset.notes:
            st.markdown(f"- {literal(note)}")
        if len(damaged):
            heads = {"path": "File", "label": "Class", "error": "Reason"}
            tables.table(
                damaged[list(heads)].rename(columns=heads),
                wide=["Reason"],
                alt="Images that can't be read, with the reason",
            )
