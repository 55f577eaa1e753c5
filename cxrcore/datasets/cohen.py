"""Cohen's covid-chestxray-dataset: `metadata.csv` and `images/`.

    root/metadata.csv       patientid, finding, view, modality, location, folder, filename, ...
    root/images/a.jpg
    root/annotations/lungVAE-masks/a_mask.png

The finding is the label: the last part of the form with slashes, in use since October 2020
(`Pneumonia/Viral/COVID-19`), without a syndrome after the cause (`COVID-19, ARDS`). Both
generations of the file then agree on COVID-19.
Source: Cohen et al. 2020, arXiv:2006.11988, https://github.com/ieee8023/covid-chestxray-dataset.
"""

import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cxrcore.datasets import assembly, cells, film_paths, mask_files, scan, words
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import PEOPLE, Dataset, count, listed
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["LAYOUT", "Options", "detect", "read"]

LAYOUT = "cohen"
_METADATA = "metadata.csv"
_REQUIRED = ("filename", "finding")
_OPTIONAL = ("patientid", "view", "modality", "location")
_UNKNOWN = {"todo", "unknown"}  # written where the maintainers do not know yet


def detect(root: Path) -> bool:
    """Whether `metadata.csv` names files and findings or patients, as Cohen's does."""
    try:
        with (root / _METADATA).open(newline="", encoding="utf-8-sig", errors="replace") as file:
            header = {name.strip() for name in next(csv.reader([file.readline(1 << 16)]), [])}
        there = (root / "images").is_dir()
    except (OSError, csv.Error):
        return False
    # With `path`, it would be the sidecar of class folders.
    described = "filename" in header and header & {"finding", "patientid"}
    return there and bool(described) and "path" not in header


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The dataset of `metadata.csv` and the images it names.

    CT slices stay in the table with modality `ct`; `source` is the location. The table also has
    age and sex.

    Raises:
        DatasetError: `metadata.csv` is missing, no table, lacks a column, or names no image
            that is there.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    rows, notes = _rows(root)
    files = {file.path: file for file in scan.find(root).files if scan.is_image(file.path)}
    masks = {path for path in files if mask_files.is_mask(path)}
    pictures = {path: file for path, file in files.items() if path not in masks}
    rows, unmatched = _with_files(rows, set(pictures))
    rows, repeated = _one_line_each(rows)
    rows, unlabelled = _labelled(rows)
    notes += [*unmatched, *repeated, *unlabelled]
    if rows.empty:
        raise DatasetError(
            f"{root / _METADATA} names no labelled image that is in the folder. {' '.join(notes)} "
            "Copy the images to `images/` beside it."
        )
    found = mask_files.matched(rows["path"], masks)
    rows["mask"] = rows["path"].map(found.of).astype("string")
    notes += found.notes()
    measured = scan.measure(root, [pictures[path] for path in rows["path"]], report)
    dataset = assembly.assemble(name, root, LAYOUT, rows, measured, notes)
    slices = int((dataset.table["modality"] == "ct").sum())
    if not slices:
        return dataset
    note = f"{count(slices, 'image')} CT, marked `ct` in the column modality."
    return replace(dataset, notes=(*dataset.notes, note))


def _rows(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """The lines in columns of the image table, and `finding`; notes on what is missing."""
    path = root / _METADATA
    if not path.is_file():
        raise DatasetError(
            f"{path} is missing. The layout {LAYOUT!r} needs it, with the columns "
            f"{', '.join((*_REQUIRED, *_OPTIONAL))}."
        )
    lines = cells.read(path)
    if missing := [column for column in _REQUIRED if column not in lines.columns]:
        raise DatasetError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has "
            f"{listed(map(str, lines.columns), 8)}. Copy it again from Cohen's repository."
        )
    absent = [column for column in _OPTIONAL if column not in lines.columns]
    notes = [f"{_METADATA} has no column {', '.join(absent)}."] if absent else []
    lines = lines.reindex(columns=[*_REQUIRED, *_OPTIONAL, "folder", *PEOPLE]).astype("string")
    if blank := int(lines["filename"].isna().sum()):
        notes.append(f"{count(blank, 'line')} in {_METADATA} without a file name.")
        lines = lines[lines["filename"].notna()]
    rows = pd.DataFrame(
        {
            "path": lines["folder"].fillna("images").str.strip("/") + "/" + lines["filename"],
            "finding": lines["finding"],
            "patient_id": lines["patientid"],
            "source": lines["location"],
            "modality": words.normalised(lines["modality"], "modality"),
            "view": words.normalised(lines["view"], "view"),
            **{name: words.normalised(lines[name], name) for name in PEOPLE},
        }
    )
    return rows, notes


def _with_files(rows: pd.DataFrame, pictures: set[str]) -> tuple[pd.DataFrame, list[str]]:
    """The lines whose image is present, and notes on lines and images without a partner."""
    path, _ = film_paths.matched(rows["path"], pictures)
    rows = rows.assign(path=path.fillna(rows["path"]))
    there = path.notna()
    notes = []
    if not there.all():
        notes.append(
            f"{count(int((~there).sum()), 'line')} in {_METADATA} without an image in the folder: "
            f"{listed(rows.loc[~there, 'path'])}."
        )
    if bare := sorted(pictures - set(rows["path"])):
        notes.append(
            f"{count(len(bare), 'image')} left out because not listed in {_METADATA}: "
            f"{listed(bare)}."
        )
    return rows[there], notes


def _one_line_each(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Each image once, and notes.

    If an image has two patient numbers, both are one patient: all their images get the first
    number, or a split by patient could put one person on both sides. An image with two findings
    is left out.
    """
    notes = []
    findings = rows.groupby("path")["finding"].nunique(dropna=False)
    if ambiguous := list(findings.index[findings > 1]):
        notes.append(
            f"{count(len(ambiguous), 'image')} left out because of two findings: {listed(ambiguous)}."
        )
    rows = rows[~rows["path"].isin(ambiguous)]
    again = rows["path"].duplicated()
    if again.any():
        notes.append(
            f"{count(int(again.sum()), 'image')} listed more than once in {_METADATA}; the first line "
            f"counts: {listed(rows.loc[again, 'path'])}."
        )
    for path in rows.loc[again, "path"].drop_duplicates():
        patients = list(rows.loc[rows["path"] == path, "patient_id"].dropna().drop_duplicates())
        for other in patients[1:]:
            first = patients[0]
            rows = rows.assign(patient_id=rows["patient_id"].replace(other, first))
            notes.append(f"Patients {first} and {other} share {path}; both are {first} here.")
    return rows[~again].reset_index(drop=True), notes


def _labelled(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The lines with a known finding, with `label`, and notes."""
    last = rows["finding"].str.split("/").str[-1]
    label = last.str.split(",").str[0].str.strip()
    known = label.notna() & (label != "") & ~label.str.lower().isin(_UNKNOWN)
    notes = []
    if not known.all():
        notes.append(
            f"{count(int((~known).sum()), 'image')} left out because {_METADATA} gives no finding: "
            f"{listed(rows.loc[~known, 'path'])}."
        )
    several = rows.loc[known & last.str.contains(",", regex=False), "finding"]
    notes += [
        f"{count(number, 'image')} labelled {finding!r} and counted as {finding.split('/')[-1].split(',')[0]}."
        for finding, number in several.value_counts().sort_index().items()
    ]
    return rows[known].assign(label=label[known]).reset_index(drop=True), notes
