"""Add X-rays page: what lies in a folder, what its columns and classes mean, then add it."""

import pandas as pd
import streamlit as st

from cxrcore import datasets, work
from cxrcore.datasets import Dataset, roots
from cxrcore.errors import CxrError
from pages.data.add import choices
from pages.shared.text import literal, plural, shown

# In the session: the folder that may be read, and the name that was proposed for it.
_ALLOWED, _PROPOSED = "add_allowed", "add_proposed"


def main() -> None:
    """Draw the page."""
    st.title("Add X-rays")
    st.markdown(
        "A folder on this computer: one sub-folder per class, a table beside the images (CSV or "
        "Excel), or a public collection as it unpacks. Nothing is copied or changed, and nothing is "
        "added before you press **Add**."
    )
    left, right = st.columns([3, 1])
    path = left.text_input("Folder, or a table that names its images", key="add_path").strip()
    _propose_name(path)
    name = right.text_input(
        "Short name", key="add_name", help="Lower-case letters, digits, - and _."
    ).strip()
    if not path:
        st.info("Give the folder that holds the images.")
        return
    try:
        if st.session_state.get(_ALLOWED) != path:  # its files are counted once
            roots.allowed(path)
            st.session_state[_ALLOWED] = path
        tables = datasets.tables(path)
        _tables(tables)
        layout, mapping = choices.mapping(tables)
        options = {**mapping, **choices.classes(path, layout, mapping)}
        dataset = choices.look(path, layout, options)
    except CxrError as error:
        st.warning(literal(choices.without_commands(str(error))), icon=":material/help:")
        return
    _found(dataset)
    _add(name, path, layout, options)


def _propose_name(path: str) -> None:
    """The folder's own name, until another one is typed."""
    state = st.session_state
    if state.get("add_name", "") == state.get(_PROPOSED, ""):
        state["add_name"] = state[_PROPOSED] = datasets.proposed_name(path)


def _tables(tables: list[datasets.Table]) -> None:
    """The columns of each table, with examples."""
    for table in tables:
        with st.expander(
            f"{literal(table.file)}: {plural(table.lines, 'line')}", expanded=len(tables) == 1
        ):
            if table.problem:
                st.caption(literal(choices.without_commands(table.problem)))
            rows = [
                {
                    "Column": shown(column.name),
                    "Used as": column.role.replace("_id", ""),
                    "Examples": shown(" | ".join(column.samples)),
                    "Different": column.distinct,
                    "Empty": table.lines - column.filled,
                }
                for column in table.columns
            ]
            if rows:
                st.dataframe(pd.DataFrame(rows), hide_index=True)


def _found(dataset: Dataset) -> None:
    """What would be added."""
    table = dataset.table
    st.subheader("What would be added")
    numbers = {
        "Images": f"{len(table):,}",
        "Patients": f"{table['patient_id'].nunique():,}"
        if table["patient_id"].notna().any()
        else "not told",
        "Views": _counted(table["view"]),
        "Published split": _counted(table["split"]),
        "Lung masks": f"{table['mask'].notna().sum():,}",
        "Layout": dataset.layout,
    }
    classes, facts = st.columns(2)
    rows = {
        "Class": [shown(label) for label in dataset.classes],
        "Images": dataset.counts().to_numpy(),
    }
    if table["patient_id"].notna().any():
        people = table.groupby("label")["patient_id"].nunique()
        rows["Patients"] = people.reindex(list(dataset.classes)).to_numpy()
    classes.dataframe(pd.DataFrame(rows), hide_index=True)
    facts.table(
        {key: literal(value) for key, value in numbers.items()},
        border="horizontal",
        hide_header=True,
    )
    if few := datasets.note_on_few_patients(dataset):
        st.warning(literal(few))
    for note in dataset.notes:
        st.markdown(f"- {literal(note)}")


def _counted(column: pd.Series) -> str:
    return ", ".join(f"{word} {n:,}" for word, n in column.value_counts().items()) or "not told"


def _add(name: str, path: str, layout: str | None, options: dict[str, object]) -> None:
    if not st.button("Add", type="primary", disabled=not name, key="add_confirmed"):
        if not name:
            st.caption("Give it a short name first.")
        return
    try:
        roots.allowed(path)
        dataset = datasets.register(name, path, layout, options)
        st.session_state["next_dataset"] = dataset.name
        work.submit_index(dataset.name)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    st.switch_page("pages/data/gallery/page.py")


main()
