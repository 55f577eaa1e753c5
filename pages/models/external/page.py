"""Other test sets page: what models reach on films of other places, and testing one there."""

import pandas as pd
import streamlit as st

from cxrcore import external, files, settings, store
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.header import header
from pages.models.external import form, matrix, recalibration, sources
from pages.shared import cache, comparisons, selection, tables
from pages.shared.selection import Question
from pages.shared.text import literal


def main() -> None:
    """Draw the page."""
    st.title("Other test sets")
    dataset = cache.chosen_dataset()
    st.markdown(
        "A model can be good on films of the hospital it learned from and fail elsewhere. Here models are "
        "tested on other datasets without any training there. Films that a model learned from, and copies "
        "of them, are left out."
    )
    try:
        question = _tests(dataset)
        sources.show(dataset, question)
        recalibration.show(dataset)
        if not header.presenting():
            form.show(dataset)
    except CxrError as error:
        st.error(literal(str(error)))


def _tests(dataset: Dataset) -> Question:
    """Draw the tests elsewhere; what is asked of them."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question = selection.ask(dataset, "external_")
    found = _table(question, str(settings.models_dir()), store.stamp())
    elsewhere = found[found["source"] == ""]  # sources of one dataset have a table of their own
    if found.empty and cache.runs_table(dataset.name).empty:
        st.info(
            f"No model has been trained on **{literal(dataset.name)}** yet. Press **Train a model** above; "
            "then test it here on the films of other places.",
            icon=":material/model_training:",
        )
        return question
    if elsewhere.empty:
        st.info(
            "No model has been tested elsewhere yet"
            + (f" on {literal(question.class_name)}" if question.class_name else "")
            + ". Choose a model and a dataset below.",
            icon=":material/travel_explore:",
        )
        return question
    name = comparisons.name_of(question.metric, question.class_name)
    matrix.show(elsewhere, question, name, cache.titles(None))
    with st.expander("Every test: films, intervals, what is left out"):
        _details(found, name)
    return question


@st.cache_data(max_entries=16, show_spinner="The tests are being read …")
def _table(question: Question, root: str, stamp: files.Stamp) -> pd.DataFrame:  # noqa: ARG001
    return external.table(question.metric, question.class_name)


def _details(found: pd.DataFrame, name: str) -> None:
    titles = cache.titles(None)
    table = pd.DataFrame(
        {
            "Model": [titles.get(home, home) for home in found["home"]],
            "Trained on": found["trained_on"],
            "Tested on": found["tested_on"],
            "Films": found["films"],
            "Left out": found["left_out"],
            name: found["value"],
            "from": found["low"],
            "to": found["high"],
            "Lost": found["drop"],
            "lost from": found["drop_low"],
            "lost to": found["drop_high"],
            "Classes with films": [", ".join(names) for names in found["classes"]],
            "Id": found["run_id"],
        }
    )
    numbers = (name, "from", "to", "Lost", "lost from", "lost to")
    tables.table(table, alt="Every test with its intervals", formats=dict.fromkeys(numbers, "%.3f"))
    tables.download("Download the table (CSV)", lambda: table, "external-tests.csv")
    st.caption(
        "Each test is a run of the dataset it was tested on: choose that dataset above for its curves, "
        "mistakes, operating points and the films that were left out, with the reasons."
    )


main()
