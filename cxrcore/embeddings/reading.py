"""Vectors of films from files that anyone may have written; no code in them is run.

.npz            one array (n, d) of numbers, and one array (n,) of text called path, image_id or sha256
Parquet, CSV,   a column path, image_id or sha256; the vectors as one column of lists, or as d columns that
JSON lines      share a name and count on: embedding_0, embedding_1 …
"""

import hashlib
import io
import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import predictions
from cxrcore.datasets.table import listed
from cxrcore.errors import PredictionsError
from cxrcore.predictions import Table
from cxrcore.predictions.columns import FILMS, KNOWN, film_columns, numbers
from cxrcore.predictions.reading import MOST_BYTES, read_bytes, too_large
from cxrcore.store.differences import one_line

SUFFIXES = (".npz", *predictions.SUFFIXES)
_COUNTED = re.compile(r"(.*?)(\d+)")
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError)


@dataclass(frozen=True, eq=False)
class Vectors:
    """A file of vectors as it was read.

    Attributes:
        table: its name, digest, and the columns that say which film a row is about.
        films: kind of such a column, of `predictions.columns.FILMS` -> its name.
        values: (n, d) float32, all finite.
    """

    table: Table
    films: dict[str, str]
    values: npt.NDArray[np.float32]


def read(source: Path | bytes, name: str = "") -> Vectors:
    """Read the vectors of a file; its ending says which kind it is.

    Args:
        source: a file, or the bytes of an upload.
        name: of the upload.

    Raises:
        PredictionsError: it cannot be read, no column names the films, or the vectors are not numbers of
            one width.
    """
    name = one_line(source.name if isinstance(source, Path) else name)
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise PredictionsError(
            f"{name!r} is none of the kinds {', '.join(SUFFIXES)}. Save the vectors as one of them."
        )
    if suffix == ".npz":
        data = source if isinstance(source, bytes) else read_bytes(source)
        return _of_arrays(data, name)
    return _of_table(predictions.read(source, name))


def _of_arrays(data: bytes, name: str) -> Vectors:
    if len(data) > MOST_BYTES:
        raise too_large(len(data))
    try:
        arrays = _arrays(data)
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:200]
        raise PredictionsError(
            f"{name!r} is no readable .npz file: {reason}. Write it again, with numpy.savez and without "
            "objects."
        ) from error
    found = [key for key, array in arrays.items() if array.ndim == 2 and array.dtype.kind in "fiu"]
    if len(found) != 1:
        shapes = [f"{one_line(key)} {array.shape}" for key, array in arrays.items()]
        raise PredictionsError(
            f"{name!r} must have one array (films, width) of numbers; it has {len(found)}. Its arrays: "
            f"{listed(shapes, 9)}."
        )
    values = arrays.pop(found[0])
    texts = {key: array for key, array in arrays.items() if key.strip().lower() in FILMS}
    if wrong := [k for k, array in texts.items() if array.shape != (len(values),)]:
        raise PredictionsError(
            f"{name!r} has {len(values):,} vectors, but {one_line(wrong[0])} has the shape "
            f"{arrays[wrong[0]].shape}. Each vector needs one name of a film."
        )
    rows = pd.DataFrame({key: array.astype(str).astype(object) for key, array in texts.items()})
    if rows.empty and len(rows.columns):
        raise PredictionsError(f"{name!r} has no vector. It needs one for each film.")
    table = Table(name, hashlib.blake2b(data, digest_size=16).hexdigest(), rows)
    films = film_columns(rows if len(rows.columns) else pd.DataFrame(columns=list(arrays)))
    return Vectors(table, films, _finite(values))


def _arrays(data: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of a file, after what it claims of their sizes was compared with what it holds."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = archive.infolist()
        if (size := sum(member.file_size for member in inside)) > MOST_BYTES:
            raise too_large(size)
        for member in inside:
            with archive.open(member) as file:
                major, _ = np.lib.format.read_magic(file)
                header = np.lib.format.read_array_header_1_0
                shape, _, dtype = (header if major == 1 else np.lib.format.read_array_header_2_0)(
                    file
                )
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{one_line(member.filename)} is shorter than it says")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _of_table(table: Table) -> Vectors:
    rows = table.rows
    films = film_columns(rows)
    others = [c for c in rows.columns if str(c).strip().lower() not in KNOWN]
    lists = [c for c in others if isinstance(rows[c].iloc[0], list | np.ndarray)]
    counted = [c for c in others if pd.api.types.is_numeric_dtype(rows[c])]
    if len(lists) == 1 and not counted:
        values = _stacked(rows[lists[0]], lists[0])
    else:
        values = numbers(rows, _in_order(table.name, [*lists, *counted]))
    named = Table(table.name, table.digest, rows[list(films.values())])
    return Vectors(named, films, _finite(values))


def _in_order(name: str, columns: list[str]) -> list[str]:
    """Columns that share a name and count on, by their numbers."""
    found = {column: _COUNTED.fullmatch(str(column)) for column in columns}
    starts = {match[1] if match else column for column, match in found.items()}
    if len(starts) != 1 or None in found.values():
        raise PredictionsError(
            f"{name!r} must have one column of lists, or columns of numbers that share a name and count on, "
            f"such as embedding_0, embedding_1. Of others it has: {listed(sorted(starts), 5) or 'none'}."
        )
    return sorted(columns, key=lambda column: int(_COUNTED.fullmatch(column)[2]))  # type: ignore[index]


def _stacked(column: pd.Series, name: str) -> npt.NDArray[np.floating]:
    widths = [len(cell) if isinstance(cell, list | np.ndarray) else 0 for cell in column]
    other = next((row for row, width in enumerate(widths) if width != widths[0]), None)
    if other is not None:
        raise PredictionsError(
            f"The vectors of {name!r} have different widths: {widths[0]:,} in row 1, {widths[other]:,} in "
            f"row {other + 1:,}. All must come from one model."
        )
    try:
        return np.stack([np.asarray(cell, np.float64) for cell in column])
    except (TypeError, ValueError) as error:
        raise PredictionsError(
            f"The column {name!r} holds lists of something else than numbers. Write numbers."
        ) from error


def _finite(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """As float32.

    Raises:
        PredictionsError: there is no number, or one is not finite; names the first row, from 1.
    """
    if not values.size:
        raise PredictionsError(
            f"The vectors are empty: their shape is {values.shape}. Save one for each film."
        )
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    bad = np.asarray(~np.isfinite(found).all(axis=1))
    if bad.any():
        raise PredictionsError(
            f"{int(bad.sum()):,} of {len(bad):,} vectors have a number that is not finite; the first is row "
            f"{int(bad.argmax()) + 1:,}. Leave these films out, or compute them again."
        )
    return found
