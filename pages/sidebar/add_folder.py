"""The small form of the sidebar that adds a folder; what it cannot tell is asked on a page."""

import streamlit as st

from cxrcore import datasets, work
from cxrcore.datasets import registry, roots
from cxrcore.errors import CxrError, DatasetError
from pages.sidebar import refusal, zip_upload

PAGE = "pages/data/add/page.py"
_VISITS = "add_visits"  # in the session: how often the form led to the page


def show() -> None:
    """Draw the form; a folder that leaves questions leads to the page "Add X-rays"."""
    # A new key closes it: on the way to the page it would stay open over it.
    visits = st.session_state.get(_VISITS, 0)
    with st.popover("Add your own X-rays", width="stretch", key=f"add_own_{visits}"):
        refusal.show()
        st.markdown(
            "A folder on this computer: **one sub-folder per class**, a table beside the images, or a "
            "public collection as it unpacks. Nothing is copied or changed."
        )
        with st.form("add_dataset", border=False):
            path = st.text_input("Folder", placeholder="/data/my-xrays").strip()
            name = st.text_input(
                "Short name", placeholder="my-xrays", help="Lower-case letters, digits, - and _."
            ).strip()
            add = st.form_submit_button("Add", type="primary")
            look = st.form_submit_button(
                "Look at it first", help="Shows columns and classes, and lets you correct them."
            )
        if add:
            _add(name, path)
        elif look:
            _to_page(name, path)
        zip_upload.show()


def _to_page(name: str, path: str) -> None:
    st.session_state.update(add_path=path, add_name=name)
    st.session_state[_VISITS] = st.session_state.get(_VISITS, 0) + 1
    st.switch_page(PAGE)


def _add(name: str, path: str) -> None:
    try:
        roots.allowed(path)
        registry.check_name(name)
    except CxrError as error:
        refusal.keep(error)
    try:
        dataset = datasets.register(name, path)
    except DatasetError:  # the page says what it is, and lets it be answered
        _to_page(name, path)
    try:
        st.session_state["next_dataset"] = dataset.name  # even if it can't be measured now
        work.submit_index(dataset.name)
    except CxrError as error:
        refusal.keep(error)
    refusal.clear()
    st.rerun()
