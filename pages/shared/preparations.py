"""Images as a model sees them: which size and region, and the offer to make them."""

from typing import NoReturn

import streamlit as st

from cxrcore import work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.images import REGION_NAMES
from cxrcore.models import RECIPES
from cxrcore.pixels import Preparation
from pages.shared import cache, waiting
from pages.shared.text import literal, plural

STORED, PREPARED = "As stored", "As a model sees them"


def choice(dataset: Dataset, key: str) -> Preparation | None:
    """Which pixels: a preparation, or None for the images as they are stored.

    Args:
        dataset: its regions are offered if it has lung masks.
        key: of the page; what is chosen is in the address.
    """
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        which = st.segmented_control(
            "Pixels",
            [STORED, PREPARED],
            default=STORED,
            required=True,
            key=f"{key}_pixels",
            bind="query-params",
            help="As stored: each file at its own size. As a model sees them: resized to the "
            "model's square, and masked where a model is given only the lungs. A training that "
            "leaves out images by their score measures it there.",
        )
        if which == STORED:
            return None
        sizes = sizes_of(dataset)
        size = st.selectbox(
            "Image side",
            sizes,
            index=sizes.index(_usual_size()),
            format_func="{} px".format,
            key=f"{key}_side",
            bind="query-params",
            width=140,
            help="The sizes of the published models, and of the models trained on this dataset.",
        )
        region = "none"
        if dataset.table["mask"].notna().any():
            region = st.selectbox(
                "What is shown",
                list(REGION_NAMES),
                format_func=REGION_NAMES.__getitem__,
                key=f"{key}_arm",
                bind="query-params",
                width=260,
            )
    return Preparation(size, region)


def in_words(preparation: Preparation | None) -> str:
    """The pixels as a phrase: "the stored images", "200 px, lungs only, black outside"."""
    if preparation is None:
        return "the stored images"
    region = REGION_NAMES[preparation.region]
    return f"{preparation.size} px, {region[0].lower()}{region[1:]}"


def sizes_of(dataset: Dataset) -> list[int]:
    """Image sides in pixels that the recipes, or trained models of this dataset, use."""
    trained = cache.runs_table(dataset.name)["image_size"].dropna()
    return sorted({recipe.image_size for recipe in RECIPES.values()} | set(map(int, trained)))


def _usual_size() -> int:
    """The size of the first published model that leaves out images by their score."""
    return next(r.image_size for r in RECIPES.values() if r.max_brisque is not None)


def offer(dataset: Dataset, preparation: Preparation) -> NoReturn:
    """Offer to prepare and measure the images, show how far it is; ends the run."""
    details = {"size": preparation.size, "region": preparation.region}
    job = work.find("pixels", dataset=dataset.name, **details)
    doing = "The images are being prepared and measured."
    ended = waiting.follow_if_active(job, doing, ":material/photo_size_select_large:")
    many = plural(len(dataset.table), "image")
    st.info(
        f"**The images of {literal(dataset.name)} are still to be prepared** "
        f"({in_words(preparation)}) and measured. This is done once, takes minutes for many "
        "thousands of images, and can be stopped and continued. A training uses the same images.",
        icon=":material/photo_size_select_large:",
    )
    if ended:
        st.warning(f"The last preparation ended early. {ended.message}")
    if st.button(f"Prepare {many}", type="primary"):
        try:
            work.submit_pixels(dataset.name, preparation.size, preparation.region)
        except CxrError as error:
            st.error(str(error))
            st.stop()
        st.rerun()
    st.stop()
