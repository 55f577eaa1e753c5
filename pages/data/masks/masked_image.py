"""One image with its lung mask: what each region makes of it, and small images to choose from."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import images
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.images import REGION_NAMES
from pages.data.masks import mask_cache
from pages.data.masks.mask_cache import UNUSABLE, WITH, WITHOUT, States, View
from pages.shared import cache, preparations, thumbnails
from pages.shared.text import literal

PER_PAGE = 10
ALL = ""
USUAL_SIZE = 224
REGION_TEXTS = {
    "none": "Everything, as in most studies. A model may also use what lies outside the lungs.",
    "lungs": "All but the lungs is black. Only lung tissue, and its outline, can decide.",
    "lungs-crop": "The smallest rectangle around the lungs, enlarged. Edges and most markers go; "
    "the heart stays.",
    "lungs-erased": "Only the lungs are black. A model that still scores well is not looking at "
    "lungs.",
    "border": "The rectangle around the lungs is black. Only the frame is left: a good score here "
    "comes from markers or from the scanner.",
}


def show(table: pd.DataFrame, found: States, dataset: Dataset) -> None:
    """Draw the section.

    Args:
        table: from `cached.images`.
        found: which of them have a mask.
        dataset: theirs; some of its images have masks.
    """
    st.subheader("Image, mask and what a model gets")
    rows, region, size = _choices(table, found, dataset)
    if not len(rows):
        st.info("No image matches. Choose another class or all images.")
        return
    image_id = _picker(table, rows, dataset)
    row = table.iloc[cache.places(dataset)[image_id]]
    st.markdown(f"**{literal(row['path'])}** · {literal(row['label'])}")
    try:
        view = mask_cache.view(dataset, image_id, size)
    except CxrError as error:
        st.warning(str(error))
        return
    _side_by_side(view, row, region, size)
    st.page_link(
        "pages/data/gallery/page.py",
        label="All about this image",
        icon=":material/arrow_forward:",
        query_params={"dataset": dataset.name, "image": image_id},
    )
    if view.problem is None:
        _regions(view, size)


def _choices(table: pd.DataFrame, found: States, dataset: Dataset) -> tuple[np.ndarray, str, int]:
    """Rows to choose from, the region, and the side in pixels."""
    states = [state for state in (WITH, WITHOUT, UNUSABLE) if (found.state == state).any()]
    sizes = preparations.sizes_of(dataset)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        wanted = st.selectbox(
            "Images",
            [ALL, *states],
            index=int(WITH in states),
            format_func=lambda state: state.capitalize() or "All",
            key=f"mask_state_{dataset.name}",
            width=180,
        )
        label = st.selectbox(
            "Class",
            [ALL, *dataset.classes],
            format_func=lambda name: name or "All",
            key=f"mask_class_{dataset.name}",
            width=220,
        )
        region = st.selectbox(
            "What a model gets",
            list(images.REGIONS),
            index=1,
            format_func=REGION_NAMES.__getitem__,
            key="mask_arm",
            bind="query-params",
            width=260,
        )
        size = st.selectbox(
            "Image side",
            sizes,
            index=sizes.index(USUAL_SIZE) if USUAL_SIZE in sizes else len(sizes) - 1,
            format_func="{} px".format,
            key="mask_size",
            bind="query-params",
            width=120,
            help="The sizes of the published models, and of the models trained on this dataset.",
        )
    keep = np.ones(len(table), bool)
    if wanted != ALL:
        keep &= (found.state == wanted).to_numpy(bool)
    if label != ALL:
        keep &= (table["label"] == label).to_numpy(bool)
    return np.flatnonzero(keep), str(region), int(size)


def _picker(table: pd.DataFrame, rows: np.ndarray, dataset: Dataset) -> str:
    """Small images to choose from; the one chosen by click or by the address, else the first."""
    ids = table["image_id"].to_numpy(object)[rows]
    wanted = _linked(dataset)
    known = np.flatnonzero(ids == wanted)
    place = int(known[0]) if len(known) else None
    # A new key for new filters, and after a jump, so that the page number starts anew.
    jumps = st.session_state.get("mask_jumps", 0)
    key = f"mask_page_{dataset.name}_{hash((rows.tobytes(), len(rows)))}_{jumps}"
    pages = math.ceil(len(rows) / PER_PAGE)
    first = 1 if place is None else place // PER_PAGE + 1
    page = st.session_state.get(key, first)  # drawn below, but what it says is known
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    chosen = wanted or str(table["image_id"].iloc[shown[0]])
    at = place if place is not None else (page - 1) * PER_PAGE
    picked = thumbnails.grid(
        dataset,
        table["image_id"].iloc[shown].tolist(),
        table["label"].iloc[shown].tolist(),
        key=f"masks_{dataset.name}",
        selected=chosen,
        label="Images; choose one to see its mask",
        side=86,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for name, icon, step in (("Previous", "back", -1), ("Next", "forward", 1)):
            st.button(
                name,
                icon=f":material/arrow_{icon}_ios:",
                icon_position="left" if step < 0 else "right",
                disabled=not 0 <= at + step < len(rows),
                on_click=_go,
                args=(dataset.name, ids[min(max(at + step, 0), len(ids) - 1)]),
            )
        if pages > 1:
            st.pagination(pages, default=first, key=key, width=320)
    if picked is not None and picked != chosen:
        _choose(dataset.name, picked)
        st.rerun()
    return chosen


def _choose(dataset: str, image_id: str) -> None:
    st.query_params["image"] = image_id
    st.session_state["image_of"] = dataset


def _go(dataset: str, image_id: str) -> None:
    """To a neighbour, and to the page of small images that it is on."""
    _choose(dataset, image_id)
    st.session_state["mask_jumps"] = st.session_state.get("mask_jumps", 0) + 1


def _linked(dataset: Dataset) -> str | None:
    """The image named in the address, if it is in the dataset."""
    wanted = st.query_params.get("image")
    if wanted is None or wanted in cache.places(dataset):
        return wanted
    if st.session_state.get("image_of", dataset.name) == dataset.name:
        st.warning(f"The image of this link, {literal(wanted)}, is not in {literal(dataset.name)}.")
    else:  # left in the address from the dataset looked at before
        del st.query_params["image"]
    return None


def _side_by_side(view: View, row: pd.Series, region: str, size: int) -> None:
    three = st.grid(3, min_column_width=140, gap="small")
    with three.cell():
        st.image(view.picture, width="stretch", alt=f"X-ray {row['path']}")
        outlined = ", the lungs outlined" if view.mask else ""
        st.caption(f"**Image**{outlined}. {view.size[0]:,} × {view.size[1]:,} px.")
    if view.mask is None:
        with three.cell():
            st.warning(literal(str(view.problem)), icon=":material/filter_center_focus:")
            st.caption("Trainings that need the lungs leave this image out.")
    else:
        with three.cell():
            st.image(view.mask, width="stretch", alt="Lung mask, white on the lungs")
            lungs = view.shown["lungs"]
            st.caption(f"**Mask**, {size} × {size} px. The lungs are {lungs:.0%} of the picture.")
    if region in view.regions:
        with three.cell():
            st.image(
                view.regions[region],
                width="stretch",
                alt=f"What a model gets: {REGION_NAMES[region]}",
            )
            st.caption(
                f"**What a model gets**: {REGION_NAMES[region].lower()}. {size} × {size} px."
            )


def _regions(view: View, size: int) -> None:
    st.markdown(f"**The five ways to show this image to a model**, {size} × {size} px each")
    five = st.grid(5, min_column_width=130, gap="small")
    for region, png in view.regions.items():
        with five.cell():
            st.image(png, width="stretch", alt=f"{REGION_NAMES[region]}: {REGION_TEXTS[region]}")
            st.markdown(f":small[**{REGION_NAMES[region]}**]")
            st.caption(f"{REGION_TEXTS[region]} Shows {view.shown[region]:.0%} of the picture.")
