"""V7 Darwin: a folder of images and a JSON file for each, with lung polygons and tags.

    root/images/00006616.png
    root/releases/all-images/annotations/00006616.json     as `darwin dataset pull` lays it out
    root/annotations/00006616.json                         or without the release

What such a file holds is read in `darwin_json`; its functions for masks are offered here too.
Source: V7 Labs COVID-19 chest X-ray dataset, https://github.com/v7labs/covid-19-xray-dataset.
"""

import posixpath
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from cxrcore import images
from cxrcore.datasets import folders, scan, selection
from cxrcore.datasets.darwin_json import (
    RARE,
    Record,
    lung_mask,
    polygons_of,
    rasterise,
    read_record,
)
from cxrcore.datasets.table import Dataset, build_table, count, listed, without_duplicates
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
WITHOUT_IGNORED = "#without-ignored"  # ends references to masks without these regions
# Columns beyond `table.COLUMNS`: the image's name before V7 renamed it, and what the tags tell.
EXTRA = ("original_name", "age", "sex", "annotation")
_WHERE = ("annotations", "releases/*/annotations", "*/releases/*/annotations")


def detect(root: Path) -> bool:
    """Whether a folder `annotations` where Darwin puts it holds records of this format."""
    for where in _WHERE:
        for number, path in enumerate(root.glob(f"{where}/*.json")):
            if number == 5:  # broken files there may be, but not only
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
            # Most have none, and looking for the word is a hundred times quicker than parsing.
            if b"ignore" in path.read_bytes().lower() and polygons_of(path, "Ignore"):
                found.add(str(image_id))
        except (OSError, ImageError):  # gone or damaged since: preparing the pixels reports it
            continue
    return frozenset(found)


class Options(selection.Options):
    """Of this layout."""

    keep_all: bool = Field(
        False,
        description="keep every image that has a class, also lateral views, CT and rare classes",
    )
    without_ignored: bool = Field(
        False, description="take the regions marked Ignore out of the lung masks"
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
    classes: COVID-19 (which wins over Viral Pneumonia), Bacterial Pneumonia, Viral Pneumonia,
    No Pneumonia (healthy). The notes count the rest by reason. A CT reconstruction on which
    two lungs are drawn is kept, as by the study, with modality `ct`. `source` is the location.
    The table also has the columns of EXTRA; `annotation` is the file for `lung_mask`.

    Args:
        root: the folder.
        name: what the dataset is called.
        report: told how many files are read.
        keep_all: keep every image that has a class, also lateral views, CT slices and rare
            classes; `view` and `modality` tell them apart.
        without_ignored: take the regions marked Ignore out of the lung masks.

    Raises:
        DatasetError: no records, none of them with its image, or none that is kept.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    found = scan.find(root)
    records, notes = _records(root, found.files, report)
    pictures = [file for file in found.files if _is_image(file.path)]
    paired, unpaired = _paired(records, pictures)
    kept, excluded = _kept(paired, keep_all)
    notes += [*unpaired, *excluded]
    if not kept:
        raise DatasetError(f"No image of {root} can be used. {' '.join(notes)}")
    measured = scan.measure(root, [file for _, file in kept], report)
    frame = pd.DataFrame([_row(record, file.path, without_ignored) for record, file in kept])
    for column in ("image_id", "width", "height"):
        frame[column] = measured[column]
    frame["size"] = [record.size for record, _ in kept]
    frame = frame[frame["image_id"].notna()]
    if frame.empty:
        raise DatasetError(f"None of the images in {root} can be opened. Check the permissions.")
    table, doubles, dropped = without_duplicates(build_table(frame.drop(columns=["size", *EXTRA])))
    extra = frame.set_index("path")[list(EXTRA)].astype("string")
    table = table.join(extra, on="path")
    if table.empty:
        raise DatasetError(f"No image of {root} can be used. {' '.join(dropped)}")
    classes = tuple(sorted(set(table["label"])))
    notes += [*_notes_on_kept(frame, kept), *folders.notes_on_damage(measured, table), *dropped]
    notes += folders.notes_on_classes(table, classes)
    return Dataset(name, root, LAYOUT, table, classes, notes=tuple(notes), doubles=doubles)


def _is_image(path: str) -> bool:
    """Whether a file is named as an image that can be read."""
    return posixpath.splitext(path)[1].lower() in images.SUFFIXES


def _records(root: Path, files: list[scan.File], report: Report) -> tuple[list[Record], list[str]]:
    """All records below the root, and a note on JSON files that are none."""
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
    """Each record with its one image, and notes on those that have none."""
    by_name = defaultdict(list)
    for file in files:
        by_name[posixpath.basename(file.path)].append(file)
    pairs: dict[str, _Pair] = {}
    alone, again = [], []
    for record in records:
        candidates = by_name[record.file]
        if len(candidates) > 1 and record.folder:
            end = f"/{record.folder}/{record.file}"
            candidates = [file for file in candidates if f"/{file.path}".endswith(end)]
        if len(candidates) != 1:
            alone.append(record.annotation)
        elif candidates[0].path in pairs:
            again.append(record.annotation)
        else:
            pairs[candidates[0].path] = (record, candidates[0])
    bare = [file.path for file in files if file.path not in pairs]
    notes = [
        f"{count(len(paths), noun)} left out {why}: {listed(paths)}."
        for paths, noun, why in (
            (alone, "JSON file", "because no single image has the name they tell"),
            (again, "JSON file", "because an earlier one is about the same image"),
            (bare, "image", "because no JSON file is about it"),
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
    """Why an image is left out, or None. CT and lateral are named first: they explain the lungs."""
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


def _notes_on_kept(frame: pd.DataFrame, kept: list[_Pair]) -> list[str]:
    """How many have lungs, and what is odd about those."""
    lungs = sum(record.lungs == 2 for record, _ in kept)
    notes = [f"{count(lungs, 'image')} kept with two lung polygons each."]
    slices = [file.path for record, file in kept if record.modality == "ct"]
    strays = [file.path for record, file in kept if record.strays]
    drawn = pd.DataFrame(frame["size"].tolist(), index=frame.index, columns=["width", "height"])
    other = (drawn["width"] > 0) & (
        (drawn["width"] != frame["width"]) | (drawn["height"] != frame["height"])
    ).fillna(False)
    for paths, what in (
        (slices, "tagged CT; modality `ct` marks them"),
        (strays, "annotated with lungs that reach outside the picture, which is cut off"),
        (list(frame.loc[other, "path"]), "of another size than was annotated; masks are scaled"),
    ):
        if paths:
            notes.append(f"{count(len(paths), 'image')} {what}: {listed(paths)}.")
    return notes
