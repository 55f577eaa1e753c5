"""Kermany's chest X-rays of children: `train`, `val`, `test`, each with NORMAL and PNEUMONIA.

    root/chest_xray/train/PNEUMONIA/person12_bacteria_3.jpeg
    root/chest_xray/test/NORMAL/NORMAL2-IM-0123-0001.jpeg        or IM-0123-0001.jpeg
    root/chest_xray/test/PNEUMONIA/BACTERIA-7422-0001.jpeg       in the first edition

Two classes, or with `causes` three: bacteria and virus stand in the names.
Source: Kermany et al. 2018, doi 10.17632/rscbjbr9sj; Study B's viral class is from here.
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
# Persons are numbered for each cause anew: person 1 of the bacteria is not person 1 of the virus.
_PATIENT = re.compile(
    r"(?P<person>person\d+_(?P<cause>bacteria|virus))_\d+"
    r"|(?P<first>(?P<kind>BACTERIA|VIRUS|NORMAL)-\d+)-\d+"
    r"|(?P<normal>(?:NORMAL\d*-)?IM-\d+)-\d+(?:-\d+)?",
    re.IGNORECASE,
)


def detect(root: Path) -> bool:
    """Whether `train` and `test` with NORMAL and PNEUMONIA hold files named as Kermany's are."""
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
    """Of this layout."""

    causes: bool = Field(
        False, description="three classes, BACTERIA, NORMAL and VIRUS, instead of two"
    )


def read(root: Path, name: str, report: Report = silent, *, causes: bool = False) -> Dataset:
    """The dataset, with its published split, and the patient from each name.

    Args:
        root: the folder `chest_xray`, or the one that holds it.
        name: what the dataset is called.
        report: told how many files are read.
        causes: three classes, BACTERIA, NORMAL and VIRUS, instead of NORMAL and PNEUMONIA.

    Raises:
        DatasetError: no images in class folders, or other classes than these two.
        StoreError: the cache of file hashes cannot be written.
    """
    made = folders.read(root, name, report)
    table = made.table.copy()
    table["label"] = table["label"].str.upper()
    if other := sorted(set(table["label"]) - _CLASSES):
        raise DatasetError(
            f"{made.root} has the folders {listed(other)} besides NORMAL and PNEUMONIA. "
            "Move them away, or load it with the layout 'folders'."
        )
    patients = table["path"].map(patient_of).astype("string")
    table["patient_id"] = patients.fillna(table["patient_id"])
    notes = list(made.notes)
    notes += _note(table.loc[table["patient_id"].isna(), "path"], "named without a patient")
    notes += _note(table.loc[table["split"].isna(), "path"], "outside train, val and test")
    parts = table.groupby("patient_id")["split"].nunique()
    if len(torn := list(parts.index[parts > 1])):
        notes.append(
            f"{count(len(torn), 'patient')} in more than one published split: {listed(torn)}."
        )
    if causes:
        table, unknown = _by_cause(table)
        notes += unknown
    return replace(
        made,
        layout=LAYOUT,
        table=table,
        classes=tuple(sorted(set(table["label"]))),
        notes=tuple(notes),
    )


def _match(path: str) -> re.Match[str] | None:
    return _PATIENT.fullmatch(posixpath.splitext(posixpath.basename(path))[0])


def _cause(path: str) -> str | None:
    """BACTERIA or VIRUS as the file's name tells, else None."""
    match = _match(path)
    cause = match and (match["cause"] or match["kind"])
    return cause.upper() if cause and cause.upper() != "NORMAL" else None


def _by_cause(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """PNEUMONIA by its cause; without those whose name tells none, and a note on them."""
    sick = table["label"] == "PNEUMONIA"
    cause = table["path"].map(_cause).astype("string")
    table = table.assign(label=table["label"].mask(sick, cause))
    unknown = table["label"].isna()
    notes = _note(table.loc[unknown, "path"], "left out, named without a cause of the pneumonia")
    return table[~unknown].reset_index(drop=True), notes


def _note(paths: pd.Series, what: str) -> list[str]:
    return [f"{count(len(paths), 'image')} {what}: {listed(paths)}."] if len(paths) else []
