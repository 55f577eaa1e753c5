"""The COVID-19 Radiography Database, both generations.

    root/COVID-19_Radiography_Dataset/COVID/images/COVID-1.png      since 2021, four classes
    root/COVID-19_Radiography_Dataset/COVID/masks/COVID-1.png
    root/COVID-19_Radiography_Dataset/COVID.metadata.xlsx
    root/COVID-19 Radiography Database/COVID-19/COVID-19 (1).png    before, three, no masks
    root/COVID-19 Radiography Database/COVID-19.metadata.xlsx

Labels are the folders' names. The tables list where each image comes from (`source`); they write
names slightly differently (`NORMAL-1` for `Normal-1.png`, `COVID-19(1)` for `COVID-19 (1).png`),
so only letters and digits are compared. Patients are not known.
Source: Chowdhury et al. 2020, doi 10.1109/ACCESS.2020.3010287; Rahman et al. 2021,
doi 10.1016/j.compbiomed.2021.104319 (Study B).
"""

import contextlib
import posixpath
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

from cxrcore.datasets import cells, folders, scan
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import Dataset, count, listed, plain
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["LAYOUT", "Options", "detect", "read"]

LAYOUT = "radiography"
_TABLE = ".metadata.xlsx"
_COVID, _OTHERS = {"covid", "covid19"}, {"normal", "viralpneumonia"}
_FILE = re.compile(r"(covid|covid-19) ?(-\d+|\(\d+\))\.\w+", re.IGNORECASE)
_NAME, _URL = "FILE NAME", "URL"


def detect(root: Path) -> bool:
    """Whether COVID, Normal and Viral Pneumonia are side by side with this database's names."""
    for base in (root, *scan.subfolders(root)):
        inside = {plain(path.name): path for path in scan.subfolders(base)}
        covid = next((inside[name] for name in sorted(_COVID) if name in inside), None)
        if covid is None or not inside.keys() >= _OTHERS:
            continue
        if any(base.glob(f"*{_TABLE}")):
            return True
        pictures = covid / "images" if (covid / "images").is_dir() else covid
        with contextlib.suppress(OSError):  # a closed folder shows nothing
            if any(_FILE.fullmatch(path.name) for path in islice(pictures.iterdir(), 50)):
                return True
    return False


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The dataset with its lung masks, and the sources from the tables.

    Where a table is missing or cannot be read, so is the source; a note says so.

    Raises:
        DatasetError: no images in class folders.
        StoreError: the cache of file hashes cannot be written.
    """
    dataset = folders.read(root, name, report)
    table, notes = dataset.table.copy(), list(dataset.notes)
    for path in sorted((*dataset.root.glob(f"*{_TABLE}"), *dataset.root.glob(f"*/*{_TABLE}"))):
        label = path.name.removesuffix(_TABLE)
        rows = table["label"].map(plain) == plain(label)
        try:
            sources = _sources(path)
        except DatasetError as error:
            notes.append(f"The sources of {label} are missing: {error}")
            continue
        keys = table["path"].map(lambda file: plain(posixpath.splitext(file.split("/")[-1])[0]))
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
    return replace(dataset, layout=LAYOUT, table=table, notes=tuple(notes))


def _sources(path: Path) -> dict[str, str]:
    """The URL of each file in a table, by the plain name of the file.

    Raises:
        DatasetError: it is not a workbook, or lacks one of the two columns.
    """
    table = cells.read(path)
    table.columns = table.columns.str.upper()
    if not {_NAME, _URL} <= set(table.columns):
        raise DatasetError(
            f"{path.name} lacks the columns {_NAME} and {_URL}; it has "
            f"{', '.join(table.columns) or 'none'}. Copy it again."
        )
    named = table[table[_NAME].notna()]
    return dict(zip(named[_NAME].map(plain), named[_URL], strict=True))
