"""A cell of a confusion matrix: its address, and the films in it."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import pandas as pd
import streamlit as st

from cxrcore import files, settings, store
from pages.shared.entries import Entry


@dataclass(frozen=True)
class Cell:
    """The films that `entry` calls `column` and whose class is `row`; or that `rows` calls `row`."""

    entry: Entry
    row: str
    column: str
    rows: Entry | None = None  # whose answers the rows are; None where they are the true classes

    @property
    def address(self) -> str:
        """The value of `cell=` in the page's address; `find` reads it."""
        parts = [self.entry.name, self.row, self.column, *([self.rows.name] if self.rows else [])]
        return "~".join(part.replace("%", "%25").replace("~", "%7E") for part in parts)

    @property
    def title(self) -> str:
        """What its films have in common, as plain text."""
        if self.rows is None:
            return f"{self.row} called {self.column}"
        return f"{self.rows.title} says {self.row}, {self.entry.title} says {self.column}"


def find(address: str, entries: Sequence[Entry]) -> Cell | None:
    """The cell of an address, which anybody may have written; None if no entry has it."""
    name, *names = (unquote(part) for part in address.split("~"))
    known = {entry.name: entry for entry in entries}
    if name not in known or len(names) not in (2, 3) or not known.keys() >= set(names[2:]):
        return None
    entry, row, column = known[name], names[0], names[1]
    rows = known[names[2]] if len(names) == 3 else None
    if row not in (rows or entry).classes or column not in entry.classes:
        return None
    return Cell(entry, row, column, rows)


@dataclass(frozen=True)
class Films:
    """The films of a cell, one row an image, and what every entry says of them.

    Attributes:
        table: image_id, label, certainty (0..1, of the entry whose cell it is) and otherwise (how
            many of the other entries give another answer), the most certain first.
        given: answers in the cell, more than images where several seeds gave the same one.
        answers: name of an entry -> its `answers`, also to other images.
    """

    table: pd.DataFrame
    given: int
    answers: Mapping[str, pd.DataFrame]


def films(cell: Cell, entries: Sequence[Entry]) -> Films:
    """The films of a cell, each once however many runs of a family tested it; read-only.

    Raises:
        StoreError: the predictions of a run are missing or were changed.
    """
    return _films(cell, entries, cell.address, tuple(map(_key, entries)))


@st.cache_resource(max_entries=16, show_spinner=False)
def _films(_cell: Cell, _entries: Sequence[Entry], address: str, keys: tuple[object, ...]) -> Films:
    own = _predictions(_cell.entry)
    found = own[own["predicted"] == _cell.column]
    if _cell.rows is None:
        found = found[found["label"] == _cell.row]
    else:
        # An entry has one answer to a film here, also where several seeds of a family tested it.
        found = answers(_cell.entry)
        other = answers(_cell.rows)
        same = other.index[(other["predicted"] == _cell.row).to_numpy()]
        found = found[(found["predicted"] == _cell.column) & found.index.isin(same)].reset_index()
    table = found[["image_id", "label"]].astype(object)
    table["certainty"] = found[f"p_{_cell.column}"]
    table = table.sort_values("certainty", ascending=False, kind="stable")
    table = table.drop_duplicates("image_id").reset_index(drop=True)
    every = {entry.name: answers(entry) for entry in _entries}
    table["otherwise"] = 0
    for name, said in every.items():
        if name != _cell.entry.name:
            places = said.index.get_indexer(pd.Index(table["image_id"], dtype=object))
            same = (said["predicted"] == _cell.column).to_numpy()[places]
            table["otherwise"] += (places >= 0) & ~same
    return Films(table, len(found), every)


def answers(entry: Entry) -> pd.DataFrame:
    """One answer an image of the test part: label, predicted and one `p_<class>`, by image_id.

    Where several runs of a family tested an image, the mean of their probabilities decides.
    Read-only, and kept: 20 runs on 20,000 images take about 40 MB.

    Raises:
        StoreError: the predictions of a run are missing or were changed.
    """
    return _answers(entry, _key(entry))


@st.cache_resource(max_entries=32, show_spinner=False)
def _answers(_entry: Entry, key: object) -> pd.DataFrame:
    table = _predictions(_entry)
    if table["image_id"].is_unique:
        return table.set_index("image_id")
    shares = [f"p_{name}" for name in _entry.classes]
    by_image = table.groupby("image_id", sort=False)
    joined = by_image[shares].mean()
    best = joined[shares].to_numpy().argmax(axis=1)
    said = pd.Categorical.from_codes(best, _entry.classes)
    joined.insert(0, "label", by_image["label"].first())
    joined.insert(1, "predicted", said)
    return joined


def _predictions(entry: Entry) -> pd.DataFrame:
    """Every run's answer to every image of its test part."""
    return _read(entry, _key(entry))


@st.cache_resource(max_entries=32, show_spinner=False)
def _read(_entry: Entry, key: object) -> pd.DataFrame:
    table = _entry.predictions().drop(columns=["path", "split"]).reset_index(drop=True)
    # Interned, because runs share their images: a name takes its memory once, not once a run.
    names = map(sys.intern, table["image_id"].astype(object))
    table["image_id"] = pd.Series(list(names), dtype=object)
    for column in ("label", "predicted"):
        table[column] = pd.Categorical(table[column], _entry.classes)
    return table


def _key(entry: Entry) -> tuple[object, ...]:
    """Changes when a run of the entry does."""
    stamps: tuple[tuple[str, files.Stamp], ...] = tuple(
        (run.run_id, store.stamp(run.run_id)) for run in entry.runs
    )
    return (entry.name, str(settings.models_dir()), stamps)
