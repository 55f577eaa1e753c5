"""The image that the address names: `?image=` and its id."""

import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import cache
from pages.shared.text import literal


def linked_image(dataset: Dataset) -> str | None:
    """The id of the image in the address, if it is in the dataset; a stale link says so."""
    image_id = st.query_params.get("image")
    if image_id is None or image_id in cache.places(dataset):
        return image_id
    st.warning(
        f"The image of this link, {literal(image_id)}, is not in {literal(dataset.name)}. "
        "Choose the dataset it belongs to at the top."
    )
    return None
