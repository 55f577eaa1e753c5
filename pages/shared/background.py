"""What runs lack and a page shows: made in the background without being asked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import streamlit as st

from cxrcore import work
from cxrcore.datasets import Dataset
from cxrcore.jobs import Job
from cxrcore.store import Run
from pages.shared import offers
from pages.shared.text import literal

# Looked up at each call: tests put others in their place.
_SUBMIT: Mapping[str, Callable[[str], Job]] = {
    "examples": lambda name: work.submit_examples(name),
    "profiles": lambda name: work.submit_profiles(name),
}


def make_missing(kind: str, lacking: Sequence[Run], dataset: Dataset) -> bool:
    """Ask once a session for what some runs lack; whether it is coming.

    What could not be made is not tried again until someone asks for it, see `again`.

    Args:
        kind: of the job, "examples" or "profiles"; it looks after all runs of the dataset.
        lacking: the runs; those whose network cannot be looked into never have it.
        dataset: of the runs.

    Raises:
        JobError, StoreError: the job cannot be started.
    """
    asked: set[str] = st.session_state.setdefault(f"{kind}_asked", set())
    lacking = [run for run in lacking if run.has_layers]
    new = {run.run_id for run in lacking} - asked
    # One that is active may not know them yet.
    if new and not active(kind, dataset) and _failed(kind, lacking, dataset) is None:
        asked |= new
        _SUBMIT[kind](dataset.name)
    return bool(lacking) and active(kind, dataset)


def active(kind: str, dataset: Dataset) -> bool:
    """Whether it is being made now."""
    job = work.find(kind, dataset=dataset.name)
    return job is not None and job.active


def again(kind: str, lacking: Sequence[Run], dataset: Dataset) -> None:
    """Say why some runs still lack it, and offer to try again; nothing where that is not so."""
    lacking = [run for run in lacking if run.has_layers]
    if job := _failed(kind, lacking, dataset):
        st.caption(f":material/warning: {literal(job.message)}")
        offers.start("Try again", lambda: _SUBMIT[kind](dataset.name), icon=":material/refresh:")


def _failed(kind: str, lacking: Sequence[Run], dataset: Dataset) -> Job | None:
    """The job that has ended without it, though it was submitted after the runs were there."""
    job = work.find(kind, dataset=dataset.name)
    if job is None or job.active or not lacking:
        return None
    if job.state == "done" and not all(run.run_id in job.message for run in lacking):
        return None  # made once, and lost or out of date since
    newest = max(datetime.fromisoformat(run.created) for run in lacking)
    return job if job.submitted > newest else None
