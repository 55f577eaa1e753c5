"""Pairs of images on disk, as Parquet files that say how they were made."""

import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxrcore import files
from cxrcore.duplicates.search import TYPES
from cxrcore.errors import StoreError


def write(path: Path, pairs: pd.DataFrame, metadata: Mapping[str, str]) -> None:
    """Write pairs with the columns of `duplicates.COLUMNS`.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    table = pa.Table.from_pandas(pairs, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}), buffer
    )
    files.write_atomic(path, buffer.getvalue())


def read(path: Path, metadata: Mapping[str, str]) -> pd.DataFrame | None:
    """The pairs in a file; None if it is missing, damaged, or has other metadata.

    Raises:
        StoreError: the file may not be read.
    """
    try:
        table = pq.read_table(path)
    except PermissionError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Give access to it.") from error
    except (OSError, pa.ArrowException):
        return None
    found = table.schema.metadata or {}
    if any(found.get(key.encode()) != value.encode() for key, value in metadata.items()):
        return None
    return table.to_pandas().astype(TYPES)
