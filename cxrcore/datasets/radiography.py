"""The COVID-19 Radiography Database, both generations.

    root/COVID-19_Radiography_Dataset/COVID/images/COVID-1.png      since 2021, four classes
    root/COVID-19_Radiography_Dataset/COVID/masks/COVID-1.png
    root/COVID-19_Radiography_Dataset/COVID.metadata.xlsx
    root/COVID-19 Radiography Database/COVID-19/COVID-19 (1).png    before, three, no masks
    root/COVID-19 Radiography Database/COVID-19.metadata.xlsx

Labels are the folders' names. The tables tell where each image was taken from (`source`); they
write names a little differently from the files (`NORMAL-1` for `Normal-1.png`, `COVID-19(1)` for
`COVID-19 (1).png`), so only letters and digits are compared. Patients are not told.
Source: Chowdhury et al. 2020, doi 10.1109/ACCESS.2020.3010287; Rahman et al. 2021,
doi 10.1016/j.compbiomed.2021.104319 (Study B).
"""

import contextlib
import os
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

from cxrcore.datasets import folders
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import Dataset, count, listed
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["LAYOUT", "Options", "detect", "read"]

LAYOUT = "radiography"
_TABLE = ".metadata.xlsx"
_COVID, _OTHERS = {"covid", "covid19"}, {"normal", "viralpneumonia"}
_FILE = re.compile(r"(covid|covid-19) ?(-\d+|\(\d+\))\.\w+", re.IGNORECASE)
_NAME, _URL = "FILE NAME", "URL"
_MAX_BYTES = 64 << 20  # of one part of a table, unpacked; the largest has 2 MB


def detect(root: Path) -> bool:
    """Whether COVID, Normal and Viral Pneumonia lie together with this database's names."""
    for base in (root, *_folders(root)):
        inside = {_plain(path.name): path for path in _folders(base)}
        covid = next((inside[name] for name in sorted(_COVID) if name in inside), None)
        if covid is None or not inside.keys() >= _OTHERS:
            continue
        if any(base.glob(f"*{_TABLE}")):
            return True
        pictures = covid / "images" if (covid / "images").is_dir() else covid
        names = (path.name for path in islice(_entries(pictures), 50))
        if any(_FILE.fullmatch(name) for name in names):
            return True
    return False


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The dataset with its lung masks, and the sources that the tables tell.

    A table that is missing or cannot be read leaves the source missing, and a note says so.

    Raises:
        DatasetError: no images in class folders.
        StoreError: the cache of file hashes cannot be written.
    """
    made = folders.read(root, name, report)
    table, notes = made.table.copy(), list(made.notes)
    for path in sorted((*made.root.glob(f"*{_TABLE}"), *made.root.glob(f"*/*{_TABLE}"))):
        label = path.name.removesuffix(_TABLE)
        rows = table["label"].map(_plain) == _plain(label)
        try:
            sources = _sources(path)
        except DatasetError as error:
            notes.append(f"The sources of {label} are missing: {error}")
            continue
        keys = table["path"].map(lambda file: _plain(posixpath.splitext(file.split("/")[-1])[0]))
        table["source"] = table["source"].mask(rows, keys.map(sources).astype("string"))
        missing = table.loc[rows & ~keys.isin(sources.keys()), "path"]
        if len(missing):
            notes.append(f"{count(len(missing), 'image')} not in {path.name}: {listed(missing)}.")
        if alone := sorted(set(sources) - set(keys[rows])):
            notes.append(
                f"{count(len(alone), 'line')} in {path.name} without an image: {listed(alone)}."
            )
    unmasked = table["mask"].isna()
    if unmasked.any() and not unmasked.all():
        notes.append(
            f"{count(int(unmasked.sum()), 'image')} without a lung mask: "
            f"{listed(table.loc[unmasked, 'path'])}."
        )
    return replace(made, layout=LAYOUT, table=table, notes=tuple(notes))


def _sources(path: Path) -> dict[str, str | None]:
    """The URL by the plain name of each file that a table tells.

    Raises:
        DatasetError: it is no workbook, or lacks one of the two columns.
    """
    header, *lines = _rows(path) or [[]]
    names = [cell.strip().upper() if cell else "" for cell in header]
    if _NAME not in names or _URL not in names:
        raise DatasetError(
            f"{path.name} lacks the columns {_NAME} and {_URL}; it has "
            f"{', '.join(filter(None, names)) or 'none'}. Copy it again."
        )
    sources = {}
    for line in lines:
        cells = dict(zip(names, line, strict=False))
        if file := cells.get(_NAME):
            sources[_plain(file)] = (cells.get(_URL) or "").strip() or None
    return sources


def _rows(path: Path) -> list[list[str | None]]:
    """The cells of a workbook's first sheet as text; DatasetError where it is none.

    Enough of ECMA-376 for plain tables, so that no spreadsheet library is needed for four files.
    """
    try:
        with zipfile.ZipFile(path) as book:
            shared = []
            if "xl/sharedStrings.xml" in book.namelist():
                shared = [_text(item) for item in _part(book, "xl/sharedStrings.xml")]
            sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
            root = _part(book, min(sheets, key=lambda name: (len(name), name)))
        return [_cells(row, shared) for row in root.iter() if _tag(row) == "row"]
    except (
        OSError, ValueError, LookupError, RuntimeError, NotImplementedError, EOFError,
        zipfile.BadZipFile, zlib.error, ElementTree.ParseError,
    ) as error:  # fmt: skip
        raise DatasetError(
            f"{path.name} cannot be read as a workbook: {' '.join(str(error).split())[:120]}. "
            "Copy it again."
        ) from error


def _part(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    with book.open(name) as file:
        content = file.read(_MAX_BYTES + 1)  # what a zip says about sizes may be a lie
    if len(content) > _MAX_BYTES or b"<!DOCTYPE" in content:
        raise ValueError(f"{name} is no plain table")
    return ElementTree.fromstring(content)  # noqa: S314 (no document type, so no entities)


def _cells(row: ElementTree.Element, shared: list[str]) -> list[str | None]:
    """The cells in their columns; columns that are left out are None."""
    cells: list[str | None] = []
    for cell in row:
        letters = "".join(filter(str.isalpha, cell.get("r", "")))[:3].upper()
        if letters:  # "AB12" is column 27, counted from 0
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - 64
            cells += [None] * (column - 1 - len(cells))
        value = _text(cell)
        cells.append(shared[int(value)] if cell.get("t") == "s" and value else value or None)
    return cells


def _text(element: ElementTree.Element) -> str:
    """All text in a cell or shared string, without formulas and reading aids."""
    return "".join(part.text or "" for part in element.iter() if _tag(part) in ("t", "v"))


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _plain(name: str) -> str:
    """The letters and digits of a name, small."""
    return "".join(filter(str.isalnum, name)).lower()


def _folders(path: Path) -> list[Path]:
    # Not Path.is_dir: it asks the disk once for each of the 20,000 files of a class folder.
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return [path / entry.name for entry in entries if entry.is_dir()]
    return []


def _entries(path: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):  # closed: nothing of this layout can be seen in it
        yield from path.iterdir()
