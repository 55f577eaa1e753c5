"""Class folders: the name of the folder is the label.

    root/NORMAL/a.png                        classes
    root/train/NORMAL/a.png                  published splits above (or below) the class
    root/COVID/images/a.png                  images and lung masks of the same name
    root/COVID/masks/a.png                   or a_mask.png, mask_a.png and so on, see `mask_files`
    root/X-ray/COVID/a.png, root/CT/COVID/…  modalities
    root/archive/COVID/patient7/a.png        one folder around it all, any depth below

`metadata.csv` in the root may fill columns, and `dataset.json` may describe the dataset, see
`sidecars`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pandas as pd
from pydantic import Field

from cxrcore import images
from cxrcore.datasets import (
    assembly,
    csv_table,
    mask_files,
    scan,
    selection,
    sidecars,
    words,
)
from cxrcore.datasets.table import Dataset, build_table, count, listed, patient_of
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["LAYOUT", "Options", "detect", "read"]

LAYOUT = "folders"
_IMAGES = {"images", "image", "img", "imgs"}
_PARTS = _IMAGES | mask_files.FOLDERS
_OTHER = {"lesions", "lesion_masks", "annotations"}  # pictures that are not X-rays


@dataclass
class _Sorted:
    """The paths in a folder by what they are for."""

    rows: list[dict[str, str | None]] = field(default_factory=list)
    masks: mask_files.Masks = field(default_factory=mask_files.Masks)
    not_images: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # images in no class folder
    wrapper: str = ""  # folders that wrap everything else


def detect(root: Path) -> bool:
    """Whether it is a folder; `read` explains what is missing."""
    return root.is_dir()


class Options(selection.Options):
    """What the folders mean."""

    constant_label: str = Field(
        "", description="one class for all images, whatever folder they are in"
    )


def read(root: Path, name: str, report: Report = silent, *, constant_label: str = "") -> Dataset:
    """The dataset in a folder of class folders; for `constant_label` see `Options`.

    Raises:
        DatasetError: no images, no class folders, or a `metadata.csv` or `dataset.json` that
            contradicts itself.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    found = scan.find(root)
    files = {file.path: file for file in found.files if file.path not in sidecars.NAMES}
    by_use = _sort(files, scan.pictures(root, found), root.name, constant_label)
    if not by_use.rows:
        raise _nothing_in(root, found, by_use)
    about = sidecars.read_about(root)
    rows, filled = sidecars.fill(build_table(by_use.rows), root, files)
    measured = scan.measure(root, [files[path] for path in rows["path"]], report)
    table, doubles, unused = assembly.measured_table(root, rows, measured)
    classes, absent = _classes(table, about, root)
    notes = [*about.notes, *filled, *_notes_on_files(found, by_use), *unused, *absent]
    return Dataset(
        name=name,
        root=root,
        layout=LAYOUT,
        table=table,
        classes=classes,
        synthetic=about.synthetic,
        notes=(*notes, *assembly.notes_on_classes(table, classes)),
        doubles=doubles,
    )


def _sort(
    files: Iterable[str], pictures: Iterable[str], root_name: str, constant_label: str
) -> _Sorted:
    """Sort paths by what they are for; the folders of an image describe it."""
    pictures = set(pictures)
    result = _Sorted(not_images=[file for file in files if file not in pictures])
    beside = mask_files.beside(pictures)
    masks = {path for path in pictures if path in beside or mask_files.is_mask(path)}
    paths = [tuple(path.split("/")) for path in sorted(pictures)]
    depth = _wrapper_depth(paths)
    result.wrapper = "/".join(paths[0][:depth]) if depth else ""
    for path in paths:
        file, above = "/".join(path), path[depth:-1]
        if file in masks or {folder.lower() for folder in above} & _OTHER:
            continue
        place = tuple(f for f in above if f.lower() not in _PARTS)
        row = _read_place(place, root_name)
        if row is None and constant_label:
            row = {"modality": "xray"}
        if row is None:
            result.outside.append(file)
            continue
        label = {"label": constant_label} if constant_label else {}
        result.rows.append(row | label | {"path": file, "patient_id": patient_of(file)})
    result.masks = mask_files.matched((str(row["path"]) for row in result.rows), masks)
    for row in result.rows:
        row["mask"] = result.masks.of.get(str(row["path"]))
    return result


@lru_cache(maxsize=4096)  # called for every file, computed once per folder; do not change the dict
def _read_place(place: tuple[str, ...], root_name: str) -> dict[str, str | None] | None:
    """label, split and modality from the folders around an image; None if none is a class."""
    lower = [words.word(folder) for folder in place]
    split_at = next((i for i, folder in enumerate(lower) if folder in words.SPLITS), None)
    # A folder above the split only wraps the dataset, unless there is no folder below.
    below = place if split_at is None else place[split_at + 1 :] or place[:split_at]
    below = tuple(folder for folder in below if folder.strip())
    # A folder "CT" is a modality where a class follows, and a class where none does.
    named = [folder for folder in below if words.word(folder) not in words.MODALITIES]
    if not below:
        return None
    around = [*lower, words.word(root_name)]
    modality = next((words.MODALITIES[f] for f in around if f in words.MODALITIES), "xray")
    split = None if split_at is None else words.SPLITS[lower[split_at]]
    return {"label": (named or below)[0], "split": split, "modality": modality}


def _wrapper_depth(paths: list[tuple[str, ...]]) -> int:
    """How many folders merely wrap the dataset.

    A wrapper is the only folder at its level, holds folders and no pictures, and has no known
    meaning (splits, modalities, images, masks).
    """
    known = _PARTS | _OTHER | set(words.MODALITIES) | set(words.SPLITS)
    depth = 0
    while paths and all(len(path) > depth + 2 for path in paths):
        here = {path[depth] for path in paths}
        below = {path[depth + 1].lower() for path in paths}
        if len(here) > 1 or here.pop().lower() in known or below <= _PARTS | _OTHER:
            break
        depth += 1
    return depth


def _nothing_in(root: Path, found: scan.Found, by_use: _Sorted) -> DatasetError:
    """The error for a folder without a single labelled image."""
    if by_use.outside:
        tables = ",".join(path.relative_to(root).as_posix() for path in csv_table.tables_in(root))
        told = f" If the tables there tell the classes: --option file={tables}." if tables else ""
        return DatasetError(
            f"{root} holds {len(by_use.outside):,} images but no class folders "
            f"({listed(by_use.outside)}). Put the images of each class into a folder named "
            "after the class, or name one class for all: --option constant_label=CLASS."
            f"{told}"
        )
    if "" in found.closed:
        return DatasetError(f"{root} cannot be opened. Check the permissions of the folder.")
    met = [
        f"{len(paths):,} {what} ({listed(paths)})"
        for what, paths in (
            ("other files", by_use.not_images),
            ("masks", by_use.masks.unmatched),
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
    """The classes that have images, in the given or alphabetical order, and a note on the others."""
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
        (by_use.not_images, "file", "skipped (not the ending of an image)"),
        (by_use.outside, "image", "skipped (outside the class folders, so without a label)"),
        (found.links, "link", "ignored (to a folder, out of the dataset, or broken)"),
        (
            found.odd,
            "file",
            "skipped (unreadable name, or not a regular file)",
        ),
        (found.closed, "folder", "skipped (cannot be opened)"),
        (found.empty, "folder", "empty"),
    ):
        if paths:
            notes.append(f"{count(len(paths), noun)} {why}: {listed(paths)}.")
    return [*notes, *by_use.masks.notes()]
