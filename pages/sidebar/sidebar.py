"""The sidebar: the dataset, the jobs, the training form."""

import contextlib
from collections.abc import Iterator

import streamlit as st

from cxrcore import datasets, jobs, work
from cxrcore.errors import CxrError
from pages.shared import cache
from pages.sidebar import jobs_panel, training_form


def show() -> None:
    """Draw the sidebar; the chosen dataset is `st.session_state["dataset"]`."""
    with st.sidebar:
        name = None
        with _errors_shown():
            name = _pick_dataset()
        with _errors_shown():
            jobs_panel.show()
        if name is not None:
            with _errors_shown():
                training_form.show(cache.dataset(name))


@contextlib.contextmanager
def _errors_shown() -> Iterator[None]:
    """Show an error of one part of the sidebar; the other parts still work."""
    try:
        yield
    except CxrError as error:
        st.error(str(error))


def _pick_dataset() -> str | None:
    names = [entry.name for entry in datasets.registered()]
    if not names:
        st.subheader("Dataset")
        st.caption("None yet.")
        _start_demo()
        _add_folder()
        return None
    if (chosen := st.session_state.pop("next_dataset", None)) in names:
        st.session_state["dataset"] = chosen
    name = st.selectbox("Dataset", names, key="dataset", bind="query-params")
    try:
        dataset = cache.dataset(name)
    except CxrError as error:
        st.error(str(error))
        _add_folder()
        return None
    counts = dataset.counts()
    classes = "one class" if len(counts) == 1 else f"{len(counts)} classes"
    st.caption(
        f"{len(dataset.table):,} images in {classes}: "
        + ", ".join(f"{label} {n:,}" for label, n in counts.items())
    )
    _add_folder()
    return name


def _start_demo() -> None:
    """Offer the demonstration while there is no dataset."""
    active = any(job.kind == "demo" and job.active for job in jobs.list_jobs())
    if st.button(
        "Make the demonstration",
        type="primary",
        width="stretch",
        disabled=active,
        help="Simulates about 480 chest X-rays and trains three models on them, in about two minutes.",
    ):
        with _errors_shown():
            work.submit_demo()
            st.rerun()


def _add_folder() -> None:
    with st.popover("Add your own X-rays", width="stretch"):
        st.markdown(
            "A folder on this computer with **one sub-folder per class**. Nothing is copied or changed."
        )
        with st.form("add_dataset", border=False):
            path = st.text_input("Folder", placeholder="/data/my-xrays")
            name = st.text_input(
                "Short name", placeholder="my-xrays", help="Lower-case letters, digits, - and _."
            )
            if not st.form_submit_button("Add", type="primary"):
                return
        with _errors_shown():
            dataset = datasets.register(name.strip(), path.strip())
            st.session_state["next_dataset"] = dataset.name  # even if it can't be measured now
            work.submit_index(dataset.name)
            st.rerun()
