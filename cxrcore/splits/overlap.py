"""Images that two datasets share: a model trained on one and tested on the other knows them.

    data/duplicates/across/<one>-<other>.parquet   pairs, by the fingerprints of the two

The pairs are searched once and kept. A file that is damaged or of another version counts as
absent.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cxrcore import duplicates, files, settings
from cxrcore.duplicates import pair_files
from cxrcore.progress import Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index


def find(
    first: "Dataset",
    first_index: "Index",
    second: "Dataset",
    second_index: "Index",
    *,
    report: Report = silent,
) -> pd.DataFrame:
    """The pairs of `duplicates.between`, searched at the first call and read at later ones.

    Raises:
        DatasetError: an image file that must be read is missing or has changed.
        StoreError: the result cannot be written, or may not be read.
    """
    if (kept := load(first, second)) is not None:
        return kept
    pairs = duplicates.between(first, first_index, second, second_index, report=report)
    pair_files.write(file_of(first, second), pairs, _metadata())
    return pairs


def load(first: "Dataset", second: "Dataset") -> pd.DataFrame | None:
    """The pairs of two datasets if they were searched, in either order; else None.

    Raises:
        StoreError: the file may not be read.
    """
    if (pairs := pair_files.read(file_of(first, second), _metadata())) is not None:
        return pairs
    swapped = pair_files.read(file_of(second, first), _metadata())
    if swapped is None:
        return None
    names = {"first": "second", "second": "first"}
    return swapped.rename(columns=names)[list(duplicates.COLUMNS)]


def stamp(first: "Dataset", second: "Dataset") -> files.Stamp:
    """Changes whenever the pairs of two datasets are written or deleted."""
    return files.stamp([file_of(first, second), file_of(second, first)])


def file_of(first: "Dataset", second: "Dataset") -> Path:
    """The file with the pairs of two datasets, in this order."""
    name = f"{first.fingerprint}-{second.fingerprint}.parquet"
    return settings.data_dir() / "duplicates" / "across" / name


def _metadata() -> dict[str, str]:
    return {"cxr_across": str(duplicates.VERSION)}
