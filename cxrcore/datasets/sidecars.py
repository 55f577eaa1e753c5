"""Files beside the images: `metadata.csv` fills columns, `dataset.json` describes the dataset.

`metadata.csv` needs the column `path` (relative to the root, with /) and may have patient_id,
source, view, modality, split and mask; other columns are ignored. An empty cell changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrcore.datasets import cells, words
from cxrcore.datasets.table import PEOPLE, count, listed
from cxrcore.errors import DatasetError, StoreError
from cxrcore.files import read_json

METADATA, ABOUT = "metadata.csv", "dataset.json"
NAMES = frozenset({METADATA, ABOUT})
_FILLED = ("patient_id", "source", *words.COLUMNS, "mask", *PEOPLE)


@dataclass(frozen=True)
class About:
    """What `dataset.json` says: whether it is synthetic, its classes in order, if listed, and notes."""

    synthetic: bool = False
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def read_about(root: Path) -> About:
    """`dataset.json` in the root, or the defaults where there is none.

    Raises:
        DatasetError: it is not JSON, or a value has the wrong type.
    """
    path = root / ABOUT
    if not path.is_file():
        return About()
    try:
        found = read_json(path)
    except (StoreError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read as JSON. Correct or remove it.") from error
    content = found if isinstance(found, dict) else {"classes": found}
    synthetic, notes = content.get("synthetic", False), content.get("notes", [])
    classes = content.get("classes")
    well_formed = isinstance(synthetic, bool) and _is_texts(notes)
    if not well_formed or not (classes is None or (_is_texts(classes) and _is_unique(classes))):
        raise DatasetError(
            f'{path} should be like {{"synthetic": false, "classes": ["A", "B"], "notes": []}}. '
            f"Found: {str(found)[:120]}. Correct or remove it."
        )
    return About(synthetic, None if classes is None else tuple(classes), tuple(notes))


def is_sidecar(path: Path) -> bool:
    """Whether a table is the `metadata.csv` of class folders, by its column `path`."""
    try:
        return path.name == METADATA and "path" in cells.header(path)
    except DatasetError:
        return False


def fill(
    table: pd.DataFrame, root: Path, present: Collection[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The image table with the columns of `metadata.csv` filled in, and notes.

    Args:
        table: the image table so far, each path once.
        root: the dataset's folder.
        present: the relative paths of all its files, among which masks must be.

    Raises:
        DatasetError: the file is not a table, or lists an image twice.
    """
    path = root / METADATA
    if not path.is_file():
        return table, []
    rows = cells.read(path)
    if "path" not in rows.columns:
        columns = listed(map(str, rows.columns), 8)
        return table, [f"{METADATA} is not used: it has no column `path`; it has {columns}."]
    rows = rows[rows["path"].notna()]
    rows = rows.set_index(_as_posix(rows["path"]))
    if twice := list(rows.index[rows.index.duplicated()]):
        raise DatasetError(f"{path} lists images twice: {listed(twice)}. Keep one line for each.")
    table, notes = table.copy(), []
    if unknown := sorted(set(rows.index) - set(table["path"])):
        notes.append(
            f"{count(len(unknown), 'line')} in {METADATA} without an image in the folder: "
            f"{listed(unknown)}."
        )
    rows = rows.reindex(table["path"]).set_axis(table.index)
    for column in [name for name in _FILLED if name in rows.columns]:
        told = rows[column]
        good = _usable(told, column, present)
        if (bad := told.notna() & good.isna()).any():
            notes.append(
                f"In {METADATA}, {count(int(bad.sum()), 'value')} not used as {column}: "
                f"{listed(told[bad].drop_duplicates())}."
            )
        table[column] = good.fillna(table[column]) if column in table else good
    return table, notes


def _usable(told: pd.Series, column: str, present: Collection[str]) -> pd.Series:
    """The cells as in the image table; missing where they cannot be used."""
    if column in (*words.COLUMNS, *PEOPLE):
        return words.normalised(told, column)
    if column == "mask":
        paths = _as_posix(told)
        return paths.where(paths.isin(present))
    return told


def _as_posix(paths: pd.Series) -> pd.Series:
    return paths.str.replace("\\", "/", regex=False).str.removeprefix("./")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _is_unique(names: list[str]) -> bool:
    return len(set(names)) == len(names)
