"""Testing a model of the chosen dataset on another one."""

import pandas as pd
import streamlit as st

from cxrcore import datasets, external, work
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError
from cxrcore.store import Run
from pages.shared import cache, offers, waiting
from pages.shared.text import literal, shown

_LEFT_OUT = "left out"


def show(dataset: Dataset) -> None:
    """Draw the choice of model, dataset and what its labels stand for, and the button.

    Raises:
        DatasetError, StoreError: a dataset or run cannot be read.
    """
    st.subheader("Test a model elsewhere")
    table = cache.runs_table(dataset.name)
    runs = table.loc[(table["state"] == "ok") & table["network"].eq(True), "run_id"].tolist()
    names = [entry.name for entry in datasets.registered() if entry.name != dataset.name]
    if not runs or not names:
        st.caption(
            f"There is no dataset but {literal(dataset.name)} yet."
            if runs
            else f"No model with a network has been trained on {literal(dataset.name)} yet."
        )
        if runs:
            st.page_link(
                "pages/data/add/page.py", label="Add X-rays of another place", icon=":material/add:"
            )
        return
    titles = cache.titles(dataset.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = st.selectbox(
            "Model",
            runs,
            format_func=lambda run: shown(titles.get(str(run), str(run))),
            key=f"external_run_{dataset.name}",
            width=330,
        )
        name = st.selectbox("On the films of", names, key="external_on", width=250)
    run, other = cache.run(run_id), cache.dataset(name)
    mapping = _mapping(run, other)
    try:
        found = external.find(run, other, mapping)
    except ComparisonError as error:
        st.caption(literal(str(error)))
        return
    if found is not None:
        st.success("This test is in the table above.", icon=":material/check_circle:")
        return
    _start(run, other, mapping)


def _mapping(run: Run, other: Dataset) -> dict[str, str]:
    """Label -> class, as the table says."""
    suggested, counts = external.suggest(other.classes, run.classes), other.counts()
    st.caption(
        "What the labels there stand for. Those with the name of a class are filled in; nothing else is "
        "guessed. Films with other labels are left out."
    )
    shown = pd.DataFrame(
        {
            "Label there": list(suggested),
            "Films": [int(counts[label]) for label in suggested],
            "Class of the model": [name or _LEFT_OUT for name in suggested.values()],
        }
    )
    edited = st.data_editor(
        shown,
        hide_index=True,
        disabled=["Label there", "Films"],
        column_config={
            "Class of the model": st.column_config.SelectboxColumn(
                options=[_LEFT_OUT, *run.classes], required=True, width="medium"
            )
        },
        width=560,
        key=f"mapping_{run.run_id}_{other.fingerprint}",
    )
    chosen = edited["Class of the model"].replace(_LEFT_OUT, external.OTHER)
    return dict(zip(edited["Label there"], chosen, strict=True))


def _start(run: Run, other: Dataset, mapping: dict[str, str]) -> None:
    job = work.find("external", run_id=run.run_id, dataset=other.name, mapping=mapping)
    if job is not None and job.active:
        waiting.follow(job)
        return
    offers.failure(job, "test")
    offers.start(
        f"Test on {literal(other.name)}",
        lambda: work.submit_external(run.run_id, other.name, mapping),
        icon=":material/travel_explore:",
        primary=True,
    )
