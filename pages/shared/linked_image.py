"""The image that the address names: `?image=` and its id."""

import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import cache
from pages.shared.text import literal

_DATASET = "image_of"  # in the session: the dataset of the image in the address


def linked_image(dataset: Dataset) -> str | None:
    """The id of the image in the address, if it is in the dataset; a stale link says so."""
    image_id = st.query_params.get("image")
    if image_id is None or image_id in cache.places(dataset):
        return image_id
    if st.session_state.get(_DATASET, dataset.name) == dataset.name:
        st.warning(
            f"The image of this link, {literal(image_id)}, is not in {literal(dataset.name)}. "
            "Choose the dataset it belongs to in the sidebar."
        )
    else:  # left in the address from the dataset looked at before
        del st.query_params["image"]
    return None


def link(dataset: str, image_id: str) -> None:
    """Put an image into the address, so that it can be passed on."""
    st.query_params["image"] = image_id
    st.session_state[_DATASET] = dataset
