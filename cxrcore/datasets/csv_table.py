"""Any table that names images and labels, with columns named by the user.

    root/labels.csv        path, finding, ...       the only table in the root, or `file`
    root/films/a.png

CSV of any encoding and separator, packed or not, or an Excel workbook (`cells`). Columns with
common names (`image_path`, `Label`, `patient id`) are found automatically, and else the column
of paths by what it holds. Labels may be one column, or one a class with 1 and 0.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from cxrcore.datasets import cells, film_paths, findings, scan, selection, sidecars
from cxrcore.datasets.record import Record
from cxrcore.datasets.table import Dataset, listed, plain
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

LAYOUT = "csv"
# Common names of columns, as `table.plain` writes them.
_COMMON_NAMES = {
    "path": "path filepath filename file image imagepath imagefile imagefilename imagename "
    "imageindex imageid relativepath img imgpath dicomid dateiname bild",
    "label": "label labels class classname classes finding findings findinglabels diagnosis target "
    "category diagnose befund",
    "patient_id": "patientid patient subjectid subject patientnummer",
    "source": "source hospital institution site dataset collection",
    "view": "view viewposition viewpos projection",
    "modality": "modality",
    "split": "split subset fold partition set",
    "mask": "mask maskpath maskfile lungmask",
    "age": "age patientage ageyears alter",
    "sex": "sex gender patientsex patientgender geschlecht",
}
OURS = tuple(_COMMON_NAMES)
_NEEDED = ("path", "label")
_SAMPLE = 200  # lines in which columns are judged by what they hold


class Options(selection.LabelOptions):
    """Which column of the table is which."""

    file: str = Field(
        "", description="the table in the folder, or several of one form: a.csv,b.csv"
    )
    path: str = Field("", description="the column of the images' files")
    label: str = Field("", description="the column of the classes, or one a class: A,B,C")
    constant_label: str = Field("", description="one class for all images of the table")
    patient_id: str = Field("", description="the column of patient numbers or names")
    source: str = Field("", description="the column of hospitals or collections")
    view: str = Field("", description="the column with PA, AP or L")
    modality_column: str = Field("", description="the column with xray or ct")
    split: str = Field("", description="the column with train, validation or test")
    mask: str = Field("", description="the column of the lung masks' files")
    age: str = Field("", description="the column of ages, in years or as DICOM writes them")
    sex: str = Field("", description="the column with F or M, female or male")


def detect(root: Path) -> bool:
    """Whether there is one table, and its columns of paths and labels can be told.

    `metadata.csv` does not count: it may be the sidecar of class folders, so it has to be named.
    """
    try:
        files = tables_in(root)
        if len(files) != 1 or files[0].name == sidecars.METADATA:
            return False
        names = [plain(name) for name in cells.header(files[0])]
        named = [sum(name in _COMMON_NAMES[ours].split() for name in names) for ours in _NEEDED]
        if named != [1, 1]:
            columns(root, files[0], {})
    except DatasetError:
        return False
    return True


def tables_in(root: Path) -> list[Path]:
    """The tables in a folder, or in the only folder in it, by name.

    A `metadata.csv` with a column `path` does not count: it is the sidecar of class folders.

    Raises:
        DatasetError: the folder cannot be opened.
    """
    for base in scan.wrappers(root):
        try:
            names = sorted(entry.name for entry in os.scandir(base))
        except OSError as error:
            raise DatasetError(f"{base} cannot be opened. Check the permissions.") from error
        tables = [base / name for name in names if cells.is_table(name) and name[0] not in ".~"]
        tables = [path for path in tables if not sidecars.is_sidecar(path)]
        if tables:
            return tables
    return []


def read(
    root: Path,
    name: str,
    report: Report = silent,
    *,
    file: str = "",
    constant_label: str = "",
    as_written: bool = False,
    **named: str,
) -> Dataset:
    """The dataset of a table; `named` are the columns of `Options`.

    Lines without a label or an existing image are left out with a note. `as_written` takes a cell
    with several findings as one label, as earlier versions did.

    Raises:
        DatasetError: no table or several, a column that is missing or cannot be told, or no
            usable line.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    files = _files(root, file)
    named = {key.removesuffix("_column"): column for key, column in named.items() if column}
    found, labels, example = columns(root, files[0], named, constant_label)
    used = {**found, **({"label": ", ".join(labels)} if labels else {})}
    label = found.get("label", "")
    record = Record(
        name=LAYOUT,
        source="",
        tables=tuple(path.relative_to(root).as_posix() for path in files),
        path=found["path"],
        label=label,
        labels=labels,
        separator=findings.separator_of(example[label]) if label and not as_written else "",
        columns={
            ours: (theirs,) for ours, theirs in found.items() if ours not in ("path", "label")
        },
        constants={"label": constant_label} if constant_label else {},
        split_of_table=len(files) > 1,
    )
    told = [f"{ours}: {theirs}" for ours, theirs in used.items() if ours != theirs]
    said = f"Columns used from {files[0].name}: {', '.join(told)}."
    return record.read(root, name, report, notes=(said,) if told else ())


