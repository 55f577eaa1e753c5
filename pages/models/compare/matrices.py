"""Confusion matrices side by side, and the films of the cell that is open."""

from collections.abc import Sequence

import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.models.compare import cell_images, cells, matrix_values
from pages.models.compare.cells import Cell
from pages.models.compare.matrix_values import FILMS, PREDICTED, TRUE, Shown
from pages.shared import matrix_component
from pages.shared.entries import Entry
from pages.shared.matrix_component import Legend, Listing, Place
from pages.shared.text import literal

DIFFERENCE, AGREEMENT = "Difference", "Agreement"
MOST_LISTED = 12
PANEL = 304  # pixels
# The films stand beside the matrices where those keep 440 px, else below them in full width.
_STYLE = """<style>
.st-key-confusion > div:has(> .st-key-confusion_matrices) { flex: 999 1 440px; }
.st-key-confusion > div:has(> .st-key-confusion_films) { flex: 1 1 304px; }
</style>"""


def show(entries: Sequence[Entry], dataset: Dataset) -> None:
    """Draw a matrix for each entry, and beside them the films of the cell in the address.

    Only this section runs again when a cell is opened.
    """
    st.subheader("Confusion matrices")
    st.html(_STYLE)
    _section(entries, dataset)


@st.fragment
def _section(entries: Sequence[Entry], dataset: Dataset) -> None:
    with st.container(key="confusion", horizontal=True, gap="medium"):
        left = st.container(key="confusion_matrices", width="stretch")
        right = st.container(key="confusion_films", width=PANEL, border=True)
    address = st.query_params.get("cell", "")
    opened = cells.find(address, entries)
    try:
        with left:
            _matrices(entries, dataset, opened)
        with right:
            if opened is not None:
                cell_images.show(opened, entries, dataset)
            else:
                st.caption("Choose a cell to see its films.")
            if address and opened is None:
                st.caption("The cell of this link is not among the runs shown.")
    except CxrError as error:
        st.error(literal(str(error)))


def _matrices(entries: Sequence[Entry], dataset: Dataset, opened: Cell | None) -> None:
    shown, legend, listed = _chosen(entries, dataset)
    if not shown:
        st.info(literal(legend.text))
        return

    def pick(place: Place) -> None:
        number, row, column = place
        cell_images.open_cell(shown[number].cell(row, column))

    matrix_component.draw(
        [item.matrix for item in shown],
        legend,
        selected=_selected(shown, opened),
        listing=_largest(shown, listed),
        on_pick=pick,
        key="matrices",
    )


def _chosen(entries: Sequence[Entry], dataset: Dataset) -> tuple[list[Shown], Legend, str]:
    """What the controls ask for, and what the cells off the diagonal are then called."""
    offered = [FILMS, TRUE, PREDICTED, *([DIFFERENCE, AGREEMENT] if len(entries) > 1 else [])]
    controls = st.container(horizontal=True)
    with controls:
        what = st.segmented_control(
            "Cells show",
            offered,
            default=FILMS,
            required=True,
            key="cells",
            bind="query-params",
            wrap=True,
        )
        if what == DIFFERENCE:
            reference = _choose("Reference", entries, "reference")
            others = [entry for entry in entries if entry is not reference]
            return *matrix_values.differences(others, reference, dataset), "errors"
        if what == AGREEMENT:
            rows = _choose("Rows", entries, "rows")
            others = [entry for entry in entries if entry is not rows]
            columns = _choose("Columns", others, "columns")
            return *matrix_values.agreement(rows, columns, dataset), "disagreements"
    return *matrix_values.counted(entries, what, dataset), "errors"


def _choose(label: str, entries: Sequence[Entry], key: str) -> Entry:
    titles = {entry.name: entry.title for entry in entries}
    name = st.selectbox(
        label,
        list(titles),
        format_func=titles.__getitem__,
        key=key,
        bind="query-params",
        width=220,
    )
    return next(entry for entry in entries if entry.name == name)


def _selected(shown: Sequence[Shown], opened: Cell | None) -> Place | None:
    for number, item in enumerate(shown):
        matrix = item.matrix
        if opened and item.entry is opened.entry and item.rows is opened.rows:
            return number, matrix.rows.index(opened.row), matrix.columns.index(opened.column)
    return None


def _largest(shown: Sequence[Shown], called: str) -> Listing:
    """The cells off the diagonal with most films, in all matrices together."""
    found = [
        (-films, (number, row, column))
        for number, item in enumerate(shown)
        for row, counts in enumerate(item.matrix.counts)
        for column, films in enumerate(counts)
        if films and item.matrix.rows[row] != item.matrix.columns[column]
    ]
    places = [place for _, place in sorted(found)[:MOST_LISTED]]
    heading = "True → predicted" if called == "errors" else "Rows → columns"
    return Listing(f"As a table: the largest {called}", heading, places)
