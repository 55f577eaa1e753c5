"""Histograms page: the gray values of each group, the distances between groups, what masking changes."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.data.histograms import gray_cache, numbers, panels
from pages.data.histograms.gray_cache import MODALITIES, WHOLE, Selection
from pages.data.histograms.panels import GROUPINGS, PIXELS, choice
from pages.shared import data_page, lung_masks, preparations
from pages.shared.text import literal

SPLITS = ("train", "validation", "test")
MOST_GROUPS = 10  # as many as there are colours


def main() -> None:
    """Draw the page."""
    data = data_page.begin("Histograms")
    dataset, images = data.dataset, data.images
    st.markdown(
        "How often each gray value occurs. If two classes differ much in brightness, a model may "
        "tell them apart by that alone, without looking at the lungs.",
    )
    with st.container(horizontal=True, gap="medium"):
        by = _grouping(images)
        modality = None if by == "modality" else _modality(images)
        wanted = _pixels()
        masks = lung_masks.choice(dataset, wanted, "gray")
        view = choice("View", ("Overlay", "Small multiples"), "view") if wanted == WHOLE else ""
        scale = choice("Vertical scale", ("Linear", "Logarithmic"), "scale")
    try:
        selection = Selection(by, _names(dataset, images, by), modality, wanted, masks)
        if wanted != WHOLE and gray_cache.prepared(dataset, selection) is None:
            preparations.offer(dataset, gray_cache.preparation(selection))
        shown = panels.shown(dataset, data.index, selection)
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    if not shown.gray[WHOLE].profiles:
        st.info("None of these images can be used.")
        st.stop()
    panels.missing_images(images, shown)
    panels.lines(shown, multiples=view == "Small multiples", logarithmic=scale == "Logarithmic")
    panels.distances(shown)
    numbers.show(shown)


def _modality(images: pd.DataFrame) -> str | None:
    """X-ray or CT; None if there is only one of them."""
    kinds = [kind for kind in MODALITIES if (images["modality"] == kind).any()]
    if len(kinds) < 2:
        return None
    return st.segmented_control(
        "Kind of image",
        kinds,
        default=kinds[0],
        required=True,
        format_func=MODALITIES.__getitem__,
        key="gray_modality",
        bind="query-params",
        help="X-rays and CT slices differ in their gray values, so they are never mixed.",
    )


def _grouping(images: pd.DataFrame) -> str:
    useful = [c for c in GROUPINGS if c == "label" or images[c].nunique() > 1]
    if len(useful) < 2:
        return "label"
    return st.segmented_control(
        "One line per",
        useful,
        default="label",
        required=True,
        format_func=GROUPINGS.__getitem__,
        key="gray_by",
        bind="query-params",
        help="If the sources differ more than the classes, a model may learn the source.",
    )


def _pixels() -> str:
    """The region whose pixels are shown."""
    return st.selectbox(
        "Pixels",
        list(PIXELS),
        format_func=PIXELS.__getitem__,
        key="gray_pixels",
        bind="query-params",
        width=220,
        help="With lung masks: what remains of the differences in the lungs alone, or "
        "without the lungs.",
    )


def _names(dataset: Dataset, images: pd.DataFrame, by: str) -> tuple[str, ...]:
    """The groups in their order."""
    if by == "label":
        return dataset.classes
    ranked = list(map(str, gray_cache.groups(images, by).value_counts().index))
    if by == "split":
        return tuple(sorted(ranked, key=lambda s: SPLITS.index(s) if s in SPLITS else 9))
    if len(ranked) > MOST_GROUPS:
        st.caption(f"The {MOST_GROUPS} largest of {len(ranked)} groups are shown.")
    return tuple(ranked[:MOST_GROUPS])


main()
