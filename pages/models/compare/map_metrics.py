"""Metrics of a run's maps: their columns on the Compare page, and how to get what is missing."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cxrcore import work
from cxrcore.datasets import Dataset
from cxrcore.metrics import Metric, select
from cxrcore.store import Run
from pages.shared import offers, waiting
from pages.shared.entries import Entry
from pages.shared.text import literal, plural


def joined(intervals: pd.DataFrame, entries: Sequence[Entry]) -> pd.DataFrame:
    """The table with the columns of these metrics: of a family the mean of its runs, no interval."""
    found = pd.DataFrame(index=[entry.name for entry in entries])
    for metric in select("maps"):
        values = [[metric.compute(run) for run in entry.runs] for entry in entries]
        found[metric.name] = [None if None in some else sum(some) / len(some) for some in values]
        sure = [
            metric.interval(entry.runs[0]) if metric.interval and len(entry.runs) == 1 else None
            for entry in entries
        ]
        for place, end in enumerate(("_low", "_high")):
            found[f"{metric.name}{end}"] = [ends and ends[place] for ends in sure]
    return intervals.join(found.astype(float))


def show(entries: Sequence[Entry], dataset: Dataset) -> None:
    """What the maps of each run say; of which models it is not known, and how to compute it."""
    if any(run.has_layers for entry in entries for run in entry.runs):
        st.subheader("Do the models look at the lungs?")
    for entry in entries:
        if len(entry.runs) == 1 and (share := entry.runs[0].lung_share):
            st.markdown(literal(f"{entry.title}: {share.sentence}"))
    for metric in select("maps"):
        lacking = {
            run.run_id: (run, entry.title)
            for entry in entries
            for run in entry.runs
            if run.has_layers and run.dataset == dataset.name and metric.compute(run) is None
        }
        if lacking:
            _offer(metric, lacking)


def _offer(metric: Metric, lacking: dict[str, tuple[Run, str]]) -> None:
    jobs = {
        run_id: work.find("explanations", run_id=run_id, method="grad-cam") for run_id in lacking
    }
    active = [job for job in jobs.values() if job and job.active]
    if active:
        st.caption(f"{metric.title}: being computed for {plural(len(active), 'model')}.")
        waiting.follow(next((job for job in active if job.state == "running"), active[0]))
        return
    titles = ", ".join(dict.fromkeys(title for _, title in lacking.values()))
    st.caption(
        f"**{metric.title}** is not computed yet for {literal(titles)}. {metric.meaning}",
        help=literal("; ".join(metric.absent.format(run_id=run_id) for run_id in lacking)),
    )
    for job in jobs.values():
        offers.failure(job, "mapping")
        if job is not None and job.state == "done":  # masks have changed since, or none can be used
            st.caption(literal(f"{job.title}, the last time: {job.message}"))
    offers.start(
        f"Compute it for {plural(len(lacking), 'model')}",
        lambda: [work.submit_explanations(run_id) for run_id in lacking],
        icon=":material/pulmonology:",
    )
