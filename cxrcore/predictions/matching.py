"""Rows of predictions and the films that they are about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.datasets.table import count, listed
from cxrcore.errors import PredictionsError
from cxrcore.predictions import columns as columns_of
from cxrcore.predictions.columns import Columns, Kind
from cxrcore.predictions.division import TESTED
from cxrcore.predictions.films import LEFT_OUT, SEVERAL, find_films
from cxrcore.predictions.reading import Table
from cxrcore.store.differences import one_line

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

_TRAINED = "train"


@dataclass(frozen=True, eq=False)
class Matched:
    """Predictions of films of a dataset, checked and complete, but not kept yet.

    Attributes:
        table: as it was read.
        dataset: of the films.
        rows: (n,) of the films in the dataset's table.
        parts: (n,) "validation" or "test".
        folds: (n,) from 1; None without folds.
        probabilities: (n, k) in the order of the dataset's classes.
        embeddings: (n, d); d is 0 without any.
        missing: test films of the dataset's division that have no row.
        notes: sentences on what was recognised and what is left out.
    """

    table: Table
    dataset: "Dataset"
    rows: npt.NDArray[np.intp]
    parts: npt.NDArray[np.object_]
    folds: npt.NDArray[np.int64] | None
    probabilities: npt.NDArray[np.float64]
    embeddings: npt.NDArray[np.float32]
    missing: list[str]
    notes: tuple[str, ...]


def match(
    table: Table,
    dataset: "Dataset",
    division: pd.Series | None,
    *,
    kind: Kind | None = None,
    mapping: Mapping[str, str] | None = None,
    partial: bool = False,
) -> Matched:
    """Find the film of each row, by content, then by path, then by a name that only one film has.

    Args:
        table: as `read`.
        dataset: whose films and classes.
        division: image_id -> part, as `divide` has it, whose test films all need a row; None if the
            model was tested on films of its own choice, by the column split or else all.
        kind: what the values are; None to recognise it.
        mapping: column -> class, for columns with other names.
        partial: take what there is where rows have no film or test films no row.

    Raises:
        PredictionsError: columns or values cannot be used, films have several rows, or something does
            not match and `partial` is false. Nothing is kept then.
    """
    names = columns_of.recognise(table.rows, dataset.classes, mapping)
    shares, found_kind = columns_of.probabilities(
        columns_of.numbers(table.rows, list(names.classes.values())), kind
    )
    inner = np.empty((len(shares), 0), np.float32)
    if names.embeddings:
        inner = columns_of.numbers(table.rows, names.embeddings).astype(np.float32)
    rows = find_films(table.rows, dataset, names)
    unmatched = say_unmatched(table, dataset, names, rows, partial)
    parts, folds = _parts(table.rows, dataset, names, rows, division)
    tested = (rows >= 0) & np.isin(parts, TESTED)
    if not (parts[tested] == "test").any():
        raise PredictionsError(
            f"{table.name!r} has no test film of {dataset.name}. Give them 'test' in a column split, or "
            "say that the model was tested on films of its own choice (--own-films)."
        )
    require_once(table, names, rows, folds, tested)
    missing = _missing(dataset, rows[tested], parts[tested], division, partial)
    notes = [f"The values are {found_kind}{'' if kind else ', as recognised'}."]
    notes += [unmatched] if unmatched else []
    if trained := int(((rows >= 0) & (parts == _TRAINED)).sum()):
        notes.append(f"{count(trained, 'row')} left out: films of the training part.")
    if missing:
        notes.append(f"{count(len(missing), 'test film')} without a row: {listed(missing)}.")
    if names.ignored:
        notes.append(f"Columns that are no prediction: {listed(names.ignored)}.")
    return Matched(
        table,
        dataset,
        rows[tested],
        parts[tested],
        None if folds is None else folds[tested],
        shares[tested],
        inner[tested],
        missing,
        tuple(notes),
    )


def say_unmatched(
    table: Table, dataset: "Dataset", names: Columns, rows: npt.NDArray[np.intp], partial: bool
) -> str:
    """A sentence on rows without a film; "" without any.

    Raises:
        PredictionsError: no row has a film, or some have none and `partial` is false.
    """
    without = np.flatnonzero((rows < 0) & (rows != LEFT_OUT))
    note = ""
    if left_out := int((rows == LEFT_OUT).sum()):
        note = (
            f"{count(left_out, 'row')} left out: files that {dataset.name} leaves out, because another one "
            "has the same content."
        )
    if not len(without):
        return note
    column = list(names.films.values())[-1]
    examples = listed([one_line(str(text)[:60]) for text in table.rows[column].iloc[without[:4]]])
    sentence = (
        f"{len(without):,} of {len(rows):,} rows are about no film of {dataset.name}: {examples}"
    )
    sentence += f" and more ({len(without):,} in all)." if len(without) > 4 else "."
    if several := int((rows == SEVERAL).sum()):
        sentence += (
            f" {count(several, 'name')} that of several films: give the path or the image_id."
        )
    if len(without) == len(rows):
        raise PredictionsError(f"{sentence} Is it the file of another dataset?")
    if not partial:
        raise PredictionsError(
            f"{sentence} Correct them, or take the other rows alone (--partial)."
        )
    return f"{sentence} {note}".strip()


def _parts(
    rows: pd.DataFrame,
    dataset: "Dataset",
    names: Columns,
    films: npt.NDArray[np.intp],
    division: pd.Series | None,
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64] | None]:
    """(n,) part of each row, and (n,) its fold."""
    folds = None
    if "fold" in names.parts:
        values = columns_of.numbers(rows, [names.parts["fold"]])[:, 0]
        folds = values.astype(np.int64)
        most = int(values.max())
        if (folds != values).any() or set(folds) != set(range(1, most + 1)) or not 2 <= most <= 10:
            raise PredictionsError(
                f"The folds must be numbered from 1 to 2 or more, at most 10, without a gap. Found: "
                f"{listed([f'{v:g}' for v in np.unique(values)], 12)}."
            )
    if "split" in names.parts:
        texts = rows[names.parts["split"]].astype(object).astype(str).str.strip().str.lower()
        parts = texts.replace({"val": "validation", "valid": "validation"}).to_numpy(object)
        if wrong := sorted(set(parts) - {*TESTED, _TRAINED}):
            raise PredictionsError(
                f"The column split holds {listed(map(repr, wrong))}. It may hold train, validation and "
                "test."
            )
        return parts, folds
    if folds is not None or division is None:
        return np.full(len(rows), "test", object), folds
    ids = dataset.table["image_id"].to_numpy(object)[np.maximum(films, 0)]
    return division.reindex(ids).fillna(_TRAINED).to_numpy(object), folds


def require_once(
    table: Table,
    names: Columns,
    rows: npt.NDArray[np.intp],
    folds: npt.NDArray[np.int64] | None,
    tested: npt.NDArray[np.bool_],
) -> None:
    """Each film that is tested must have one row, or one a fold; else PredictionsError."""
    keys = pd.DataFrame({"film": rows[tested], "fold": 0 if folds is None else folds[tested]})
    doubled = keys.duplicated(keep=False)
    if not doubled.any():
        return
    first = keys[doubled].iloc[0]
    places = np.flatnonzero(tested)[(keys == first).all(axis=1).to_numpy()] + 1
    column = list(names.films.values())[-1]
    raise PredictionsError(
        f"{keys[doubled].drop_duplicates().shape[0]:,} films have several rows, such as "
        f"{one_line(str(table.rows[column].iloc[places[0] - 1])[:60])!r} in rows {listed(map(str, places))}. "
        "Keep one row a film."
    )


def _missing(
    dataset: "Dataset",
    rows: npt.NDArray[np.intp],
    parts: npt.NDArray[np.object_],
    division: pd.Series | None,
    partial: bool,
) -> list[str]:
    """Paths of the test films of the usual division that have no row as test films."""
    if division is None:
        return []
    there = set(dataset.table["image_id"].to_numpy(object)[rows[parts == "test"]])
    wanted = division.index[division == "test"]
    without = dataset.table["image_id"].isin(set(wanted) - there)
    missing = [str(path) for path in dataset.table.loc[without, "path"]]
    if missing and not partial:
        raise PredictionsError(
            f"{len(missing):,} of {len(wanted):,} test films of {dataset.name} have no row: "
            f"{listed(missing)}. Predict them too, or take what there is (--partial); if the model was "
            "tested on films of its own choice, say so (--own-films)."
        )
    return missing
