"""Kermany's chest X-rays of children: `train`, `val`, `test`, each with NORMAL and PNEUMONIA.

    root/chest_xray/train/PNEUMONIA/person12_bacteria_3.jpeg
    root/chest_xray/test/NORMAL/NORMAL2-IM-0123-0001.jpeg        or IM-0123-0001.jpeg
    root/chest_xray/test/PNEUMONIA/BACTERIA-7422-0001.jpeg       in the first edition

Two classes, or with `causes` three: the names say bacteria or virus.
Source: Kermany et al. 2018, doi 10.17632/rscbjbr9sj (Study B's viral class).
"""

import contextlib
import posixpath
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd
from pydantic import Field

from cxrcore.datasets import folders, selection
from cxrcore.datasets.table import Dataset, count, listed
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

LAYOUT = "kermany"
_CLASSES = {"NORMAL", "PNEUMONIA"}
# Each cause has its own numbers: person 1 of the bacteria is not person 1 of the virus.
_PATIENT = re.compile(
    r"(?P<person>person\d+_(?P<cause>bacteria|virus))_\d+"
    r"|(?P<first>(?P<kind>BACTERIA|VIRUS|NORMAL)-\d+)-\d+"
    r"|(?P<normal>(?:NORMAL\d*-)?IM-\d+)-\d+(?:-\d+)?",
    re.IGNORECASE,
)


def detect(root: Path) -> bool:
    """Whether `train` or `test` has NORMAL and PNEUMONIA, with files named as Kermany's are."""
    for base in (root, root / "chest_xray", root / "chest_xray" / "chest_xray"):
        for split in ("test", "train"):
            with contextlib.suppress(OSError):  # missing, or closed
                names = [path.name for path in islice((base / split / "PNEUMONIA").iterdir(), 50)]
                if any(map(patient_of, names)) and (base / split / "NORMAL").is_dir():
                    return True
    return False


def patient_of(path: str) -> str | None:
    """The patient in a file's name, else None.

    >>> patient_of("train/PNEUMONIA/person12_bacteria_3.jpeg")
    'person12_bacteria'
    >>> patient_of("NORMAL2-IM-0123-0001.jpeg")
    'NORMAL2-IM-0123'
    """
    match = _match(path)
    return match and (match["person"] or match["first"] or match["normal"])


class Options(selection.Options):
    """How finely the pneumonias are divided."""

    causes: bool = Field(
        False, description="three classes, BACTERIA, NORMAL and VIRUS, instead of two"
    )


def read(root: Path, name: str, report: Report = silent, *, causes: bool = False) -> Dataset:
    """The dataset with its published split, and the patient from each file name.

    `root` is the folder `chest_xray` or the one that holds it; for `causes` see `Options`.

    Raises:
        DatasetError: no images in class folders, or classes other than these two.
        StoreError: the cache of file hashes cannot be written.
    """
    dataset = folders.read(root, name, report)
    table = dataset.table.copy()
    table["label"] = table["label"].str.upper()
    if other := sorted(set(table["label"]) - _CLASSES):
        raise DatasetError(
            f"{dataset.root} has the folders {listed(other)} besides NORMAL and PNEUMONIA. "
            "Move them away, or load it with the layout 'folders'."
        )
    patients = table["path"].map(patient_of).astype("string")
    table["patient_id"] = patients.fillna(table["patient_id"])
    notes = list(dataset.notes)
    notes += _note(table.loc[table["patient_id"].isna(), "path"], "named without a patient")
    notes += _note(table.loc[table["split"].isna(), "path"], "outside train, val and test")
    parts = table.groupby("patient_id")["split"].nunique()
    if shared := list(parts.index[parts > 1]):
        notes.append(
            f"{count(len(shared), 'patient')} in more than one published split: {listed(shared)}."
        )
    if causes:
        table, unknown = _by_cause(table)
        notes += unknown
    return replace(
        dataset,
        layout=LAYOUT,
        table=table,
        classes=tuple(sorted(set(table["label"]))),
        notes=tuple(notes),
    )


def _match(path: str) -> re.Match[str] | None:
    return _PATIENT.fullmatch(posixpath.splitext(posixpath.basename(path))[0])


def _cause(path: str) -> str | None:
    """BACTERIA or VIRUS from the file's name, else None."""
    match = _match(path)
    cause = match and (match["cause"] or match["kind"])
    return cause.upper() if cause and cause.upper() != "NORMAL" else None


def _by_cause(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """PNEUMONIA by its cause, without files whose name has none, and a note on them."""
    sick = table["label"] == "PNEUMONIA"
    cause = table["path"].map(_cause).astype("string")
    table = table.assign(label=table["label"].mask(sick, cause))
    unknown = table["label"].isna()
    notes = _note(table.loc[unknown, "path"], "left out, named without a cause of the pneumonia")
    return table[~unknown].reset_index(drop=True), notes


def _note(paths: pd.Series, what: str) -> list[str]:
    return [f"{count(len(paths), 'image')} {what}: {listed(paths)}."] if len(paths) else []
