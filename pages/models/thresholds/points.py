"""The operating points of runs, kept between reruns."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import streamlit as st

from cxrcore import store, thresholds
from cxrcore.errors import ComparisonError
from cxrcore.store import Run
from cxrcore.thresholds import OperatingPoint, Part


def find(run: Run, class_name: str, recall: float) -> OperatingPoint:
    """The operating point of a run.

    Raises:
        ComparisonError, StoreError: as `thresholds.operating_point`.
    """
    found = _point(run, *state(run), class_name, recall)
    if isinstance(found, ComparisonError):
        raise found
    return found


def part(run: Run, name: str) -> Part:
    """The films of a part of a run's split; see `thresholds.part`.

    Raises:
        ComparisonError, StoreError: as there.
    """
    return _part(run, *state(run), name)


def state(run: Run) -> tuple[str, float | None]:
    """What a run's probabilities depend on: its predictions and its temperature."""
    return run.seal, store.annotation(run.run_id).temperature


def raw_part(run: Run, name: str) -> Part:
    """As `part`, with the probabilities as trained."""
    return _raw_part(run, run.seal, name)


def temperature(run: Run) -> float:
    """The temperature that fits a run's validation films; see `thresholds.temperature`.

    Raises:
        ComparisonError, StoreError: as there.
    """
    return _temperature(run, run.seal)


@st.cache_resource(max_entries=256, show_spinner=False)
def _point(
    _run: Run, seal: str, temperature: float | None, class_name: str, recall: float
) -> OperatingPoint | ComparisonError:
    try:
        parts = part(_run, "validation"), part(_run, "test")
        return thresholds.operating_point(_run, class_name, recall, parts)
    except ComparisonError as error:  # kept too: to find out, all predictions are read
        return error


@st.cache_resource(max_entries=48, show_spinner=False)
def _part(_run: Run, seal: str, temperature: float | None, name: str) -> Part:
    return thresholds.part(_run, name)


@st.cache_resource(max_entries=48, show_spinner=False)
def _raw_part(_run: Run, seal: str, name: str) -> Part:
    return thresholds.part(_run, name, raw=True)


@st.cache_resource(max_entries=64, show_spinner=False)
def _temperature(_run: Run, seal: str) -> float:
    return thresholds.temperature(_run)
