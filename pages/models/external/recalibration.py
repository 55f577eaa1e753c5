"""What some labelled films of the new place would buy."""

import pandas as pd
import streamlit as st

from cxrcore import external, files, settings, store
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError
from cxrcore.external import Recalibration
from cxrcore.store import Run
from pages.shared import cache, comparisons, tables
from pages.shared.text import literal, shown

_RECALL = 0.95


def show(dataset: Dataset) -> None:
    """Draw it, folded; nothing where no test of a model of this dataset is kept.

    Raises:
        StoreError: predictions are missing or damaged.
    """
    tests = {
        run.run_id: run for run in store.runs() if run.home and run.home.dataset == dataset.name
    }
    if not tests:
        return
    with st.expander(
        "What would some labelled films of the new place buy?",
        on_change="rerun",
        key="recalibration_open",
    ) as opened:
        if opened.open:
            _section(tests)


def _section(tests: dict[str, Run]) -> None:
    titles = cache.titles(None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox(
            "Test",
            list(tests),
            format_func=lambda run: shown(
                f"{titles.get(str(run), str(run))} on {tests[str(run)].dataset}"
            ),
            key="recalibration_test",
            width=420,
        )
        run = tests[name]
        first = comparisons.class_in_question(run.classes) or run.classes[0]
        label = st.selectbox(
            "Class that must not be missed",
            run.classes,
            index=run.classes.index(first),
            key=f"recalibration_class_{name}",
            width=230,
        )
        most = run.metrics["test"].n - external.FEWEST
        if most <= external.FEWEST:
            st.caption("This test has too few films.")
            return
        count = st.slider(
            "Films to learn from",
            external.FEWEST,
            most,
            min(20, most),
            key=f"recalibration_films_{name}",
            width=260,
        )
    try:
        found = _found(run, name, label, count, str(settings.models_dir()), store.stamp())
    except ComparisonError as error:
        st.warning(literal(str(error)))
        return
    _table(found, label)


@st.cache_data(max_entries=32, show_spinner="Films are drawn …")
def _found(
    _run: Run,
    name: str,  # noqa: ARG001
    label: str,
    count: int,
    root: str,  # noqa: ARG001
    stamp: files.Stamp,  # noqa: ARG001
) -> Recalibration:
    return external.recalibrate(_run, label, _RECALL, count)


def _table(found: Recalibration, label: str) -> None:
    rows = [
        (title, *(f"{middle:.2f} ({low:.2f} to {high:.2f})" for low, middle, high in pair))
        for title, pair in (
            ("Log loss, with a temperature for the place", found.loss),
            (f"Recall of {label}, {_RECALL:.0%} wanted", found.recall),
            ("Specificity at that threshold", found.specificity),
        )
    ]
    tables.table(
        pd.DataFrame(rows, columns=["On the other films", "As from home", "After learning"]),
        alt="What is reached before and after learning from films of the new place",
        wide=["On the other films"],
    )
    text = (
        f"{found.films:,} films were drawn 100 times, whole patients where they are known; measured on the films "
        "that were not drawn. The middle of all draws, in brackets 5 % and 95 % of them."
    )
    if found.without:
        text += f" {found.without} draws had films of the class on one side only."
    st.caption(text)
