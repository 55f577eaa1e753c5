"""Gallery page: what the dataset contains, and every image of it."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from pages.data.gallery import large_image
from pages.shared import cache, charts, data_page, thumbnails
from pages.shared.linked_image import linked_image
from pages.shared.paging import paginate

PER_PAGE = 24
UNKNOWN = "unknown"
PARTS = {"split": "Split", "source": "Source", "view": "View", "modality": "Kind"}
# name on the page -> column and whether it ascends; None is the order of the files
ORDERS: dict[str, tuple[str, bool] | None] = {
    "Mixed": ("image_id", True),  # a content hash: a shuffle that is always the same
    "File name": None,
    "BRISQUE, highest first": ("brisque", False),
    "BRISQUE, lowest first": ("brisque", True),
    "Brightest first": ("mean", False),
    "Darkest first": ("mean", True),
    "Largest first": ("width", False),
}


def main() -> None:
    """Draw the page."""
    data = data_page.begin("Gallery")
    dataset, images = data.dataset, data.images
    _overview(images, dataset)
    st.subheader("Images")
    rows = _filtered(images, dataset)
    if not len(rows):
        st.info("No image matches these filters. Remove one of them.")
        st.stop()
    halves = charts.halves()
    with halves.cell():
        image_id = _thumbnails(images, rows, dataset)
    with halves.cell():
        large_image.show(images, image_id, dataset)


def _overview(images: pd.DataFrame, dataset: Dataset) -> None:
    """How many images of each class, and how large they are."""
    halves = charts.halves()
    with halves.cell():
        st.subheader("Class balance")
        by = _bars_by(images, dataset)
        parts = None if by is None else images[by]
        fig = cache.figure(
            dataset,
            lambda: figures.class_balance(images["label"], dataset.classes, parts),
            "balance",
            by,
        )
        charts.plotly(
            fig,
            key="balance",
            alt="Images of each class: "
            + ", ".join(f"{name} {n:,}" for name, n in dataset.counts().items()),
        )
        st.caption(_patients(images))
    with halves.cell():
        st.subheader("Image sizes")
        fig = cache.figure(
            dataset,
            lambda: figures.image_sizes(
                images["width"], images["height"], images["label"], dataset.classes
            ),
            "sizes",
        )
        charts.plotly(
            fig,
            key="sizes",
            alt=f"Width against height. {_typical_size(images)}",
        )
        st.caption(f"{_typical_size(images)} Images on the dotted line are square.")


def _bars_by(images: pd.DataFrame, dataset: Dataset) -> str | None:
    """The column that divides the bars; only columns with more than one value are offered."""
    useful = [column for column in PARTS if images[column].nunique(dropna=False) > 1]
    if not useful:
        return None
    return st.segmented_control(
        "Divide the bars by",
        useful,
        default=useful[0],
        format_func=PARTS.__getitem__,
        key=f"bars_by_{dataset.name}",
    )


def _patients(images: pd.DataFrame) -> str:
    known = images["patient_id"].notna()
    patients = (
        "Patients are not known."
        if not known.any()
        else f"{images['patient_id'].nunique():,} patients are known, for {known.mean():.0%} of the images."
    )
    sources = images["source"].nunique()
    return f"{len(images):,} images. {patients}" + (f" {sources} sources." if sources > 1 else "")


def _typical_size(images: pd.DataFrame) -> str:
    sizes = images[["width", "height"]].dropna()
    if sizes.empty:
        return "No image could be read."
    width, height = sizes.median().astype(int)
    return f"The median size is {width} × {height} px."


def _filtered(images: pd.DataFrame, dataset: Dataset) -> np.ndarray:
    """Rows of `images` that pass the filters, in the order chosen."""
    offered = ["label", *(c for c in PARTS if images[c].nunique(dropna=False) > 1)]
    columns = st.columns(len(offered) + 1)
    keep = np.ones(len(images), bool)
    for place, column in zip(columns, offered, strict=False):
        values = images[column].astype(object).where(images[column].notna(), UNKNOWN)
        found = set(values.unique())
        options = list(dataset.classes) if column == "label" else sorted(found - {UNKNOWN})
        options += [UNKNOWN] if UNKNOWN in found and UNKNOWN not in options else []
        wanted = place.multiselect(
            "Class" if column == "label" else PARTS[column],
            options,
            placeholder="All",
            key=f"filter_{column}_{dataset.name}",
        )
        if wanted:
            keep &= values.isin(wanted).to_numpy(bool)
    order = ORDERS[columns[-1].selectbox("Order", list(ORDERS), key="order", help=_ORDER_HELP)]
    rows = np.flatnonzero(keep)
    if order is None:
        return rows
    column, ascending = order
    values = images[column].iloc[rows].reset_index(drop=True)
    return rows[values.sort_values(ascending=ascending, kind="stable").index.to_numpy()]


_ORDER_HELP = (
    "BRISQUE scores image quality and was made for photographs: the higher the score, the less an "
    "image looks like a good photograph. What it means for X-rays is uncertain."
)


def _thumbnails(images: pd.DataFrame, rows: np.ndarray, dataset: Dataset) -> str:
    """One page of thumbnails; the image chosen by a click or in the address, else the first."""
    ids = images["image_id"].to_numpy(object)[rows]
    linked = linked_image(dataset)
    place = np.flatnonzero(ids == linked)
    # A new key for new filters, so that the page number starts again (at the linked image).
    key = f"page_{dataset.name}_{hash((rows.tobytes(), len(rows)))}"
    slot, part = paginate(len(rows), PER_PAGE, key=key, first=int(place[0]) if len(place) else 0)
    shown = rows[part]
    chosen = linked or str(images["image_id"].iloc[shown[0]])
    with slot:
        picked = thumbnails.grid(
            dataset,
            images["image_id"].iloc[shown].tolist(),
            images["label"].iloc[shown].tolist(),
            key=f"sheet_{dataset.name}",
            selected=chosen,
            label="Images; choose one to see it large",
            side=100,
        )
    if picked is not None and picked != chosen:
        st.query_params["image"] = picked
        st.rerun()
    st.caption(
        f"Images {part.start + 1:,} to {part.start + len(shown):,} of {len(rows):,}. "
        "The colour of the upper edge is the class."
    )
    return chosen


main()
