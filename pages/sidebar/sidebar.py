"""The sidebar: the jobs, the training form, more X-rays; folded away while nothing runs."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import streamlit as st

from cxrcore import datasets, jobs, store, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.shared import cache
from pages.shared.text import literal
from pages.sidebar import add_folder, jobs_panel, removal, training_form


def initial_state() -> Literal["expanded", "collapsed"]:
    """Open where there is no dataset yet; otherwise the header has buttons that open it."""
    with contextlib.suppress(CxrError):
        if datasets.registered():
            return "collapsed"
    return "expanded"


def show() -> None:
    """Draw the sidebar for the dataset of the header, `st.session_state["dataset"]`."""
    with st.sidebar:
        dataset = None
        for problem in store.damaged_annotations().values():
            st.warning(literal(problem))
        with _errors_shown():
            dataset = _dataset()
        with st.container(key="jobs"), _errors_shown():
            jobs_panel.show()
        with st.container(key="form"), _errors_shown():
            if dataset is not None:
                training_form.show(dataset)
            add_folder.show()
            if datasets.registered():
                removal.offer(st.session_state["dataset"])


@contextlib.contextmanager
def _errors_shown() -> Iterator[None]:
    """Show an error of one part of the sidebar; the other parts still work."""
    try:
        yield
    except CxrError as error:
        st.error(literal(str(error)))


def _dataset() -> Dataset | None:
    """The chosen dataset with what is in it; without any, the demonstration is offered."""
    if not datasets.registered():
        st.subheader("Dataset")
        st.caption("None yet.")
        _start_demo()
        return None
    dataset = cache.dataset(st.session_state["dataset"])
    counts = dataset.counts()
    classes = "one class" if len(counts) == 1 else f"{len(counts)} classes"
    st.caption(
        f"**{literal(dataset.name)}**: {len(dataset.table):,} images in {classes}: "
        + ", ".join(f"{literal(label)} {n:,}" for label, n in counts.items())
    )
    return dataset


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
