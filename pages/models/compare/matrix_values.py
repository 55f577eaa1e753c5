"""What the cells of confusion matrices say: films, shares, differences, agreement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrcore.datasets import Dataset
from pages.models.compare import cells, families
from pages.models.compare.cells import Cell
from pages.shared import run_marks
from pages.shared.entries import Entry, Family
from pages.shared.matrix_component import Legend, Matrix
from pages.shared.text import plural

FILMS, TRUE, PREDICTED = "Films", "Share of true class", "Share of predicted class"
_AXES = "Rows: true class. Columns: answer. Arrow keys move, Enter opens."
_LEAST = 0.01  # of a class: the smallest difference that gets the full colour


@dataclass(frozen=True)
class Shown:
    """A matrix with the entry whose answers are its columns, and the one whose are its rows."""

    matrix: Matrix
    entry: Entry
    rows: Entry | None = None

    def cell(self, row: int, column: int) -> Cell:
        """The cell at a place, from 0."""
        return Cell(self.entry, self.matrix.rows[row], self.matrix.columns[column], self.rows)


def counted(entries: Sequence[Entry], what: str, dataset: Dataset) -> tuple[list[Shown], Legend]:
    """Films or shares of each entry.

    Args:
        entries: in order.
        what: FILMS, TRUE or PREDICTED. Films are coloured by their share of the true class, so
            that small classes are not pale.
        dataset: its order of classes is that of the matrices.
    """
    shown = []
    for entry in entries:
        classes, counts = _confusion(entry, dataset)
        shares = _shares(counts, axis=0 if what == PREDICTED else 1)
        texts = [] if what == FILMS else [[percent(s) for s in row] for row in shares]
        unit = (
            ""
            if what == FILMS
            else f" of {'all with this answer' if what == PREDICTED else 'the class'}"
        )
        shown.append(_of_entry(entry, classes, counts, texts, np.nan_to_num(shares), unit))
    of = "films with this answer" if what == PREDICTED else "true class"
    return shown, Legend("0 %", "100 %", f"Colour: share of the {of}. {_AXES}")


def differences(
    entries: Sequence[Entry], reference: Entry, dataset: Dataset
) -> tuple[list[Shown], Legend]:
    """How much larger the shares of the true class are than those of a reference, in points.

    Entries with other classes than the reference's are left out, which the legend says.
    """
    classes, counts = _confusion(reference, dataset)
    expected = _shares(counts, axis=1)
    same = [e for e in entries if _confusion(e, dataset)[0] == classes]
    found = [_confusion(entry, dataset)[1] for entry in same]
    gaps = [_shares(own, axis=1) - expected for own in found]
    most = max([_LEAST, *(float(np.nan_to_num(np.abs(gap)).max()) for gap in gaps)])
    unit = f" percentage points against {reference.title}"
    shown = [
        _of_entry(e, classes, own, [[_signed(v) for v in row] for row in gap], np.nan_to_num(gap) / most, unit)
        for e, own, gap in zip(same, found, gaps, strict=True)
    ]  # fmt: skip
    text = f"Percentage points of the true class more or fewer than {reference.title}. {_AXES}"
    if others := [e.title for e in entries if e not in same]:
        text += f" Left out, because their classes are others: {', '.join(others)}."
    if differing := [
        e.title for e, own in zip(same, found, strict=True) if (own.sum(1) != counts.sum(1)).any()
    ]:
        text += f" Tested on other films than {reference.title}: {', '.join(differing)}."
    return shown, Legend(_signed(-most), _signed(most), text, both=True)


def agreement(rows: Entry, columns: Entry, dataset: Dataset) -> tuple[list[Shown], Legend]:
    """How often two entries give the same answer, over the films that both were tested on.

    Raises:
        StoreError: the predictions of a run are missing or were changed.
    """
    said = cells.answers(rows), cells.answers(columns)
    both = pd.DataFrame({"rows": said[0]["predicted"].astype(object)}).join(
        said[1]["predicted"].astype(object).rename("columns"), how="inner"
    )
    names = _ordered(rows, dataset), _ordered(columns, dataset)
    counts = (
        pd.crosstab(both["rows"], both["columns"])
        .reindex(index=names[0], columns=names[1], fill_value=0)
        .to_numpy(np.int64)
    )
    same = int((both["rows"] == both["columns"]).sum())
    title = f"{rows.title} against {columns.title}"
    matrix = Matrix(
        title, columns.colour, names[0], names[1], counts.tolist(), [],
        np.nan_to_num(_shares(counts, axis=1)).tolist(),
        (f"{rows.title} says ", f", {columns.title} says ", ""),
        detail=plural(len(both), "film"),
    )  # fmt: skip
    agree = f"They agree on {same:,} of the {plural(len(both), 'film')} that both were tested on."
    text = (
        f"{agree} Colour: share of the row. Rows: answer of {rows.title}. Columns: answer of "
        f"{columns.title}."
    )
    return [Shown(matrix, columns, rows)], Legend("0 %", "100 %", text)


def _of_entry(
    entry: Entry,
    classes: list[str],
    counts: np.ndarray,
    texts: Sequence[Sequence[str]],
    shades: np.ndarray,
    unit: str,
) -> Shown:
    item = entry.item
    hint = families.tooltip(item) if isinstance(item, Family) else run_marks.tooltip(item)
    # Seeds of one split are tested on the same films: their matrix counts each film several times.
    noun = "answer" if isinstance(item, Family) and item.summary.seeds > 1 else "film"
    matrix = Matrix(
        entry.title, entry.colour, classes, classes, counts.tolist(), texts,
        shades.round(3).tolist(), ("", " called ", f", {entry.title}"), unit, noun,
        plural(entry.test.n, noun), run_marks.marks(*entry.runs), hint or "",
    )  # fmt: skip
    return Shown(matrix, entry)


def _ordered(entry: Entry, dataset: Dataset) -> list[str]:
    known = [name for name in dataset.classes if name in entry.classes]
    return known + [name for name in entry.classes if name not in known]


def _confusion(entry: Entry, dataset: Dataset) -> tuple[list[str], np.ndarray]:
    """The classes in the order of the dataset, and the counts in that order."""
    classes = _ordered(entry, dataset)
    places = [entry.classes.index(name) for name in classes]
    return classes, np.array(entry.test.confusion, dtype=np.int64)[np.ix_(places, places)]


def _shares(counts: np.ndarray, axis: int) -> np.ndarray:
    """0..1 of each row (axis 1) or column (axis 0); NaN where that is empty."""
    total = counts.sum(axis=axis, keepdims=True)
    return np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)


def percent(share: float) -> str:
    """A share as text; one that is not all or nothing never looks like it.

    >>> percent(0.5), percent(0.002), percent(0.998), percent(float("nan"))
    ('50 %', '<1 %', '>99 %', '–')
    """
    if np.isnan(share):
        return "–"
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "<1 %"
    return ">99 %" if rounded == 100 and share < 1 else f"{rounded} %"


def _signed(share: float) -> str:
    """A difference of shares in points, with a true minus."""
    if np.isnan(share):
        return "–"
    points = round(100 * share)
    return "0" if points == 0 else f"{points:+d}".replace("-", "−")
