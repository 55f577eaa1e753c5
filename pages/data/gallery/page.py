"""Gallery page: what is in the dataset, and every image of it."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.shared import cache, charts, details, thumbnails
from pages.shared.text import literal

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
    st.title("Gallery")
    dataset = cache.chosen_dataset()
    measured = cache.measured_index(dataset)
    images = cache.images(dataset, measured)
    details.remarks(dataset, measured)
    _overview(images, dataset)
    st.subheader("Images")
    rows = _filtered(images, dataset)
    if not len(rows):
        st.info("No image matches these filters. Take one of them away.")
        st.stop()
    halves = charts.halves()
    with halves.cell():
        image_id = _sheet(images, rows, dataset)
    with halves.cell():
        _large(images, image_id, dataset)


def _overview(images: pd.DataFrame, dataset: Dataset) -> None:
    """How many of what, and how large."""
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
        st.caption(_people(images))
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
        st.caption(f"{_typical_size(images)} The dotted line is a square picture.")


def _bars_by(images: pd.DataFrame, dataset: Dataset) -> str | None:
    """The column that divides the bars; only those with something to tell are offered."""
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


def _people(images: pd.DataFrame) -> str:
    known = images["patient_id"].notna()
    people = (
        "Patients are not known."
        if not known.any()
        else f"{images['patient_id'].nunique():,} patients are known, for {known.mean():.0%} of the images."
    )
    sources = images["source"].nunique()
    where = f" {sources} sources." if sources > 1 else ""
    return f"{len(images):,} images. {people}{where}"


def _typical_size(images: pd.DataFrame) -> str:
    sizes = images[["width", "height"]].dropna()
    if sizes.empty:
        return "No image could be read."
    width, height = sizes.median().astype(int)
    return f"The median is {width} × {height} px."


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
    "BRISQUE is a score of image quality that was made for photographs: the higher, the less a "
    "picture looks like a good photograph. What it means for X-rays is uncertain."
)


def _sheet(images: pd.DataFrame, rows: np.ndarray, dataset: Dataset) -> str:
    """One page of thumbnails; the image chosen by click or by the address, else the first."""
    ids = images["image_id"].to_numpy(object)[rows]
    wanted = _linked(dataset)
    known = np.flatnonzero(ids == wanted)
    pages = math.ceil(len(rows) / PER_PAGE)
    # A new key for new filters, so that the page number starts anew (at the linked image).
    key = f"page_{dataset.name}_{hash((rows.tobytes(), len(rows)))}"
    slot = st.container()
    page = 1
    if pages > 1:
        first = int(known[0]) // PER_PAGE + 1 if len(known) else 1
        page = st.pagination(pages, default=first, key=key)
    start = (page - 1) * PER_PAGE
    shown = rows[start : start + PER_PAGE]
    chosen = wanted or str(images["image_id"].iloc[shown[0]])
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
        st.session_state["image_of"] = dataset.name
        st.rerun()
    st.caption(
        f"Images {start + 1:,} to {start + len(shown):,} of {len(rows):,}. "
        "The colour of the upper edge is the class."
    )
    return chosen


def _linked(dataset: Dataset) -> str | None:
    """The image named in the address, if it is in the dataset."""
    wanted = st.query_params.get("image")
    if wanted is None or wanted in cache.places(dataset):
        return wanted
    if st.session_state.get("image_of", dataset.name) == dataset.name:
        st.warning(
            f"The image of this link, {literal(wanted)}, is not in {literal(dataset.name)}. "
            "Choose the dataset it belongs to in the sidebar."
        )
    else:  # left in the address from the dataset looked at before
        del st.query_params["image"]
    return None


def _large(images: pd.DataFrame, image_id: str, dataset: Dataset) -> None:
    """One image with its row of facts."""
    row = images.iloc[cache.places(dataset)[image_id]]
    try:
        st.image(
            cache.picture(dataset, image_id),
            width="stretch",
            alt=f"Chest X-ray of class {row['label']}, file {row['path']}",
        )
    except CxrError as error:
        st.warning(str(error))
    st.table(details.of_image(row, images), border="horizontal", hide_header=True, alt="Facts")
    st.page_link(
        "pages/predict/live/page.py",
        label="What do the models say?",
        icon=":material/arrow_forward:",
        query_params={"dataset": dataset.name, "image": image_id},
    )


main()
