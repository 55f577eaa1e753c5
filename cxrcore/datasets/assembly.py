"""The last steps of every layout: from rows and measured files to a dataset and its notes."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxrcore.datasets import spelling
from cxrcore.datasets.table import Dataset, build_table, count, listed, without_duplicates
from cxrcore.errors import DatasetError

FEWEST = 3  # patients of a class: one each for training, validation and test


def measured_table(
    root: Path, rows: pd.DataFrame, measured: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The image table of rows whose files were measured.

    Args:
        root: of the dataset, for messages.
        rows: some columns of the image table, among them path; one row per image.
        measured: from `scan.measure`, for the files of `rows` in the same order.

    Returns:
        The table with each content once, the dropped files (columns of DOUBLES), and notes.

    Raises:
        DatasetError: none of the images can be opened or used.
    """
    opened = measured["image_id"].notna().to_numpy()
    if not opened.any():
        raise DatasetError(
            f"None of the {len(rows):,} images in {root} can be opened: "
            f"{measured['error'].iloc[0]} Check the permissions of the files."
        )
    rows = rows.assign(**{name: measured[name].array for name in ("image_id", "width", "height")})
    table, doubles, notes = without_duplicates(build_table(rows[opened]))
    if table.empty:
        raise DatasetError(f"No image in {root} can be used. {' '.join(notes)}")
    return table, doubles, [*_notes_on_damage(measured, table), *notes]


def assemble(
    name: str,
    root: Path,
    layout: str,
    rows: pd.DataFrame,
    measured: pd.DataFrame,
    notes: Sequence[str],
) -> Dataset:
    """The dataset of such rows, its classes in alphabetical order; `notes` come first.

    Age and sex are kept where the rows have them.

    Raises:
        DatasetError: as for `measured_table`.
    """
    table, doubles, more = measured_table(root, rows, measured)
    classes = tuple(sorted(set(table["label"].dropna())))
    notes = (*notes, *more, *notes_on_classes(table, classes))
    return Dataset(name, root, layout, table, classes, notes=notes, doubles=doubles)


def notes_on_classes(table: pd.DataFrame, classes: tuple[str, ...]) -> list[str]:
    """Sentences about a single class, tiny classes, and names that look like the same class."""
    notes = []
    if len(classes) == 1:
        notes.append(f"There is only one class, {classes[0]!r}; training needs two or more.")
    sizes = table["label"].value_counts()
    if single := [name for name in classes if sizes[name] == 1]:
        notes.append(f"Classes with only one image: {listed(single)}; a split needs more.")
    notes += [
        f"The classes {' and '.join(map(repr, names))} differ only by case, blanks or look-alikes; "
        "the option spellings=merge makes them one."
        for names in spelling.groups(classes)
    ]
    return notes


def note_on_few_patients(dataset: Dataset) -> str | None:
    """A sentence about classes that cannot be in training, validation and test, if there are any."""
    table = dataset.table
    people = table["patient_id"].fillna(table["image_id"])  # an unknown patient is one of his own
    numbers = people.groupby(table["label"]).nunique()
    few = [f"{name} ({numbers[name]})" for name in dataset.classes if numbers[name] < FEWEST]
    if not few:
        return None
    return (
        f"Classes of too few patients: {listed(few, 8)}. Training, validation and test need at "
        f"least one each, so a class needs {FEWEST}, and many more for figures that mean something. "
        "Add images, join the class to another (rename=OLD:NEW), or leave it out (classes=A,B)."
    )


def _notes_on_damage(measured: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Sentences about files that cannot be opened or decoded."""
    if measured["error"].isna().all():  # a look for 20,000 paths among as many takes a while
        return []
    kept = measured["path"].isin(table["path"])
    notes = []
    for rows, noun, what in (
        (measured["image_id"].isna(), "file", "skipped (cannot be opened)"),
        (kept & measured["error"].notna(), "image", "listed but cannot be used"),
    ):
        if rows.any():
            first = measured.loc[rows, "error"].iloc[0]
            notes.append(f"{count(int(rows.sum()), noun)} {what}. The first: {first}")
    return notes
