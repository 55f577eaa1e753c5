"""Any CSV that names images and labels, with columns named by the user.

    root/labels.csv        path, finding, ...       the only CSV in the root, or `file`
    root/films/a.png                                paths are relative to the root

Columns with common names (`image_path`, `Label`, `patient id`) are found automatically. Values of
view, modality and split are read as in the other layouts, in any letter case.
"""

import os
import posixpath
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from cxrcore.datasets import assembly, scan, selection, sidecars
from cxrcore.datasets.table import Dataset, count, listed, plain
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

LAYOUT = "csv"
SUFFIX = ".csv"
# Common names of columns, as `table.plain` writes them.
_COMMON_NAMES = {
    "path": "path filepath filename file image imagepath imagefile imagefilename imagename "
    "imageindex relativepath img imgpath",
    "label": "label labels class classname finding findings findinglabels diagnosis target "
    "category",
    "patient_id": "patientid patient subjectid subject",
    "source": "source hospital institution site dataset collection",
    "view": "view viewposition viewpos projection",
    "modality": "modality",
    "split": "split subset fold partition set",
    "mask": "mask maskpath maskfile lungmask",
}
_NEEDED = ("path", "label")


class Options(selection.Options):
    """Which column of the CSV is which."""

    file: str = Field("", description="the CSV in the folder; by default the only one")
    path: str = Field("", description="the column of the images' files")
    label: str = Field("", description="the column of the classes")
    patient_id: str = Field("", description="the column of patient numbers or names")
    source: str = Field("", description="the column of hospitals or collections")
    view: str = Field("", description="the column with PA, AP or L")
    modality_column: str = Field("", description="the column with xray or ct")
    split: str = Field("", description="the column with train, validation or test")
    mask: str = Field("", description="the column of the lung masks' files")


def detect(root: Path) -> bool:
    """Whether the root has one CSV, with a path and a label column of common names.

    `metadata.csv` does not count: it is the sidecar of class folders.
    """
    try:
        file = _file(root, "")
        _columns(file, sidecars.header(file), {})
    except DatasetError:
        return False
    return file.name != sidecars.METADATA


def read(
    root: Path,
    name: str,
    report: Report = silent,
    *,
    file: str = "",
    **named: str,
) -> Dataset:
    """The dataset of a CSV; `named` are the columns of `Options`.

    Lines without a label or an existing image are left out with a note, and so are images with
    two labels. Absolute paths may lead into the root. A bare name, with or without its ending,
    stands for the only image of that name at any depth.

    Raises:
        DatasetError: no CSV or several, not a table, a column that is missing or cannot be
            guessed, or no usable line.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    path = _file(root, file)
    cells = sidecars.read_csv(path, sidecars.DELIMITERS)
    named = {key.removesuffix("_column"): column for key, column in named.items() if column}
    columns = _columns(path, list(cells.columns), named)
    rows, notes = _rows(root, path.name, cells, columns)
    present = {found.path: found for found in scan.find(root).files}
    rows["path"] = _full(rows["path"], present)
    rows, unused = _usable(root, path.name, rows, present)
    notes += unused
    if rows.empty:
        raise DatasetError(
            f"{path} names no labelled image that is in its folder. {' '.join(notes)} "
            f"Paths are relative to {root}."
        )
    measured = scan.measure(root, [present[path] for path in rows["path"]], report)
    return assembly.assemble(name, root, LAYOUT, rows, measured, notes)


def _file(root: Path, file: str) -> Path:
    """The CSV that was named, or the only one."""
    if file:
        path = root / file
        if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
            raise DatasetError(f"There is no file {file!r} in {root}. Name a CSV that lies in it.")
        return path
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(root)
            if entry.name.lower().endswith(SUFFIX) and not entry.name.startswith(".")
        )
    except OSError as error:
        raise DatasetError(f"{root} cannot be opened. Check the permissions.") from error
    if len(names) != 1:
        content = (
            f"holds {len(names)} CSV files: {listed(names, 8)}" if names else "holds no CSV file"
        )
        raise DatasetError(f"{root} {content}. Name one: --option file=NAME.csv.")
    return root / names[0]


def _columns(file: Path, there: list[str], named: Mapping[str, str]) -> dict[str, str]:
    """The CSV's column for each of ours: as named, else the only one with a common name.

    Raises:
        DatasetError: a named column is missing, or none or several may be path or label.
    """
    has = f"it has the columns {listed(there, 20)}" if there else "it is empty"
    if strange := [column for column in named.values() if column not in there]:
        raise DatasetError(f"{file} has no column {listed(map(repr, strange))}; {has}.")
    taken, found = set(named.values()), dict(named)
    for ours, names in _COMMON_NAMES.items():
        if ours in found:
            continue
        fitting = [name for name in there if plain(name) in names.split() and name not in taken]
        if len(fitting) == 1:
            found[ours] = fitting[0]
        elif ours in _NEEDED:
            why = f"{listed(fitting)} all fit" if fitting else "none has a common name"
            raise DatasetError(
                f"{file}: it is unclear which column is the {ours}: {why}; {has}. Name it: "
                f"python -m cxrcore data add NAME {shlex.quote(str(file))} {_example(found)}"
            )
    return found


def _example(found: Mapping[str, str]) -> str:
    """The two options to type, with what is known filled in."""
    options = [f"{ours}={found.get(ours, 'COLUMN')}" for ours in _NEEDED]
    return " ".join(f'--option "{o}"' if " " in o else f"--option {o}" for o in options)


def _rows(
    root: Path, file: str, cells: pd.DataFrame, columns: Mapping[str, str]
) -> tuple[pd.DataFrame, list[str]]:
    """The cells under our columns' names, values as in the image table, and notes."""
    rows = pd.DataFrame({ours: cells[theirs] for ours, theirs in columns.items()}, dtype="string")
    notes = []
    if used := [f"{ours}: {theirs}" for ours, theirs in columns.items() if ours != theirs]:
        notes.append(f"Columns used from {file}: {', '.join(used)}.")
    for ours in ("path", "mask"):
        if ours in rows:
            rows[ours] = _relative(root, rows[ours])
    for ours in ("view", "modality", "split"):
        if ours not in rows:
            continue
        good = sidecars.normalised(rows[ours], ours)
        if (bad := rows[ours].notna() & good.isna()).any():
            values = listed(rows.loc[bad, ours].drop_duplicates())
            notes.append(
                f"In {file}, {count(int(bad.sum()), 'value')} not used as {ours}: {values}."
            )
        rows[ours] = good
    return rows, notes


