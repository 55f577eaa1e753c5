"""Class folders: the name of the folder is the label.

    root/NORMAL/a.png                        classes
    root/train/NORMAL/a.png                  published splits above (or below) the class
    root/COVID/images/a.png                  images and lung masks of the same name
    root/COVID/masks/a.png
    root/X-ray/COVID/a.png, root/CT/COVID/…  modalities
    root/archive/COVID/patient7/a.png        one folder around it all, any depth below

`metadata.csv` in the root may fill columns (see `sidecars`), and `dataset.json` may say that
the dataset is synthetic, in which order its classes stand, and what people should know.
"""

import posixpath
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pandas as pd

from cxrcore import images
from cxrcore.datasets import scan, sidecars
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import (
    Dataset,
    build_table,
    count,
    listed,
    patient_of,
    without_duplicates,
)
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["LAYOUT", "Options", "detect", "read"]

LAYOUT = "folders"
_IMAGES = {"images", "image", "img", "imgs"}
_MASKS = {"masks", "mask", "lung_masks", "lung masks"}
_PARTS = _IMAGES | _MASKS
_OTHER = {"lesions", "lesion_masks", "annotations"}  # pictures that are not X-rays


@dataclass
class _Sorted:
    """The files of a folder by what they are for."""

    rows: list[dict[str, str | None]] = field(default_factory=list)
    files: list[scan.File] = field(default_factory=list)  # of the rows
    masks: dict[tuple[str, ...], str] = field(default_factory=dict)
    not_images: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # images in no class folder
    wrapper: str = ""  # folders around everything else


def detect(root: Path) -> bool:
    """Any folder may be one; `read` says what is missing where it is none."""
    return root.is_dir()


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The dataset in a folder of class folders.

    Raises:
        DatasetError: no images, no class folders, or a `metadata.csv` or `dataset.json` that
            contradicts itself.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    found = scan.find(root)
    files = [file for file in found.files if file.path not in sidecars.NAMES]
    by_use = _sort(files, root.name)
    if not by_use.rows:
        raise _nothing_in(root, found, by_use)
    measured = scan.measure(root, by_use.files, report)
    frame = pd.DataFrame(by_use.rows)
    for column in ("image_id", "width", "height"):
        frame[column] = measured[column]
    opened = frame["image_id"].notna()
    if not opened.any():
        raise DatasetError(
            f"None of the {len(frame):,} images in {root} can be opened: {measured['error'][0]} "
            "Check the permissions of the files."
        )
    about = sidecars.read_about(root)
    table = build_table(frame[opened])
    table, notes = sidecars.fill(table, root, {file.path for file in files})
    table, doubles, dropped = without_duplicates(table)
    if table.empty:
        raise DatasetError(f"No image of {root} can be used. {' '.join(dropped)}")
    classes, order = _classes(table, about, root)
    notes += [*_notes_on_files(found, by_use), *notes_on_damage(measured, table), *dropped, *order]
    return Dataset(
        name=name,
        root=root,
        layout=LAYOUT,
        table=table,
        classes=classes,
        synthetic=about.synthetic,
        notes=(*about.notes, *notes, *notes_on_classes(table, classes)),
        doubles=doubles,
    )


def _sort(files: list[scan.File], root_name: str) -> _Sorted:
    """Say for every file what it is for, and for images what their folders tell."""
    result = _Sorted()
    pictures = []
    for file in files:
        if _is_image(file.path):
            pictures.append(file)
        else:
            result.not_images.append(file.path)
    # Plain text functions: pathlib would take a second for 20,000 files.
    paths = [tuple(file.path.split("/")) for file in pictures]
    depth = _wrapper_depth(paths)
    result.wrapper = "/".join(paths[0][:depth]) if depth else ""
    keys: list[tuple[str, ...]] = []  # of the rows: by folder and stem they find their masks
    for file, (*above, name) in zip(pictures, (path[depth:] for path in paths), strict=True):
        lower = {folder.lower() for folder in above}
        place = tuple(f for f in above if f.lower() not in _PARTS)
        stem = posixpath.splitext(name)[0]
        if lower & _OTHER:
            continue
        if lower & _MASKS:
            result.masks[(*place, stem.removesuffix("_mask"))] = file.path
        elif (row := _told_by(place, root_name)) is None:
            result.outside.append(file.path)
        else:
            result.files.append(file)
            result.rows.append(row | {"path": file.path, "patient_id": patient_of(file.path)})
            keys.append((*place, stem))
    for row, key in zip(result.rows, keys, strict=True):
        row["mask"] = result.masks.get(key)
    return result


@lru_cache(maxsize=4096)  # asked for every file, answered for every folder; do not change it
def _told_by(place: tuple[str, ...], root_name: str) -> dict[str, str | None] | None:
    """label, split and modality by the folders an image lies in; None if none is a class."""
    lower = [folder.lower() for folder in place]
    split_at = next((i for i, folder in enumerate(lower) if folder in sidecars.SPLITS), None)
    # What stands above the split is a folder around it all, unless nothing stands below.
    below = place if split_at is None else place[split_at + 1 :] or place[:split_at]
    below = tuple(folder for folder in below if folder.strip())
    # A folder "CT" is a modality where a class follows, and a class where none does.
    named = [folder for folder in below if folder.lower() not in sidecars.MODALITIES]
    if not below:
        return None
    around = [*lower, root_name.lower()]
    modality = next((sidecars.MODALITIES[f] for f in around if f in sidecars.MODALITIES), "xray")
    split = None if split_at is None else sidecars.SPLITS[lower[split_at]]
    return {"label": (named or below)[0], "split": split, "modality": modality}


