"""Comparisons of runs, kept between reruns; what takes long is computed by a job.

Statistics of many runs on many images would stop every other session of the server.
"""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import html
import re
from collections.abc import Sequence
from typing import NoReturn

import pandas as pd
import streamlit as st

from cxrcore import comparison, settings, store, work
from cxrcore.comparison import Comparison
from cxrcore.metrics import METRICS, Metric, select
from pages.shared import waiting
from pages.shared.entries import Entry
from pages.shared.text import literal

CLASS_IN_QUESTION = "covid"  # the class a reader asks for first, where there is one


def compare(names: Sequence[str], metric: str, class_name: str) -> Comparison:
    """The comparison of runs and families; while a job computes it, show that and end the run.

    Raises:
        CxrError: they have no test image in common, or no such metric or class.
    """
    found = _compare(tuple(names), metric, class_name, _root(), hash(store.stamp()))
    if found is None:
        _compare.clear(tuple(names), metric, class_name, _root(), hash(store.stamp()))
        _follow(names, metric, class_name)
    return found


@st.cache_resource(max_entries=64, show_spinner=False)
def _compare(
    names: tuple[str, ...], metric: str, class_name: str, root: str, stamp: int
) -> Comparison | None:
    subjects = comparison.subjects(names)
    kept = comparison.load(subjects, metric, class_name)
    if kept is None and comparison.heavy(subjects):
        return None
    return kept or comparison.compare(subjects, metric, class_name)


def intervals(names: Sequence[str], metric: str, class_name: str) -> pd.DataFrame:
    """Every figure of each run or family with its interval, see `comparison.intervals`.

    Args:
        names: of runs and families.
        metric, class_name: what the page compares, to be computed by the same job.
    """
    found = _intervals(tuple(names), _root(), hash(store.stamp()))
    if found is None:
        _intervals.clear(tuple(names), _root(), hash(store.stamp()))
        _follow(names, metric, class_name)
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def _intervals(names: tuple[str, ...], root: str, stamp: int) -> pd.DataFrame | None:
    subjects = comparison.subjects(names)
    kept = comparison.load_intervals(subjects)
    if kept is None and comparison.heavy(subjects):
        return None
    return comparison.intervals(subjects) if kept is None else kept


def metric_in_question(classes: Sequence[str]) -> tuple[str, str]:
    """The metric and class that a page asks about at first: recall of COVID-19, or accuracy."""
    of = class_in_question(classes)
    return ("recall", of) if of else ("accuracy", "")


def class_in_question(classes: Sequence[str]) -> str:
    """The class that a reader asks for first; "" where none stands out."""
    return next((name for name in classes if CLASS_IN_QUESTION in name.lower()), "")


def choices() -> list[Metric]:
    """The metrics that runs can be compared on."""
    return [
        metric
        for scope in ("class", "overall")
        for metric in select("confusion", "predictions", scope=scope)
    ]


def name_of(metric: str, class_name: str) -> str:
    """ "Recall COVID-19", "Accuracy"."""
    return f"{METRICS[metric].symbol} {class_name}".strip()


def show_verdict(found: Comparison, entries: Sequence[Entry]) -> None:
    """Draw the sentence of a comparison where nobody can overlook it."""
    titles = {entry.name: entry.title for entry in entries}
    verdict = comparison.verdict(found, titles)
    # The claim stands out; figures and what cannot be told follow it.
    plain = verdict.text  # the same length, without brackets and stops of titles
    for title in sorted(titles.values(), key=len, reverse=True):
        plain = plain.replace(title, "x" * len(title))
    end = len(re.split(r" \(|[;:.] ", plain, maxsplit=1)[0])
    claim, rest = verdict.text[:end], verdict.text[end:]
    st.html(
        "<style>.verdict { border-left: 4px solid #0B6E99; border-radius: .5rem; padding: .7rem 1rem; "
        "background: color-mix(in srgb, #0B6E99 10%, transparent); font-size: 1.12rem; "
        "line-height: 1.5; }</style>"
        f'<div class="verdict" role="status"><b>{html.escape(claim)}</b>{html.escape(rest)}</div>'
    )


def _follow(names: Sequence[str], metric: str, class_name: str) -> NoReturn:
    """Show the job that compares, start it where there is none, and end the run."""
    job = work.find("comparison", names=list(names), metric=metric, class_name=class_name)
    if job is not None and not job.active and job.state != "done":
        st.error(f"The runs could not be compared. {literal(job.message)}")
        if not st.button("Try again", type="primary"):
            st.stop()
    if job is None or not job.active:
        job = work.submit_comparison(list(names), metric, class_name)
    waiting.follow_if_active(job, "The runs are being compared.", ":material/balance:")
    st.rerun()  # it was done at once


def _root() -> str:
    return str(settings.models_dir())
