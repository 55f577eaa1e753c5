"""The image table, one row per image, and the Dataset that carries it."""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxrcore.errors import DatasetError

# column: what it holds. Missing is pd.NA: never guessed, never an empty string.
COLUMNS = {
    "image_id": "BLAKE2b-128 of the file's bytes, 32 hexadecimal digits",
    "path": "the file, relative to the dataset's root, with /",
    "label": "the class",
    "patient_id": "the patient, as named by the dataset",
    "source": "where it comes from: hospital, collection",
    "modality": "xray or ct",
    "view": "PA, AP or L",
    "split": "train, validation or test, as published",
    "mask": "the lung mask, relative to the root: a picture or a reference (cxrcore.datasets.masks)",
    "width": "pixels, upright; missing if the file is damaged",
    "height": "pixels, upright; missing if the file is damaged",
}
PEOPLE = ("age", "sex")  # in years, and F or M: columns beyond, where a collection tells them
_NUMBERS = ("width", "height")
# What is kept of files that are left out because of their content.
DOUBLES = ("path", "image_id", "label", "split", "reason")
SAME_CONTENT, OTHER_LABEL = "same content", "other label"
_PATIENT_FOLLOWUP = re.compile(r"(\d{8})_\d{3}")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels from a folder of a known layout.

    `table` has the columns of COLUMNS and one row per image, sorted by path, each `image_id`
    once; treat it as read-only. `classes` are those that have images, in the order of the
    softmax. `notes` are sentences for people about what was skipped or looks odd. `options`
    are the layout's. `doubles` has the columns of DOUBLES and one row for each file that is left
    out because its content is already in `table` ("same content") or has several labels
    ("other label"). `findings` tells more than one class of films before one was chosen, see
    `datasets.findings`; None in every dataset that is ready for use.
    """

    name: str
    root: Path
    layout: str
    table: pd.DataFrame
    classes: tuple[str, ...]
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    doubles: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(DOUBLES)))
    findings: pd.DataFrame | None = None

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over the sorted (image_id, label).

        Paths, splits and masks do not count: a copy of a dataset has the same fingerprint.
        """
        pairs = sorted(zip(self.table["image_id"], self.table["label"].fillna(""), strict=True))
        text = "".join(f"{image_id}\t{label}\n" for image_id, label in pairs)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def path_of(self, image: Any) -> Path:
        """The file of an image, given its `image_id` or its row (Series, mapping or namedtuple)."""
        return self.root / self._cell(image, "path")

    def mask_of(self, image: Any) -> Path | None:
        """The lung mask of an image for `masks.read`, or None; `image` as for `path_of`."""
        mask = self._cell(image, "mask")
        return None if pd.isna(mask) else self.root / mask

    def counts(self) -> pd.Series:
        """Images of each class, in class order."""
        return self.table["label"].value_counts().reindex(list(self.classes)).astype("int64")

    def _cell(self, image: Any, column: str) -> Any:
        if isinstance(image, str):
            if image not in self._rows:
                raise DatasetError(
                    f"The dataset {self.name!r} has no image {image!r}. "
                    "Its files may have changed; load it again."
                )
            return self.table[column].iloc[self._rows[image]]
        if isinstance(image, pd.Series | Mapping):
            return image[column]
        return getattr(image, column)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.table["image_id"])}


def build_table(rows: Iterable[Mapping[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """The image table from rows with some of the columns; the others are missing.

    Returns:
        COLUMNS in order, then PEOPLE that the rows have; strings as `string`, width and height as
        `Int64`, age as `Float64`; sorted by path, index 0..n-1. Empty strings and blanks become
        missing.
    """
    frame = pd.DataFrame(rows if isinstance(rows, pd.DataFrame) else list(rows))
    wanted = [*COLUMNS, *(name for name in PEOPLE if name in frame)]
    # One frame of finished columns: to change columns one by one took most of reading a folder.
    columns = {name: _column(frame, name) for name in wanted}
    table = pd.DataFrame(columns, index=frame.index)
    return table.sort_values("path", kind="stable", ignore_index=True)


def _column(frame: pd.DataFrame, name: str) -> Any:
    kind = "Float64" if name == "age" else "Int64" if name in _NUMBERS else "string"
    if name not in frame:
        return pd.array([pd.NA] * len(frame), dtype=kind)
    if name == "age":
        return pd.to_numeric(frame[name], errors="coerce").astype(kind)
    values = frame[name].astype(kind)
    if kind == "string" and (blank := (values.str.strip() == "").fillna(False)).any():
        values = values.mask(blank, pd.NA)
    return values


def without_duplicates(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Each content once, the dropped files (columns of DOUBLES), and sentences about them.

    Of identical files the first by path is kept. Identical files with different labels are all
    dropped: one label must be wrong, and nobody knows which.
    """
    labels = table.groupby("image_id")["label"].nunique(dropna=False)
    conflicting = table["image_id"].isin(labels.index[labels > 1])
    repeated = table["image_id"].duplicated() & ~conflicting
    notes = []
    if conflicting.any():
        notes.append(
            f"{conflicting.sum():,} files are left out because the same content has different "
            f"labels: {listed(table.loc[conflicting, 'path'])}."
        )
    if repeated.any():
        notes.append(
            f"{count(repeated.sum(), 'file')} left out because another file has the same content: "
            f"{listed(table.loc[repeated, 'path'])}."
        )
        splits = table[~conflicting].groupby("image_id")["split"].nunique()
        if in_several_splits := int((splits > 1).sum()):
            notes.append(
                f"{count(in_several_splits, 'image')} found in more than one published split; "
                "only the first by path is kept."
            )
    dropped = table[conflicting | repeated].reset_index(drop=True)
    dropped["reason"] = np.where(conflicting[conflicting | repeated], OTHER_LABEL, SAME_CONTENT)
    return table[~conflicting & ~repeated].reset_index(drop=True), dropped[list(DOUBLES)], notes


def patient_of(path: str) -> str | None:
    """The patient in a `PATIENT_FOLLOWUP` file name (8 digits, 3 digits), else None.

    Source: the naming of ChestX-ray8 and ChestX-ray14, Wang et al. 2017, arXiv:1705.02315.

    >>> patient_of("Pneumonia/00011097_002.png")
    '00011097'
    """
    match = _PATIENT_FOLLOWUP.fullmatch(posixpath.splitext(posixpath.basename(path))[0])
    return match[1] if match else None


def plain(name: str) -> str:
    """The letters and digits of a name in lower case, to compare names loosely.

    >>> plain("Non-COVID_19 (1)")
    'noncovid191'
    """
    return "".join(filter(str.isalnum, name)).casefold()


def same_name(text: str, names: Iterable[str]) -> str | None:
    """The one of `names` that a text names: exactly, else with other case and punctuation; else None.

    >>> same_name("covid 19", ["COVID-19", "Normal"]), same_name("a", ["A+", "A-"])
    ('COVID-19', None)
    """
    names = list(names)
    if text in names:
        return text
    alike = [name for name in names if plain(name) == plain(text)]
    return alike[0] if len(alike) == 1 else None


def count(number: int, noun: str) -> str:
    """A count with its noun and verb: "1 file is", "3 files are".

    >>> count(1, "file"), count(1200, "image")
    ('1 file is', '1,200 images are')
    """
    return f"{number:,} {noun} is" if number == 1 else f"{number:,} {noun}s are"


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
