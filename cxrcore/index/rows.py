"""Measured rows on disk: one Parquet file per dataset, and parts while measuring.

    index/<fingerprint>.parquet       all images of a dataset
    index/<fingerprint>.parts/*.parquet   rows of an unfinished measurement

A file that is damaged or of another version counts as absent: it can be measured again.
"""

import io
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cxrcore import files, settings

VERSION = "1"  # raise it when the measurements of the same image change
LEVELS = 256
_AT_ONCE = 2048  # histograms read at once, and rows per row group

_SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("mean", pa.float64()),
        pa.field("std", pa.float64()),
        pa.field("black", pa.float64()),
        pa.field("white", pa.float64()),
        pa.field("brisque", pa.float64()),
        pa.field("phash", pa.string()),
        pa.field("error", pa.string()),
        pa.field("histogram", pa.list_(pa.uint32(), LEVELS), nullable=False),
    ],
    metadata={"cxr_measured": VERSION},
)


def lock_file(fingerprint: str) -> Path:
    """The lock of the process that measures this dataset."""
    return _folder() / f"{fingerprint}.lock"


def parts_folder(fingerprint: str) -> Path:
    """Folder of the parts, until the dataset is complete."""
    return _folder() / f"{fingerprint}.parts"


def write_part(folder: Path, measured: Sequence[dict[str, Any]]) -> None:
    """Add measured rows, dictionaries with the keys of the schema, to a folder of parts.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    columns = [[row.get(name) for row in measured] for name in _SCHEMA.names[:-1]]
    zeros = np.zeros(LEVELS, np.uint32)
    counts = np.stack([row.get("histogram", zeros) for row in measured]).astype(np.uint32)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=False)]
    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(counts.ravel()), LEVELS))
    _write(folder / f"{uuid.uuid4().hex}.parquet", pa.Table.from_arrays(arrays, schema=_SCHEMA))


def complete(fingerprint: str, count: int) -> bool:
    """Whether a file with all `count` images of a dataset exists."""
    try:
        metadata = pq.read_metadata(file_of(fingerprint))
    except (OSError, pa.ArrowException):
        return False
    return metadata.num_rows == count and _of_this_version(metadata.metadata)


def read(fingerprint: str) -> pa.Table | None:
    """All rows of a dataset without histograms, unordered; None without a valid file."""
    return _read(file_of(fingerprint), _SCHEMA.names[:-1])


def read_histograms(fingerprint: str, ids: pd.Series) -> NDArray[np.uint32] | None:
    """(n, 256) the histograms of these images, in their order; None without a valid file."""
    try:
        with pq.ParquetFile(file_of(fingerprint)) as file:
            if not _of_this_version(file.schema_arrow.metadata):
                return None
            # The inverse of `places`: the row of the result for each row of the file.
            target = np.argsort(places(file.read(["image_id"])["image_id"], ids).to_numpy())
            result = np.zeros((len(ids), LEVELS), np.uint32)
            first = 0
            # In batches: Arrow would otherwise hold all of them three times.
            for batch in file.iter_batches(_AT_ONCE, columns=["histogram"]):
                counts = batch.column(0).flatten().to_numpy().reshape(-1, LEVELS)
                result[target[first : first + len(counts)]] = counts
                first += len(counts)
    except (OSError, pa.ArrowException):
        return None
    return result


def places(of: pa.ChunkedArray, ids: pd.Series) -> pa.Array:
    """The row of each image in a file."""
    return pa.array(pd.Index(of.to_pandas()).get_indexer(ids))


def known(fingerprint: str, ids: pd.Series) -> pd.DataFrame:
    """The images that are already measured, in this dataset or another.

    Returns:
        Indexed by unique image_id: `error` (missing if there is none), `file`, and `row` in it.
        Of several rows for an image, one without an error is chosen.
    """
    frames = [_known_in(path, ids) for path in _own_files(fingerprint)]
    found = pd.concat(frames) if frames else _known_in(None, ids)
    usable = set(found["image_id"][found["error"].isna()])
    if len(usable) < len(ids):
        others = [found]
        for path in _other_files(fingerprint):
            rows = _known_in(path, ids[~ids.isin(usable)])
            others.append(rows[rows["error"].isna()])
            usable.update(others[-1]["image_id"])
            if len(usable) == len(ids):
                break
        found = pd.concat(others)
    found = found.iloc[np.argsort(found["error"].notna().to_numpy(), kind="stable")]
    return found.drop_duplicates("image_id").set_index("image_id")


def finish(fingerprint: str, ids: pd.Series) -> None:
    """Collect the rows of all images in the dataset's file and remove the parts.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    tables = []
    for path, rows in known(fingerprint, ids).groupby("file", sort=False):
        if (table := _read(Path(path))) is not None:
            tables.append(table.take(pa.array(rows["row"].to_numpy())))
    _write(file_of(fingerprint), pa.concat_tables(tables))
    shutil.rmtree(parts_folder(fingerprint), ignore_errors=True)


def _folder() -> Path:
    return settings.data_dir() / "index"


def file_of(fingerprint: str) -> Path:
    """The file with all rows of a dataset."""
    return _folder() / f"{fingerprint}.parquet"


def _own_files(fingerprint: str) -> list[Path]:
    return [*parts_folder(fingerprint).glob("*.parquet"), file_of(fingerprint)]


def _other_files(fingerprint: str) -> Iterator[Path]:
    """Files of other datasets, the latest first, then parts of unfinished ones."""
    complete = [path for path in _folder().glob("*.parquet") if path.stem != fingerprint]
    yield from sorted(complete, key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in _folder().glob("*.parts"):
        if folder != parts_folder(fingerprint):
            yield from folder.glob("*.parquet")


def _known_in(path: Path | None, ids: pd.Series) -> pd.DataFrame:
    table = None if path is None else _read(path, ["image_id", "error"])
    if table is None:
        table = _SCHEMA.empty_table().select(["image_id", "error"])
    wanted = pc.is_in(table["image_id"], pa.array(ids, pa.string())).to_numpy()
    frame = table.to_pandas().astype("string")
    return frame.assign(file=str(path), row=np.arange(len(frame)))[wanted]


def _read(path: Path, columns: list[str] | None = None) -> pa.Table | None:
    try:
        table = pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException):
        return None
    return table if _of_this_version(table.schema.metadata) else None


def _of_this_version(metadata: dict[bytes, bytes] | None) -> bool:
    return (metadata or {}).get(b"cxr_measured") == VERSION.encode()


def _write(path: Path, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=_AT_ONCE)
    files.write_atomic(path, buffer.getvalue())
