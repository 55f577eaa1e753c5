"""The forms in which a dataset may bring its own masks."""

import streamlit as st

from pages.shared import charts


def show() -> None:
    """Say where masks are found and what they look like."""
    st.markdown(
        "Masks that people drew are found automatically, in one of three forms, and are used before "
        "estimated ones:"
    )
    places = charts.halves()
    with places.cell():
        st.markdown("**A mask image for each image**, white on the lungs, with the same name:")
        st.code(
            "Normal/images/0001.png\nNormal/masks/0001.png\n"
            "Pneumonia/images/0002.png\nPneumonia/masks/0002.png",
            language=None,
        )
    with places.cell():
        st.markdown(
            "**Darwin JSON** (V7) with polygons named `Lung` in a folder `annotations`.\n\n"
            "**A table** (CSV) with a column `mask` that names a mask image for each image:"
        )
        st.code(
            "path,label,mask\n0001.png,Normal,masks/0001.png\n0002.png,Pneumonia,masks/0002.png",
            language=None,
        )
    st.caption(
        "A mask may be smaller or larger than its image, but must have the same proportions. This "
        "page shows new masks at once."
    )
