"""Images as a model sees them: the choice of size and region, the pixels, the offer to prepare them."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from typing import NoReturn

import streamlit as st

from cxrcore import files, lungs, pixels, work
from cxrcore.datasets import Dataset
from cxrcore.images import REGION_NAMES
from cxrcore.models import RECIPES
from cxrcore.models.records import KERAS
from cxrcore.pixels import Pixels, Preparation
from pages.shared import cache, lung_masks, offers
from pages.shared.text import literal, plural

STORED, PREPARED = "As stored", "As a model sees them"


def choice(dataset: Dataset, key: str) -> Preparation | None:
    """Let a reader choose pixels: a preparation, or None for the images as they are stored.

    Args:
        dataset: of the images.
        key: of the page; the choice is part of the address.
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
            "model's square, and masked if the model gets only the lungs. A training with a limit "
            "on the score measures it there.",
        )
        if which == STORED:
            return None
        sizes = sizes_of(dataset)
        size = st.selectbox(
            "Image side",
            sizes,
            index=sizes.index(_default_size()),
            format_func="{} px".format,
            key=f"{key}_side",
            bind="query-params",
            width=140,
            help="The sizes of the published models and of the models trained on this dataset.",
        )
        region = st.selectbox(
            "Region",
            list(REGION_NAMES),
            format_func=REGION_NAMES.__getitem__,
            key=f"{key}_arm",
            bind="query-params",
            width=260,
        )
        masks = lung_masks.choice(dataset, region, key)
    return Preparation(size, region, masks)


def description(preparation: Preparation | None) -> str:
    """The pixels as a phrase: "the stored images", "200 px, cropped to the lungs"."""
    if preparation is None:
        return "the stored images"
    region = REGION_NAMES[preparation.region]
    remark = lung_masks.REMARKS[preparation.masks]
    return f"{preparation.size} px, {region[0].lower()}{region[1:]}" + (remark and f", {remark}")


def sizes_of(dataset: Dataset) -> list[int]:
    """Image sides in pixels that the recipes, or trained models of this dataset, use."""
    published = {r.image_size for r in RECIPES.values() if r.study != KERAS}
    trained = cache.runs_table(dataset.name)["image_size"].dropna()
    return sorted(published | set(map(int, trained)))


def _default_size() -> int:
    """That of the first published model with a limit on the score."""
    return next(r.image_size for r in RECIPES.values() if r.max_brisque is not None)


def measured_pixels(dataset: Dataset, preparation: Preparation) -> Pixels | None:
    """The prepared images with their scores and histograms; None while they are not made.

    Raises:
        StoreError: they are damaged.
    """
    stamps = pixels.stamp(), lungs.stamp()
    found = _pixels(dataset, preparation, cache.token(dataset), stamps)
    return found if found is not None and found.measured else None


@st.cache_resource(max_entries=24, show_spinner=False)
def _pixels(
    _dataset: Dataset, preparation: Preparation, token: str, stamps: tuple[files.Stamp, files.Stamp]
) -> Pixels | None:
    return pixels.find(_dataset, preparation)


def offer(dataset: Dataset, preparation: Preparation) -> NoReturn:
    """Offer to prepare and measure the images, or show how far that is; ends the run."""
    size, region, masks = preparation.size, preparation.region, preparation.masks
    lacking = masks != lungs.GIVEN and lung_masks.estimates(dataset) is None
    first = " Their lungs are looked for first." if lacking else ""
    offers.required(
        work.find("pixels", dataset=dataset.name, size=size, region=region, masks=masks),
        doing="The images are being prepared and measured.",
        offer=f"**The images of {literal(dataset.name)} are not prepared yet** "
        f"({description(preparation)}).{first} This is done once, takes minutes for many thousands of "
        "images, and can be stopped and continued. A training uses the same images.",
        button=f"Prepare {plural(len(dataset.table), 'image')}",
        icon=":material/photo_size_select_large:",
        failed="preparation",
        submit=lambda: work.submit_pixels(dataset.name, size, region, masks),
    )
