"""Lung masks page: the dataset's own masks, estimated ones, or both; what each region shows."""

import streamlit as st

from pages.data.masks import agreement, estimated_masks, own_masks
from pages.shared import data_page, lung_masks

OWN, ESTIMATED, BOTH = "The dataset's own", "Estimated", "Both, side by side"


def main() -> None:
    """Draw the page."""
    data = data_page.begin("Lung masks")
    dataset, images = data.dataset, data.images
    st.markdown(
        "A lung mask says which pixels of an image are lung. With masks, a model can be trained on "
        "the lungs alone, or tested for whether it scores **without** seeing them."
    )
    view = ESTIMATED
    if lung_masks.has_own(dataset):
        view = st.segmented_control(
            "Masks",
            [OWN, ESTIMATED, BOTH],
            default=OWN,
            required=True,
            key="mask_view",
            bind="query-params",
            help="Estimated: drawn by a network in this program, also where the dataset has none.",
        )
    if view == OWN:
        own_masks.show(images, dataset)
    elif (found := estimated_masks.found(dataset)) is None:
        return
    elif view == ESTIMATED:
        estimated_masks.show(images, dataset, found)
    else:
        agreement.show(images, dataset, found)


main()
