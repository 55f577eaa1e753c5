"""The film that the page shows: filters, an order, and thumbnails to choose from."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import thumbnails
from pages.shared.linked_image import linked_image
from pages.shared.text import shown

PER_PAGE = 10
ALL = ""


def rows(
    images: pd.DataFrame,
    dataset: Dataset,
    states: pd.Series,
    *,
    former: pd.Series | None = None,
    names: Sequence[str],
    first: str = ALL,
    orders: Mapping[str, pd.Series | None],
    key: str,
) -> np.ndarray:
    """Filters by state and class, and the order; the rows of `images` that remain.

    Args:
        images: from `cache.images`.
        dataset: of the images.
        states: (n,) what is known of each image's mask.
        former: (n,) what was known before; an image is listed under both.
        names: of states, in the order in which they are offered.
        first: the state that is chosen at first.
        orders: name -> (n,) numbers, the lowest first, or None for the order of the files.
        key: of the widgets.
    """
    offered = [ALL, *(state for state in names if (states == state).any())]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        state = st.selectbox(
            "Images",
            offered,
            index=offered.index(first) if first in offered else 0,
            format_func=lambda state: state.capitalize() or "All",
            key=f"{key}_state_{dataset.name}",
            width=200,
        )
        label = st.selectbox(
            "Class",
            [ALL, *dataset.classes],
            format_func=lambda name: shown(name) or "All",
            key=f"{key}_class_{dataset.name}",
            width=220,
        )
        order = next(iter(orders))
        if len(orders) > 1:
            order = st.selectbox(
                "Order", list(orders), key=f"{key}_order", bind="query-params", width=240
            )
    keep = np.ones(len(images), bool)
    if state != ALL:
        keep &= (states == state).to_numpy(bool)
        if former is not None:
            keep |= (former == state).to_numpy(bool)
    if label != ALL:
        keep &= (images["label"] == label).to_numpy(bool)
    kept = np.flatnonzero(keep)
    numbers = orders[order]
    if numbers is None:
        return kept
    values = numbers.iloc[kept].to_numpy(np.float64, na_value=np.nan)
    return kept[np.argsort(values, kind="stable")]  # those without a number come last


def pick(
    images: pd.DataFrame,
    rows: np.ndarray,
    dataset: Dataset,
    caption: Callable[[int], str],
    picture: Callable[[str], bytes] | None = None,
) -> str:
    """Thumbnails to choose from; the image chosen by a click or in the address, else the first.

    Args:
        images: from `cache.images`.
        rows: of them, at least one.
        dataset: of the images.
        caption: of a row of `images`, a line or two.
        picture: makes the JPEG of an image; its thumbnail if None.
    """
    ids = images["image_id"].to_numpy(object)[rows]
    wanted = linked_image(dataset)
    known = np.flatnonzero(ids == wanted)
    place = int(known[0]) if len(known) else None
    # A new key for new filters, and after a jump, so that the page number starts again.
    jumps = st.session_state.get("mask_jumps", 0)
    key = f"mask_page_{dataset.name}_{hash((rows.tobytes(), len(rows)))}_{jumps}"
    pages = math.ceil(len(rows) / PER_PAGE)
    first = 1 if place is None else place // PER_PAGE + 1
    page = st.session_state.get(key, first)  # drawn below, but what it says is known
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    chosen = wanted or str(images["image_id"].iloc[shown[0]])
    at = place if place is not None else (page - 1) * PER_PAGE
    shown_ids = images["image_id"].iloc[shown].tolist()
    picked = thumbnails.grid(
        dataset,
        shown_ids,
        [caption(int(row)) for row in shown],
        key=f"masks_{dataset.name}",
        selected=chosen,
        label="Images; choose one to see its mask",
        side=86 if picture is None else 110,
        jpegs=[picture(image_id) for image_id in shown_ids] if picture else (),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for name, icon, step in (("Previous", "back", -1), ("Next", "forward", 1)):
            st.button(
                name,
                icon=f":material/arrow_{icon}_ios:",
                icon_position="left" if step < 0 else "right",
                disabled=not 0 <= at + step < len(rows),
                on_click=_go,
                args=(ids[min(max(at + step, 0), len(ids) - 1)],),
            )
        if pages > 1:
            st.pagination(pages, default=first, key=key, width=320)
    if picked is not None and picked != chosen:
        st.query_params["image"] = picked
        st.rerun()
    return chosen


def _go(image_id: str) -> None:
    """Go to a neighbour, and to the page of thumbnails that it is on."""
    st.query_params["image"] = image_id
    st.session_state["mask_jumps"] = st.session_state.get("mask_jumps", 0) + 1
