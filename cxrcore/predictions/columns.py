"""What the columns of a table are: films, parts of a split, classes, embeddings; and what the numbers mean.

image_id, sha256 or path     which film: its id here, the digest of its file, its path or name
one a class                  named as in the dataset, or with "p_" before; every class of it
split, fold                  "validation" or "test"; the number of the fold that tested the film
embedding_0, embedding_1 …   what the model sees in the film, as numbers
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.datasets.table import listed, same_name
from cxrcore.errors import PredictionsError
from cxrcore.store.differences import one_line

Kind = Literal["probabilities", "percent", "logits"]
KINDS: tuple[Kind, ...] = ("probabilities", "percent", "logits")
FILMS = ("image_id", "sha256", "path")
_PARTS = ("split", "fold")
KNOWN = ("label", "predicted", *_PARTS, *FILMS)  # no classes, even if a class is called so
_EMBEDDING = re.compile(r"embedding_(\d+)")
_FEW_PERCENT = 0.02  # by which the sum of a row may differ from 1: rounded figures


@dataclass(frozen=True)
class Columns:
    """Names of columns: of films in order of preference, by class, of embeddings; those left out."""

    films: dict[str, str]
    parts: dict[str, str]
    classes: dict[str, str]
    embeddings: list[str]
    ignored: list[str]


def recognise(
    rows: pd.DataFrame, classes: Sequence[str], mapping: Mapping[str, str] | None = None
) -> Columns:
    """Which column is what.

    Args:
        rows: the table.
        classes: of the dataset; each needs a column.
        mapping: column -> class, for columns with other names.

    Raises:
        PredictionsError: no column of films, none for a class, two for one, or one of numbers that is
            nothing of all that.
    """
    names, films = _by_lower_case(rows), film_columns(rows)
    of_class = _classes(rows, classes, mapping or {})
    embeddings = {int(m[1]): n for n in rows.columns if (m := _EMBEDDING.fullmatch(str(n)))}
    used = {*of_class.values(), *embeddings.values(), *(names[n] for n in KNOWN if n in names)}
    others = [str(name) for name in rows.columns if name not in used]
    if numbers := [name for name in others if pd.api.types.is_numeric_dtype(rows[name])]:
        raise PredictionsError(
            f"{listed(numbers)} is no class of this dataset, whose classes are {listed(classes, 20)}. "
            "Remove the column, or say which class it is (--map COLUMN=CLASS)."
        )
    parts = {name: names[name] for name in _PARTS if name in names}
    ordered = [embeddings[number] for number in sorted(embeddings)]
    return Columns(films, parts, of_class, ordered, others)


def film_columns(rows: pd.DataFrame) -> dict[str, str]:
    """Those of FILMS that a table has -> how they are written there.

    Raises:
        PredictionsError: there is none.
    """
    names = _by_lower_case(rows)
    films = {name: names[name] for name in FILMS if name in names}
    if not films:
        raise PredictionsError(
            f"No column says which film a row is about. One must be called {', '.join(FILMS[:-1])} or "
            f"{FILMS[-1]}. There are: {listed(rows.columns, 9)}."
        )
    return films


def _by_lower_case(rows: pd.DataFrame) -> dict[str, str]:
    return {str(name).strip().lower(): str(name) for name in rows.columns}


def _classes(
    rows: pd.DataFrame, classes: Sequence[str], mapping: Mapping[str, str]
) -> dict[str, str]:
    if unknown := sorted(set(mapping) - set(rows.columns)):
        raise PredictionsError(
            f"There is no column {listed(unknown)}. There are: {listed(rows.columns, 20)}."
        )
    if wrong := sorted(set(mapping.values()) - set(classes)):
        raise PredictionsError(
            f"The dataset has no class {listed(wrong)}. Its classes are {listed(classes, 20)}."
        )
    found: dict[str, list[str]] = {name: [] for name in classes}
    for column in map(str, rows.columns):
        name = mapping.get(column) or same_name(column, classes)
        name = name or same_name(column.removeprefix("p_"), classes)
        if name and (column.lower() not in KNOWN or column in mapping):
            found[name].append(column)
    if missing := [name for name, some in found.items() if not some]:
        raise PredictionsError(
            f"No column for the class {listed(missing)}. Each class of the dataset needs one: "
            f"{listed(classes, 20)}. The columns are {listed(rows.columns, 20)}; rename the one "
            "that is it, or say so on the command line (--map COLUMN=CLASS)."
        )
    if several := [(name, some) for name, some in found.items() if len(some) > 1]:
        name, some = several[0]
        raise PredictionsError(
            f"The columns {listed(some)} all stand for the class {name}. Keep one of them."
        )
    return {name: some[0] for name, some in found.items()}


def numbers(rows: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """(n, m) values of columns.

    Raises:
        PredictionsError: a cell is empty or no finite number; names the first row, counted from 1.
    """
    try:
        found = rows[list(names)].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        text = next(name for name in names if not pd.api.types.is_numeric_dtype(rows[name]))
        raise PredictionsError(
            f"The column {text!r} holds something else than numbers, such as {_text_in(rows[text])!r}. "
            "Write numbers with a decimal point."
        ) from error
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        raise PredictionsError(
            f"{int(bad.sum()):,} of {len(bad):,} rows have an empty cell or no finite number in "
            f"{listed(names)}; the first is row {int(bad.argmax()) + 1:,}. Leave these rows out, or "
            "predict them again."
        )
    return found


def probabilities(
    values: npt.NDArray[np.float64], said: Kind | None
) -> tuple[npt.NDArray[np.float64], Kind]:
    """(n, k) probabilities of each class, and what the values were; said, or recognised beyond doubt.

    Raises:
        PredictionsError: they are not what was said, or it is not clear what they are.
    """
    sums, low = values.sum(axis=1), values.min(axis=1)
    fits: dict[Kind, npt.NDArray[np.bool_]] = {
        "probabilities": (low >= 0) & (np.abs(sums - 1) <= _FEW_PERCENT),
        "percent": (low >= 0) & (np.abs(sums - 100) <= 100 * _FEW_PERCENT),
        "logits": np.ones(len(values), bool),
    }
    kind: Kind | None = said or next((k for k in KINDS[:2] if fits[k].all()), None)
    if kind is None and (low < 0).any():
        kind = "logits"
    if kind is None or not fits[kind].all():
        wrong = int((~fits[kind or "probabilities"]).argmax())
        raise PredictionsError(
            ("The values are not what was said" if said else "It is not clear what the values are")
            + f": row {wrong + 1:,} adds up to {sums[wrong]:.4g}, where probabilities add up to 1 and "
            "percent to 100. Correct them, or say that they are logits (--values logits)."
        )
    if kind == "logits":
        shifted = np.exp(values - values.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True), kind
    return values / sums[:, None], kind


def _text_in(column: pd.Series) -> str:
    """The first cell that is no number."""
    for cell in column:
        try:
            float(cell)
        except (TypeError, ValueError):
            return one_line(str(cell)[:40])
    return "text"