def _wrapper_depth(paths: list[tuple[str, ...]]) -> int:
    """How many folders lie around everything else and tell nothing.

    A folder is a wrapper if it alone is at its level and itself holds folders, not pictures;
    folders of known meaning (splits, modalities, images, masks) are not.
    """
    known = _PARTS | _OTHER | set(sidecars.MODALITIES) | set(sidecars.SPLITS)
    depth = 0
    while paths and all(len(path) > depth + 2 for path in paths):
        here = {path[depth] for path in paths}
        below = {path[depth + 1].lower() for path in paths}
        if len(here) > 1 or here.pop().lower() in known or below <= _PARTS | _OTHER:
            break
        depth += 1
    return depth


def _is_image(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in images.SUFFIXES


def _nothing_in(root: Path, found: scan.Found, by_use: _Sorted) -> DatasetError:
    """The error for a folder without a single labelled image."""
    if by_use.outside:
        return DatasetError(
            f"{root} holds {len(by_use.outside):,} images but no class folders "
            f"({listed(by_use.outside)}). Put the images of each class into a folder named "
            "after the class."
        )
    if "" in found.closed:
        return DatasetError(f"{root} cannot be opened. Check the permissions of the folder.")
    met = [
        f"{len(paths):,} {what} ({listed(paths)})"
        for what, paths in (
            ("other files", by_use.not_images),
            ("masks", list(by_use.masks.values())),
            ("links that are not followed", found.links),
            ("folders that cannot be opened", found.closed),
        )
        if paths
    ]
    return DatasetError(
        f"{root} holds no images ({', '.join(sorted(images.SUFFIXES))}); found: "
        f"{', '.join(met) or 'nothing'}. Choose the folder that holds the class folders."
    )


def _classes(
    table: pd.DataFrame, about: sidecars.About, root: Path
) -> tuple[tuple[str, ...], list[str]]:
    """The classes that have images, in the told order or by alphabet."""
    present = set(table["label"])
    if about.classes is None:
        return tuple(sorted(present)), []
    if unknown := sorted(present - set(about.classes)):
        raise DatasetError(
            f"{root / sidecars.ABOUT} lists the classes {list(about.classes)}, but there are also "
            f"folders {unknown}. Add them to the list, or move the folders away."
        )
    absent = [name for name in about.classes if name not in present]
    notes = [f"No images of the listed classes {listed(absent)} were found."] if absent else []
    return tuple(name for name in about.classes if name in present), notes


def _notes_on_files(found: scan.Found, by_use: _Sorted) -> list[str]:
    notes = []
    if by_use.wrapper:
        notes.append(f"Everything lies in the folder {by_use.wrapper}; classes are read below it.")
    for paths, noun, why in (
        (by_use.not_images, "file", "skipped because the name does not end as an image's does"),
        (by_use.outside, "image", "skipped for lying outside the class folders, without a label"),
        (found.links, "link", "ignored for leading out of the folder, to a folder or nowhere"),
        (found.odd, "file", "skipped for an unreadable name, or for not being a plain file"),
        (found.closed, "folder", "skipped for it cannot be opened"),
        (found.empty, "folder", "empty"),
    ):
        if paths:
            notes.append(f"{count(len(paths), noun)} {why}: {listed(paths)}.")
    return notes


def notes_on_damage(measured: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Sentences about files that cannot be opened or decoded, from `scan.measure`."""
    if measured["error"].isna().all():
        return []
    kept = measured["path"].isin(table["path"])
    notes = []
    for rows, noun, why in (
        (measured["image_id"].isna(), "file", "skipped because it cannot be opened"),
        (kept & measured["error"].notna(), "image", "listed but cannot be used"),
    ):
        if rows.any():
            first = measured.loc[rows, "error"].iloc[0]
            notes.append(f"{count(int(rows.sum()), noun)} {why}. The first: {first}")
    return notes


def notes_on_classes(table: pd.DataFrame, classes: tuple[str, ...]) -> list[str]:
    """Sentences about a single class, and names that look like the same class."""
    notes = []
    if len(classes) == 1:
        notes.append(f"There is only one class, {classes[0]!r}; training needs two or more.")
    sizes = table["label"].value_counts()
    if single := [name for name in classes if sizes[name] == 1]:
        notes.append(f"Only one image each in: {listed(single)}; a split needs more.")
    folded = table["label"].drop_duplicates().groupby(lambda row: table["label"][row].casefold())
    notes += [
        f"The classes {' and '.join(map(repr, sorted(names)))} differ only in capitals; "
        "rename the folders if they are one."
        for _, names in folded
        if len(names) > 1
    ]
    return notes
