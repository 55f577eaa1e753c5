"""Leaking test images, each beside the image it is known from."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.splits import Leak, Leaks
from pages.shared import cache, tables, thumbnails
from pages.shared.paging import paginate
from pages.shared.text import plural
from pages.shared.thumbnails import Group, Thumbnail

PER_PAGE = 12  # pairs
_REASONS = {
    "patient": "Same patient",
    "duplicate": "Duplicate",
    "both": "Same patient, duplicate",
}


def show(leaks: Leaks, dataset: Dataset, *, key: str) -> None:
    """Draw the pairs, and offer them as CSV.

    Args:
        leaks: of a split of the dataset.
        dataset: as it is now; images that it no longer has are counted.
        key: of the place.
    """
    places = cache.places(dataset)
    shown = [leak for leak in leaks.found if {leak.image_id, leak.partner} <= places.keys()]
    if gone := leaks.count - len(shown):
        st.caption(f"{plural(gone, 'image')} no longer in the dataset.")
    shown.sort(key=lambda leak: leak.why == "patient")  # duplicates are seen at a glance
    place, part = paginate(len(shown), PER_PAGE, key=f"{key}_page")
    if shown:
        with place:
            thumbnails.groups(
                [_group(leak, dataset) for leak in shown[part]],
                key=key,
                label="Test images beside the images they are known from",
            )
    tables.download(
        "Download the list (CSV)",
        lambda: _table(leaks, dataset),
        f"{dataset.name}-leaks.csv",
        key=f"{key}_csv",
    )


def _group(leak: Leak, dataset: Dataset) -> Group:
    places = cache.places(dataset)
    ends = (("Test", leak.image_id), ("Training or validation", leak.partner))
    return Group(
        _REASONS[leak.why],
        tuple(
            Thumbnail(
                dataset,
                image_id,
                (
                    role,
                    *thumbnails.description(dataset.table.iloc[places[image_id]], split=False),
                ),
            )
            for role, image_id in ends
        ),
    )


def _table(leaks: Leaks, dataset: Dataset) -> pd.DataFrame:
    table = pd.DataFrame([leak.model_dump() for leak in leaks.found])
    paths = dataset.table.set_index("image_id")["path"]
    table.insert(1, "path", table["image_id"].map(paths))
    table.insert(3, "partner_path", table["partner"].map(paths))
    return table
