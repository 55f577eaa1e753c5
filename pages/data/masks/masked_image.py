"""One image with its lung mask, what a model sees in each region, and thumbnails to choose from."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.images import REGION_NAMES, REGIONS
from cxrcore.pixels.mask_states import UNUSABLE, WITH_MASK, WITHOUT_MASK, MaskStates
from pages.data.masks import mask_cache
from pages.data.masks.mask_cache import View
from pages.shared import cache, preparations, thumbnails
from pages.shared.linked_image import link, linked_image
from pages.shared.text import literal

PER_PAGE = 10
ALL = ""
USUAL_SIZE = 224
REGION_TEXTS = {
    "none": "Everything, as in most studies. A model may also use what lies outside the lungs.",
    "lungs": "Everything but the lungs is black. Only lung tissue and its outline can decide.",
    "lungs-crop": "The smallest rectangle around the lungs, enlarged. Edges and most markers go, "
    "the heart stays.",
    "lungs-erased": "The lungs are black. A model that still scores well does not look at lungs.",
    "border": "The rectangle around the lungs is black. Only the frame remains: a good score here "
    "comes from markers or from the scanner.",
}


def show(images: pd.DataFrame, states: MaskStates, dataset: Dataset) -> None:
    """Draw the section.

    Args:
        images: from `cache.images`.
        states: which of them have a mask.
        dataset: of the images; some have masks.
    """
    st.subheader("Image, mask and what the model sees")
    rows, region, size = _choices(images, states, dataset)
    if not len(rows):
        st.info("No image matches. Choose another class, or all images.")
        return
    image_id = _picker(images, rows, dataset)
    row = images.iloc[cache.places(dataset)[image_id]]
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


def _choices(
    images: pd.DataFrame, states: MaskStates, dataset: Dataset
) -> tuple[np.ndarray, str, int]:
    """The rows to choose from, the region, and the side in pixels."""
    offered = [
        state for state in (WITH_MASK, WITHOUT_MASK, UNUSABLE) if (states.state == state).any()
    ]
    sizes = preparations.sizes_of(dataset)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        wanted = st.selectbox(
            "Images",
            [ALL, *offered],
            index=int(WITH_MASK in offered),
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
            "Region",
            list(REGIONS),
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
            help="The sizes of the published models and of the models trained on this dataset.",
        )
    keep = np.ones(len(images), bool)
    if wanted != ALL:
        keep &= (states.state == wanted).to_numpy(bool)
    if label != ALL:
        keep &= (images["label"] == label).to_numpy(bool)
    return np.flatnonzero(keep), str(region), int(size)


def _picker(images: pd.DataFrame, rows: np.ndarray, dataset: Dataset) -> str:
    """Thumbnails to choose from; the image chosen by a click or in the address, else the first."""
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
    picked = thumbnails.grid(
        dataset,
        images["image_id"].iloc[shown].tolist(),
        images["label"].iloc[shown].tolist(),
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
        link(dataset.name, picked)
        st.rerun()
    return chosen


def _go(dataset: str, image_id: str) -> None:
    """Go to a neighbour, and to the page of thumbnails that it is on."""
    link(dataset, image_id)
    st.session_state["mask_jumps"] = st.session_state.get("mask_jumps", 0) + 1


def _side_by_side(view: View, row: pd.Series, region: str, size: int) -> None:
    three = st.grid(3, min_column_width=140, gap="small")
    with three.cell():
        st.image(view.image, width="stretch", alt=f"X-ray {row['path']}")
        outlined = ", the lungs outlined" if view.mask else ""
        st.caption(f"**Image**{outlined}. {view.size[0]:,} × {view.size[1]:,} px.")
    if view.mask is None:
        with three.cell():
            st.warning(literal(str(view.problem)), icon=":material/filter_center_focus:")
            st.caption("Trainings that need the lungs exclude this image.")
    else:
        with three.cell():
            st.image(view.mask, width="stretch", alt="Lung mask, white on the lungs")
            lungs = view.shares["lungs"]
            st.caption(f"**Mask**, {size} × {size} px. The lungs are {lungs:.0%} of the image.")
    if region in view.regions:
        with three.cell():
            st.image(
                view.regions[region],
                width="stretch",
                alt=f"Region that the model sees: {REGION_NAMES[region]}",
            )
            st.caption(f"**Region**: {REGION_NAMES[region].lower()}. {size} × {size} px.")


def _regions(view: View, size: int) -> None:
    st.markdown(f"**The five ways to show this image to a model**, {size} × {size} px each")
    five = st.grid(5, min_column_width=130, gap="small")
    for region, png in view.regions.items():
        with five.cell():
            st.image(png, width="stretch", alt=f"{REGION_NAMES[region]}: {REGION_TEXTS[region]}")
            st.markdown(f":small[**{REGION_NAMES[region]}**]")
            st.caption(f"{REGION_TEXTS[region]} Shows {view.shares[region]:.0%} of the image.")
