"""Tables from files that anyone may have written: CSV, Parquet, JSON lines."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.datasets.table import listed
from cxrcore.errors import PredictionsError
from cxrcore.store.differences import one_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = (".csv", ".parquet", ".jsonl")
MOST_BYTES, _MOST_ROWS, _MOST_COLUMNS = 1_000_000_000, 5_000_000, 5_000
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was read.

    Attributes:
        name: of the file.
        digest: 32 hexadecimal digits over its content.
        rows: with one column of the file each; column names are text, each once.
    """

    name: str
    digest: str
    rows: "pd.DataFrame"


def read(source: Path | bytes, name: str = "") -> Table:
    """Read a table; its ending says which kind it is. No code in it is run.

    Args:
        source: a file, or the bytes of an upload.
        name: of the upload.

    Raises:
        PredictionsError: it cannot be read, is too large, has no row, or a column twice.
    """
    name = one_line(source.name if isinstance(source, Path) else name)
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise PredictionsError(
            f"{name!r} is none of the kinds {', '.join(SUFFIXES)}. Save the table as one of them."
        )
    data = source if isinstance(source, bytes) else read_bytes(source)
    if len(data) > MOST_BYTES:
        raise too_large(len(data))
    import pyarrow as pa

    try:
        table = _table(data, suffix)
        names = [one_line(str(column)) for column in table.column_names]
        _limit(name, table.num_rows, len(names))
        rows = table.rename_columns(names).to_pandas()
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PredictionsError(
            f"{name!r} is no readable {suffix} file: {reason}. Write it again."
        ) from error
    if twice := sorted({column for column in names if names.count(column) > 1}):
        raise PredictionsError(
            f"{name!r} has several columns called {listed(twice)}. Keep one of each."
        )
    return Table(name, hashlib.blake2b(data, digest_size=16).hexdigest(), rows)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of at most MOST_BYTES; else PredictionsError."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise too_large(size)
        return path.read_bytes()
    except OSError as error:
        raise PredictionsError(
            f"{path} cannot be read: {error.strerror or error}. Check the path."
        ) from error


def too_large(size: int) -> PredictionsError:
    """The error for a file of more than MOST_BYTES."""
    return PredictionsError(
        f"The file has {size / 1e6:,.0f} MB; {MOST_BYTES / 1e6:,.0f} MB are allowed. Leave out what is not "
        "needed, or save it as Parquet."
    )


def _table(data: bytes, suffix: str) -> "pa.Table":
    from pyarrow import csv, json, parquet

    if suffix == ".parquet":
        file = parquet.ParquetFile(io.BytesIO(data))
        # Before unpacking: a small file may hold gigabytes.
        _limit("The file", file.metadata.num_rows, file.metadata.num_columns)
        groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
        if (size := sum(group.total_byte_size for group in groups)) > MOST_BYTES:
            raise too_large(size)
        return file.read()
    if suffix == ".jsonl":
        return json.read_json(io.BytesIO(data))
    head = data[:10_000].split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    delimiter = max(_DELIMITERS, key=head.count)
    names = csv_names(head, delimiter)
    texts = {column: _text() for column in names if column.strip().lower() in _AS_TEXT}
    return csv.read_csv(
        io.BytesIO(data),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=texts, strings_can_be_null=True),
    )


_AS_TEXT = ("image_id", "sha256", "path")  # never numbers, whatever they look like


def csv_names(head: str, delimiter: str) -> list[str]:
    """The names of the columns, from the beginning of a CSV; its lines may end in a carriage return."""
    import csv

    return next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])


def _text() -> "pa.DataType":
    import pyarrow as pa

    return pa.string()


def _limit(name: str, rows: int, columns: int) -> None:
    if not rows:
        raise PredictionsError(f"{name!r} has no row. It needs one for each film.")
    if rows > _MOST_ROWS or columns > _MOST_COLUMNS:
        raise PredictionsError(
            f"{name!r} has {rows:,} rows and {columns:,} columns; {_MOST_ROWS:,} and {_MOST_COLUMNS:,} are "
            "allowed. Leave out what is not needed."
        )
