"""One image with its lung mask, and what a model sees in each region."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.images import REGION_NAMES, REGIONS
from pages.data.masks import mask_cache, outlines
from pages.data.masks.mask_cache import View
from pages.shared import preparations
from pages.shared.text import literal

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


def title(row: pd.Series, remark: str = "") -> None:
    """File and class of an image, and a remark as plain text."""
    more = f" · {literal(remark)}" if remark else ""
    st.markdown(f"**{literal(row['path'])}** · {literal(row['label'])}{more}")


def show(
    row: pd.Series,
    dataset: Dataset,
    *,
    name: str = "Mask",
    colour: str = outlines.OWN,
    reason: str | None = None,
    between: Callable[[], None] | None = None,
) -> None:
    """Draw one image with its mask, and what each region shows of it.

    Args:
        row: of `cache.images`.
        dataset: of the image, with the masks to show.
        name: of the mask, such as "Estimated mask".
        colour: of its outline.
        reason: why the image has no mask, where the masks do not say it themselves.
        between: draws what comes between the image and the regions.
    """
    region, size = _choices(dataset)
    try:
        view = mask_cache.view(dataset, str(row["image_id"]), size, colour)
    except CxrError as error:
        st.warning(literal(str(error)))
        return
    _side_by_side(view, row, region, size, name, reason or view.problem)
    st.page_link(
        "pages/data/gallery/page.py",
        label="All about this image",
        icon=":material/arrow_forward:",
        query_params={"dataset": dataset.name, "image": str(row["image_id"])},
    )
    if between is not None:
        between()
    if view.problem is None:
        _regions(view, size, name)


def _choices(dataset: Dataset) -> tuple[str, int]:
    """The region, and the side in pixels."""
    sizes = preparations.sizes_of(dataset)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
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
    return str(region), int(size)


def _side_by_side(
    view: View, row: pd.Series, region: str, size: int, name: str, problem: str | None
) -> None:
    three = st.grid(3, min_column_width=140, gap="small")
    with three.cell():
        st.image(view.image, width="stretch", alt=f"X-ray {row['path']}")
        outlined = ", the lungs outlined" if view.mask else ""
        st.caption(f"**Image**{outlined}. {view.size[0]:,} × {view.size[1]:,} px.")
    if view.mask is None:
        with three.cell():
            st.warning(literal(str(problem)), icon=":material/filter_center_focus:")
            st.caption("Trainings that need the lungs exclude this image.")
    else:
        with three.cell():
            st.image(view.mask, width="stretch", alt=f"{name} of the lungs, white on them")
            lungs = view.shares["lungs"]
            st.caption(f"**{name}**, {size} × {size} px. The lungs are {lungs:.0%} of the image.")
    if region in view.regions:
        with three.cell():
            st.image(
                view.regions[region],
                width="stretch",
                alt=f"Region that the model sees: {REGION_NAMES[region]}",
            )
            st.caption(f"**Region**: {REGION_NAMES[region].lower()}. {size} × {size} px.")


def _regions(view: View, size: int, name: str) -> None:
    st.markdown(
        f"**The five ways to show this image to a model**, {size} × {size} px each, "
        f"by the {name.lower()}"
    )
    five = st.grid(5, min_column_width=130, gap="small")
    for region, png in view.regions.items():
        with five.cell():
            st.image(png, width="stretch", alt=f"{REGION_NAMES[region]}: {REGION_TEXTS[region]}")
            st.markdown(f":small[**{REGION_NAMES[region]}**]")
            st.caption(f"{REGION_TEXTS[region]} Shows {view.shares[region]:.0%} of the image.")
