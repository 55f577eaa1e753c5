"""Files beside the images: `metadata.csv` fills columns, `dataset.json` describes the dataset.

`metadata.csv` needs the column `path` (relative to the root, with /) and may have patient_id,
source, view, modality, split and mask; other columns are ignored. An empty cell changes nothing.
"""

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrcore.datasets.table import count, listed
from cxrcore.errors import DatasetError, StoreError
from cxrcore.files import read_json

METADATA, ABOUT = "metadata.csv", "dataset.json"
NAMES = frozenset({METADATA, ABOUT})
# Names of published splits and modalities in folders and tables: those of this project.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
MODALITIES = {"ct": "ct", **dict.fromkeys(("xray", "x-ray", "x_ray", "cxr"), "xray")}
_VIEWS = {"pa": "PA", **dict.fromkeys(("ap", "ap supine"), "AP"), "l": "L", "lateral": "L"}
_WORDS = {"split": SPLITS, "modality": MODALITIES, "view": _VIEWS}
DELIMITERS = ",;\t|"
_LONGEST = 1 << 20  # characters of the first line in which delimiters are counted
_FILLED = ("patient_id", "source", *_WORDS, "mask")


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
    rows = read_csv(path)
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
        cells = rows[column]
        good = _usable(cells, column, present)
        if (bad := cells.notna() & good.isna()).any():
            notes.append(
                f"In {METADATA}, {count(int(bad.sum()), 'value')} not used as {column}: "
                f"{listed(cells[bad].drop_duplicates())}."
            )
        table[column] = good.fillna(table[column])
    return table, notes


def _usable(cells: pd.Series, column: str, present: Collection[str]) -> pd.Series:
    """The cells as in the image table; missing where they cannot be used."""
    if column in _WORDS:
        return normalised(cells, column)
    if column == "mask":
        paths = _as_posix(cells)
        return paths.where(paths.isin(present))
    return cells


def _as_posix(paths: pd.Series) -> pd.Series:
    return paths.str.replace("\\", "/", regex=False).str.removeprefix("./")


def normalised(cells: pd.Series, column: str) -> pd.Series:
    """Cells of split, modality or view in the words of the image table; unknown ones missing."""
    return cells.str.lower().map(_WORDS[column]).astype("string")


def header(path: Path) -> list[str]:
    """The names in the first line of a CSV file; the rest is not read.

    Raises:
        DatasetError: the first line cannot be read.
    """
    return next(_lines(path, DELIMITERS))


def read_csv(path: Path, delimiters: str = ",") -> pd.DataFrame:
    """All cells as stripped text; only empty ones are missing ("NA" may be a name).

    Not read by pandas, which accepts lines that are too long or too short.

    Args:
        path: the file, UTF-8.
        delimiters: candidates; the one that occurs most in the first line is used.

    Raises:
        DatasetError: it cannot be opened, is not UTF-8, or its lines differ in length.
    """
    names, *lines = _lines(path, delimiters)
    rows = pd.DataFrame(lines, columns=names, dtype="string")
    for column in rows.columns:
        text = rows[column].str.strip()
        rows[column] = text.mask(text == "", pd.NA)
    return rows


def _lines(path: Path, delimiters: str) -> Iterator[list[str]]:
    """The cells of each line of a CSV file, the header first; all of one length."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline(_LONGEST)
            delimiter = max(delimiters, key=first.count)
            file.seek(0)
            reader = csv.reader(file, strict=True, delimiter=delimiter)
            names = [name.strip() for name in next(reader, [])]
            if not _is_unique(names):
                raise ValueError(f"columns of the same name in {names}")
            yield names
            for line in reader:
                if line and len(line) != len(names):
                    raise ValueError(
                        f"line {reader.line_num} has {len(line)} cells, the first has {len(names)}"
                    )
                if line:
                    yield line
    except (OSError, ValueError, csv.Error) as error:  # bad UTF-8 is a ValueError
        raise DatasetError(
            f"{path} cannot be read as a table: {' '.join(str(error).split())[:160]}. "
            "Save it as comma-separated UTF-8 text, or remove it."
        ) from error


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _is_unique(names: list[str]) -> bool:
    return len(set(names)) == len(names)
