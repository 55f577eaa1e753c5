"""What can be done with one run: say something about it, or delete it."""

import streamlit as st

from cxrcore import store
from cxrcore.errors import CxrError
from pages.models.compare import trash
from pages.shared.entries import Entry, Family
from pages.shared.text import literal


def open_menu(entry: Entry, line: str) -> None:
    """Open the dialog of a line of a row's menu."""
    if line.startswith("Delete"):
        _delete(entry)
    else:
        _annotate(entry)


@st.dialog("What this run is called")
def _annotate(entry: Entry) -> None:
    st.caption(f"Id: {literal(entry.name)}. Links, files and commands keep it.")
    try:
        said = store.annotation(entry.name)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    with st.form("annotation", border=False):
        title = st.text_input("Title", said.title or "", placeholder=entry.title, max_chars=80)
        tags = st.text_input("Tags", ", ".join(said.tags), help="Separated by commas.")
        notes = st.text_area("Notes", said.notes, max_chars=2_000)
        if not st.form_submit_button("Save", type="primary"):
            return
    try:
        words = [tag.strip() for tag in tags.split(",") if tag.strip()]
        store.annotate(entry.name, title=title.strip() or None, tags=words, notes=notes.strip())
    except CxrError as error:
        st.error(literal(str(error)))
        return
    st.rerun()


@st.dialog("Delete")
def _delete(entry: Entry) -> None:
    st.text(entry.title)
    if isinstance(entry.item, Family):
        st.caption(f"{literal(entry.item.summary.members)}. Untick those that should stay.")
        kept = [
            run.run_id
            for run in entry.runs
            if not st.checkbox(_part(entry.item, run), True, key=f"delete_{run.run_id}")
        ]
        doomed = [run.run_id for run in entry.runs if run.run_id not in kept]
    else:
        doomed = [entry.name]
    trash.confirm(doomed, key="delete_runs")


def _part(family: Family, run: store.Run) -> str:
    fold = f"fold {run.split.fold}, " if family.summary.folds else ""
    return f"{fold}seed {run.recipe.seed}"
