"""A zip of class folders, added from the visitor's own computer."""

import streamlit as st

from cxrcore import work
from cxrcore.datasets import uploads
from cxrcore.errors import CxrError
from pages.sidebar import refusal


def show() -> None:
    """Draw the form."""
    with st.form("add_zip", border=False, clear_on_submit=True):
        file = st.file_uploader(
            "Or a zip of class folders from your computer",
            type="zip",
            help="It is unpacked into the data folder of this server.",
        )
        name = st.text_input("Short name", placeholder="my-xrays", key="zip_name")
        if not st.form_submit_button("Upload and add") or file is None:
            return
    try:
        dataset = uploads.add(name.strip(), file.getvalue())
        work.submit_index(dataset.name)
    except CxrError as error:
        refusal.keep(error)
        return
    refusal.clear()
    st.session_state["next_dataset"] = dataset.name
    st.rerun()
