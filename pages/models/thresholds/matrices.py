"""Confusion matrices at the operating points, and the films of a cell."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.metrics.decision import decide_all
from cxrcore.thresholds import OperatingPoint
from pages.models.thresholds import points
from pages.models.thresholds.aim import Aim
from pages.shared import matrix_component, thumbnails
from pages.shared.entries import Entry
from pages.shared.matrix_component import Legend, Listing, Matrix, Place
from pages.shared.text import literal, plural

_CELL = "threshold_cell"  # (run id, true class, answer) that is open
_MOST = 24  # films shown


def show(
    entries: Sequence[Entry], found: Mapping[str, OperatingPoint], dataset: Dataset, aim: Aim
) -> None:
    """Draw a matrix for each run, and the films of the cell that was chosen.

    Args:
        entries: runs that have a point, in order.
        found: by run id.
        dataset: its order of classes is that of the matrices.
        aim: the class that must not be missed.
    """
    st.subheader("Confusion matrices at these thresholds")
    shown = [_matrix(entry, found[entry.name], dataset) for entry in entries]
    opened: tuple[str, str, str] | None = st.session_state.get(_CELL)

    def pick(place: Place) -> None:
        number, row, column = place
        cell = entries[number].name, shown[number].rows[row], shown[number].columns[column]
        st.session_state[_CELL] = cell

    text = (
        "Colour: share of the true class. Rows: true class. Columns: answer. Enter shows the films."
    )
    matrix_component.draw(
        shown,
        Legend("0 %", "100 %", text),
        selected=_place(opened, entries, shown),
        listing=Listing(
            f"As a table: films of {aim.class_name} that are missed",
            "True → answer",
            _missed(shown, aim.class_name),
        ),
        on_pick=pick,
        key="threshold_matrices",
    )
    place = _place(opened, entries, shown)
    if opened is not None and place is not None:
        entry = entries[place[0]]
        _films(entry, opened[1], opened[2], found[entry.name], dataset)


def _matrix(entry: Entry, point: OperatingPoint, dataset: Dataset) -> Matrix:
    names = [name for name in dataset.classes if name in entry.classes]
    names += [name for name in entry.classes if name not in names]
    places = [entry.classes.index(name) for name in names]
    counts = point.cost.confusion[np.ix_(places, places)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return Matrix(
        entry.title, entry.colour, names, names, counts.tolist(), [], shares.round(3).tolist(),
        ("", " called ", f", {entry.title}"), detail=plural(int(counts.sum()), "film"),
    )  # fmt: skip


def _place(
    opened: tuple[str, str, str] | None, entries: Sequence[Entry], shown: Sequence[Matrix]
) -> Place | None:
    for number, (entry, matrix) in enumerate(zip(entries, shown, strict=True)):
        if opened and opened[0] == entry.name and {*opened[1:]} <= {*matrix.rows}:
            return number, matrix.rows.index(opened[1]), matrix.columns.index(opened[2])
    return None


def _missed(shown: Sequence[Matrix], class_name: str) -> list[Place]:
    """The cells of the class that is not to be missed, with other answers."""
    return [
        (number, matrix.rows.index(class_name), column)
        for number, matrix in enumerate(shown)
        for column, name in enumerate(matrix.columns)
        if name != class_name and matrix.counts[matrix.rows.index(class_name)][column]
    ]


def _films(entry: Entry, truth: str, answer: str, point: OperatingPoint, dataset: Dataset) -> None:
    """The films of a cell, those closest to the threshold first."""
    part = points.part(entry.runs[0], "test")
    classes, least = entry.classes, {point.class_name: point.choice.threshold}
    called = decide_all(part.probabilities, classes, least)
    number = classes.index(point.class_name)
    rows = np.flatnonzero((part.truth == classes.index(truth)) & (called == classes.index(answer)))
    shares = part.probabilities[rows, number]
    order = np.argsort(np.abs(shares - point.choice.threshold), kind="stable")[:_MOST]
    st.markdown(
        f"**{literal(truth)} called {literal(answer)}** · {literal(entry.title)} · "
        f"{plural(len(rows), 'film')}, those closest to the threshold first"
    )
    if not len(rows):
        st.caption("No film is in this cell.")
        return
    thumbnails.grid(
        dataset,
        [part.image_ids[row] for row in rows[order]],
        [f"{share:.1%} {point.class_name}" for share in shares[order]],
        key="threshold_films",
        open_in=thumbnails.LIVE,
        label=f"Films of {truth} called {answer}",
    )
