"""V7 Darwin: a folder of images, each with a JSON file of lung polygons and tags.

    root/images/00006616.png
    root/releases/all-images/annotations/00006616.json     as `darwin dataset pull` lays it out
    root/annotations/00006616.json                         or without the release

`darwin_json` reads these files; its functions for masks are offered here as well.
Source: V7 Labs COVID-19 chest X-ray dataset, https://github.com/v7labs/covid-19-xray-dataset.
"""

import posixpath
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from cxrcore.datasets import assembly, scan, selection, words
from cxrcore.datasets.darwin_json import (
    RARE,
    Record,
    lung_mask,
    polygons_of,
    rasterise,
    read_record,
)
from cxrcore.datasets.table import PEOPLE, Dataset, count, listed
from cxrcore.errors import DatasetError, ImageError
from cxrcore.progress import Meter, Report, silent

__all__ = [
    "EXTRA",
    "LAYOUT",
    "WITHOUT_IGNORED",
    "Options",
    "detect",
    "ignore_regions",
    "lung_mask",
    "polygons_of",
    "rasterise",
    "read",
]

LAYOUT = "darwin"
WITHOUT_IGNORED = "#without-ignored"  # ends references to masks without the Ignore regions
# Columns beyond `table.COLUMNS`: the image's name before V7 renamed it, the patient's age and sex
# from the tags, and the JSON file.
EXTRA = ("original_name", "annotation")
_WHERE = ("annotations", "releases/*/annotations", "*/releases/*/annotations")


def detect(root: Path) -> bool:
    """Whether a folder `annotations`, where Darwin puts it, holds records of this format."""
    for where in _WHERE:
        for number, path in enumerate(root.glob(f"{where}/*.json")):
            if number == 5:  # a few may be broken
                break
            try:
                read_record(path, path.name)
            except ImageError:
                continue
            return True
    return False


def ignore_regions(dataset: Dataset) -> frozenset[str]:
    """image_id of the images with regions marked Ignore; empty for other layouts."""
    if dataset.layout != LAYOUT:
        return frozenset()
    found = set()
    for image_id, annotation in dataset.table[["image_id", "annotation"]].itertuples(index=False):
        path = dataset.root / annotation
        try:
            # Most have none, and searching for the word is a hundred times faster than parsing.
            if b"ignore" in path.read_bytes().lower() and polygons_of(path, "Ignore"):
                found.add(str(image_id))
        except (OSError, ImageError):  # missing or damaged by now: preparing the pixels reports it
            continue
    return frozenset(found)


class Options(selection.Options):
    """Which images are kept, and what their masks include."""

    keep_all: bool = Field(
        False,
        description="keep every image with a class, including lateral views, CT and rare classes",
    )
    without_ignored: bool = Field(
        False, description="exclude the regions marked Ignore from the lung masks"
    )


