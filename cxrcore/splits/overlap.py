"""Images that two datasets share: who tests on one what was trained on the other tests memory.

    data/duplicates/across/<one>-<other>.parquet   pairs, by the fingerprints of the two

The pairs are searched once and kept; a file that is damaged or of another version counts as
absent, since all of it can be searched again.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxrcore import duplicates, files, settings
from cxrcore.progress import Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index

_VERSION = b"cxr_across"


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
        DatasetError: an image file that has to be looked at is gone or has changed.
        StoreError: the result cannot be written.
    """
    if (kept := load(first, second)) is not None:
        return kept
    pairs = duplicates.between(first, first_index, second, second_index, report=report)
    metadata = {_VERSION: str(duplicates.VERSION).encode()}
    table = pa.Table.from_pandas(pairs, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata((table.schema.metadata or {}) | metadata), buffer)
    files.write_atomic(file_of(first, second), buffer.getvalue())
    return pairs


def load(first: "Dataset", second: "Dataset") -> pd.DataFrame | None:
    """The pairs of two datasets if they were searched, in either order; else None."""
    if (pairs := _read(file_of(first, second))) is not None:
        return pairs
    swapped = _read(file_of(second, first))
    if swapped is None:
        return None
    names = {"first": "second", "second": "first"}
    return swapped.rename(columns=names)[list(duplicates.COLUMNS)]


def stamp(first: "Dataset", second: "Dataset") -> files.Stamp:
    """Changes whenever the pairs of two datasets are written or deleted."""
    return files.stamp([file_of(first, second), file_of(second, first)])


def file_of(first: "Dataset", second: "Dataset") -> Path:
    """Where the pairs of two datasets lie, in this order."""
    name = f"{first.fingerprint}-{second.fingerprint}.parquet"
    return settings.data_dir() / "duplicates" / "across" / name


def _read(path: Path) -> pd.DataFrame | None:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    if (table.schema.metadata or {}).get(_VERSION) != str(duplicates.VERSION).encode():
        return None
    return table.to_pandas()
