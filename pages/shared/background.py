"""What runs lack and a page shows: made in the background without being asked."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from cxrcore import work
from cxrcore.datasets import Dataset
from cxrcore.jobs import Job
from cxrcore.store import Run

# Looked up at each call: tests put others in their place.
_SUBMIT: Mapping[str, Callable[[str], Job]] = {
    "examples": lambda name: work.submit_examples(name),
    "profiles": lambda name: work.submit_profiles(name),
}


def make_missing(kind: str, lacking: Sequence[Run], dataset: Dataset) -> bool:
    """Ask once a session for what some runs lack; whether it is coming.

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
    if new and not active(kind, dataset):  # one that is active may not know them yet
        asked |= new
        _SUBMIT[kind](dataset.name)
    return bool(lacking) and active(kind, dataset)


def active(kind: str, dataset: Dataset) -> bool:
    """Whether it is being made now."""
    job = work.find(kind, dataset=dataset.name)
    return job is not None and job.active