def read(
    root: Path,
    name: str,
    report: Report = silent,
    *,
    keep_all: bool = False,
    without_ignored: bool = False,
) -> Dataset:
    """The dataset in a folder of images and Darwin JSON.

    Kept are images with exactly two Lung polygons that are not lateral views, and one of four
    classes: COVID-19 (which takes precedence over Viral Pneumonia), Bacterial Pneumonia, Viral
    Pneumonia, No Pneumonia (healthy). The notes count the rest by reason. A CT reconstruction
    with two lungs is kept, as in the study, with modality `ct`. `source` is the location.
    The table also has the columns of EXTRA; `annotation` is the file for `lung_mask`. For
    `keep_all` and `without_ignored` see `Options`.

    Raises:
        DatasetError: no records, none of them with its image, or none that is kept.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    found = scan.find(root)
    records, notes = _records(root, found.files, report)
    paired, unpaired = _paired(records, [file for file in found.files if scan.is_image(file.path)])
    kept, excluded = _kept(paired, keep_all)
    notes += [*unpaired, *excluded]
    if not kept:
        raise DatasetError(f"No image in {root} can be used. {' '.join(notes)}")
    measured = scan.measure(root, [file for _, file in kept], report)
    rows = pd.DataFrame([_row(record, file.path, without_ignored) for record, file in kept])
    for column in PEOPLE:
        rows[column] = words.normalised(rows[column].astype("string"), column)
    notes += _notes_on_kept(kept, measured)
    dataset = assembly.assemble(name, root, LAYOUT, rows, measured, notes)
    extra = rows.set_index("path")[list(EXTRA)].astype("string")
    return replace(dataset, table=dataset.table.join(extra, on="path"))


def _records(root: Path, files: list[scan.File], report: Report) -> tuple[list[Record], list[str]]:
    """All records below the root, and a note on JSON files that are not records."""
    paths = [file.path for file in files if file.path.lower().endswith(".json")]
    below = [path for path in paths if "annotations" in path.lower().split("/")[:-1]]
    paths = below or paths
    meter = Meter("reading annotations", len(paths), report)
    records, wrong = [], []
    for done, path in enumerate(paths, 1):
        try:
            records.append(read_record(root / path, path))
        except ImageError as error:
            wrong.append(str(error))
        if done % 100 == 0 or done == len(paths):
            meter.update(done)
    notes = []
    if wrong:
        notes.append(f"{count(len(wrong), 'JSON file')} skipped. The first: {wrong[0]}")
    if not records:
        raise DatasetError(
            f"{root} holds no Darwin records (JSON files with `image` and `annotations`). "
            f"{' '.join(notes) or 'There are no JSON files.'} "
            "Choose the folder that holds `images` and `releases`."
        )
    return records, notes


_Pair = tuple[Record, scan.File]


def _paired(records: list[Record], files: list[scan.File]) -> tuple[list[_Pair], list[str]]:
    """Each record with its image, and notes on records and images without a partner."""
    by_name = defaultdict(list)
    for file in files:
        by_name[posixpath.basename(file.path)].append(file)
    pairs: dict[str, _Pair] = {}
    unmatched, repeated = [], []
    for record in records:
        candidates = by_name[record.file]
        if len(candidates) > 1 and record.folder:
            end = f"/{record.folder}/{record.file}"
            candidates = [file for file in candidates if f"/{file.path}".endswith(end)]
        if len(candidates) != 1:
            unmatched.append(record.annotation)
        elif candidates[0].path in pairs:
            repeated.append(record.annotation)
        else:
            pairs[candidates[0].path] = (record, candidates[0])
    unrecorded = [file.path for file in files if file.path not in pairs]
    notes = [
        f"{count(len(paths), noun)} left out {why}: {listed(paths)}."
        for paths, noun, why in (
            (unmatched, "JSON file", "because no single image has the given name"),
            (repeated, "JSON file", "because an earlier one describes the same image"),
            (unrecorded, "image", "without a JSON file"),
        )
        if paths
    ]
    return list(pairs.values()), notes


def _kept(pairs: list[_Pair], keep_all: bool) -> tuple[list[_Pair], list[str]]:
    """The pairs that become rows, and a note for each reason to leave others out."""
    kept, reasons = [], defaultdict(list)
    for pair in pairs:
        if why := _why_not(pair[0], keep_all):
            reasons[why].append(pair[1].path)
        else:
            kept.append(pair)
    notes = [
        f"{count(len(paths), 'image')} left out as {why}: {listed(paths)}."
        for why, paths in sorted(reasons.items())
    ]
    return kept, notes


def _why_not(record: Record, keep_all: bool) -> str | None:
    """Why an image is left out, or None. Lateral and CT come first: they explain missing lungs."""
    if not record.labels:
        return "not tagged with a class"
    if len(record.labels) > 1:
        return f"tagged with several classes, {' and '.join(record.labels)}"
    if keep_all:
        return None
    if record.view == "L":
        return "lateral"
    if record.lungs != 2:
        drawn = "without exactly two lung polygons"
        return f"{'CT' if record.modality == 'ct' else 'X-ray'} {drawn}"
    if record.labels[0] in RARE:
        return f"{record.labels[0]}, which is too rare for a class"
    return None


def _row(record: Record, path: str, without_ignored: bool) -> dict[str, Any]:
    mask = record.annotation if record.lungs == 2 else None
    return {
        "path": path,
        "label": record.labels[0],
        "patient_id": record.tag("PatientID:"),
        "source": record.tag("location:"),
        "modality": record.modality,
        "view": record.view,
        "mask": f"{mask}{WITHOUT_IGNORED}" if mask and without_ignored else mask,
        "original_name": record.original_name,
        "age": record.tag("Age:"),
        "sex": record.tag("Sex/"),
        "annotation": record.annotation,
    }


def _notes_on_kept(kept: list[_Pair], measured: pd.DataFrame) -> list[str]:
    """How many have lungs, and what is odd about those."""
    lungs = sum(record.lungs == 2 for record, _ in kept)
    notes = [f"{count(lungs, 'image')} kept with two lung polygons each."]
    slices = [file.path for record, file in kept if record.modality == "ct"]
    beyond = [file.path for record, file in kept if record.strays]
    drawn = pd.DataFrame([record.size for record, _ in kept], columns=["width", "height"])
    differs = (measured[["width", "height"]] != drawn).any(axis=1) & (drawn["width"] > 0)
    for paths, what in (
        (slices, "tagged CT and marked with modality `ct`"),
        (beyond, "annotated with lungs that reach beyond the image; the excess is cut off"),
        (list(measured.loc[differs, "path"]), "not of the annotated size; masks are scaled"),
    ):
        if paths:
            notes.append(f"{count(len(paths), 'image')} {what}: {listed(paths)}.")
    return notes