def _relative(root: Path, paths: pd.Series) -> pd.Series:
    """Paths relative to the root with /; those that lead out of it stay as they are."""
    paths = paths.str.replace("\\", "/", regex=False)
    paths = paths.str.removeprefix(root.as_posix() + "/")
    return paths.map(lambda path: posixpath.normpath(path), na_action="ignore").astype("string")


def _full(paths: pd.Series, present: Iterable[str]) -> pd.Series:
    """Bare names replaced by the path of the only image of that name; all others as they are."""
    places: dict[str, set[str]] = defaultdict(set)
    for path in present:
        if scan.is_image(path):
            stem, suffix = posixpath.splitext(posixpath.basename(path))
            places[stem + suffix].add(path)
            places[stem].add(path)
    known = set(present)
    single = {name: next(iter(found)) for name, found in places.items() if len(found) == 1}
    bare = ~paths.isin(known) & paths.isin(single.keys())
    return paths.mask(bare, paths.map(single).astype("string"))


def _usable(
    root: Path, file: str, rows: pd.DataFrame, present: Mapping[str, scan.File]
) -> tuple[pd.DataFrame, list[str]]:
    """The lines with a label and an existing image, each image once, and notes on the others."""
    notes = []

    def leave_out(bad: pd.Series, why: str) -> None:
        nonlocal rows
        if bad.any():
            many = count(int(bad.sum()), "line")
            paths = listed(rows.loc[bad, "path"].dropna())
            notes.append(f"In {file}, {many} left out {why}{': ' if paths else ''}{paths}.")
            rows = rows[~bad]

    leave_out(rows["path"].isna(), "because no image is named")
    outside = rows["path"].str.startswith(("/", "../")) | rows["path"].str.match(r"[A-Za-z]:/")
    leave_out(outside, f"because the path leads out of {root}")
    leave_out(~rows["path"].isin(present.keys()), "because there is no such file")
    leave_out(~rows["path"].map(scan.is_image).astype(bool), "because the file is not an image")
    leave_out(rows["label"].isna(), "because there is no label")
    labels = rows.groupby("path")["label"].nunique()
    ambiguous = rows["path"].isin(labels.index[labels > 1])
    leave_out(ambiguous, "because the image has two labels in this file")
    leave_out(rows["path"].duplicated(), "because the image is listed earlier")
    if "mask" in rows:
        absent = rows["mask"].notna() & ~rows["mask"].isin(present.keys())
        if absent.any():
            masks = listed(rows.loc[absent, "mask"])
            notes.append(f"{count(int(absent.sum()), 'lung mask')} not in the folder: {masks}.")
        rows = rows.assign(mask=rows["mask"].mask(absent))
    return rows.reset_index(drop=True), notes