def _files(root: Path, file: str) -> list[Path]:
    """The tables that were named, or the only one."""
    names = [file] if (root / file).is_file() else [part.strip() for part in file.split(",")]
    if file:
        for name in names:
            path = root / name
            if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
                raise DatasetError(
                    f"There is no file {name!r} in {root}. Name a table that lies in it."
                )
        return [root / name for name in names]
    there = tables_in(root)
    if len(there) != 1:
        said = listed((path.name for path in there), 8)
        kinds = ", ".join(cells.SUFFIXES)
        content = f"holds {len(there)} tables: {said}" if there else f"holds no table ({kinds})"
        raise DatasetError(f"{root} {content}. Name one: --option file=NAME.csv.")
    return there


def columns(
    root: Path, file: Path, named: Mapping[str, str], constant_label: str = ""
) -> tuple[dict[str, str], tuple[str, ...], pd.DataFrame]:
    """The table's column for each of ours: as named, else the only one with a common name.

    Returns:
        our column -> the table's; the columns of classes if there is one a class; the table.

    Raises:
        DatasetError: a named column is missing, or none or several may be path or label.
    """
    table = cells.read(file)
    there = list(map(str, table.columns))
    has = f"it has the columns {listed(there, 20)}" if there else "it is empty"
    label = named.get("label", "")
    wanted = [column for ours, column in named.items() if ours != "label"]
    wanted += [label] if label in there else _parts(label)
    if strange := [column for column in wanted if column not in there]:
        raise DatasetError(f"{file} has no column {listed(map(repr, strange))}; {has}.")
    found, labels, fitting = told_columns(root, table, named)
    if constant_label:
        found.pop("label", None)
        labels = ()
    for ours in _NEEDED:
        if ours not in found and not (ours == "label" and (labels or constant_label)):
            fits = fitting.get(ours, [])
            why = f"{listed(fits)} all fit" if fits else "none has a common name"
            raise DatasetError(
                f"{file}: it is unclear which column is the {ours}: {why}; {has}. Name it: "
                f"python -m cxrcore data add NAME {shlex.quote(str(file))} {_example(found)}"
            )
    return found, labels, table


def told_columns(
    root: Path, table: pd.DataFrame, named: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...], dict[str, list[str]]]:
    """What can be told of a table's columns.

    Returns:
        our column -> the table's; the columns of classes if there is one a class; our column ->
        those that fit, where it was not named.
    """
    there = list(map(str, table.columns))
    labels = () if named.get("label") in there else _parts(named.get("label", ""))
    found = {ours: column for ours, column in named.items() if not (ours == "label" and labels)}
    taken = {*found.values(), *labels}
    fitting: dict[str, list[str]] = {}
    for ours, names in _COMMON_NAMES.items():
        if ours in found or (ours == "label" and labels):
            continue
        fits = [name for name in there if plain(name) in names.split() and name not in taken]
        fitting[ours] = fits or (_holding_films(root, table) if ours == "path" else [])
        found |= {ours: fitting[ours][0]} if len(fitting[ours]) == 1 else {}
    if not labels and "label" not in found and not fitting["label"]:
        labels = _yes_or_no(table.drop(columns=list(found.values())))
    return found, labels, fitting


def _parts(label: str) -> tuple[str, ...]:
    """The columns of classes that were named as A,B,C."""
    return tuple(part.strip() for part in label.split(",") if part.strip())


def _holding_films(root: Path, table: pd.DataFrame) -> list[str]:
    """The columns of which most cells name an image of the folder, and the most different ones."""
    films = scan.pictures(root, scan.find(root))
    sample = table.head(_SAMPLE)
    found = {str(name): film_paths.matched(sample[name], films)[0] for name in sample.columns}
    different = {
        name: meant.nunique() for name, meant in found.items() if meant.notna().mean() > 0.5
    }
    return [name for name, number in different.items() if number == max(different.values())]


def _yes_or_no(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns of 1, 0, -1 and empty cells, if there are two or more."""
    names = []
    for name in table.columns:
        try:
            told = findings.of_cells(table[[name]])[name]
        except DatasetError:
            continue
        names += [str(name)] if (told == findings.PRESENT).any() else []
    return tuple(names) if len(names) > 1 else ()


def _example(found: Mapping[str, str]) -> str:
    """The two options to type, with what is known filled in."""
    options = [f"{ours}={found.get(ours, 'COLUMN')}" for ours in _NEEDED]
    return " ".join(f'--option "{o}"' if " " in o else f"--option {o}" for o in options)
