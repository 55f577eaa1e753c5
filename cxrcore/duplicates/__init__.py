"""Images that show one film although their files differ: other size, compression, crop, grays.

Three steps, each slower and surer than the one before: descriptors of all thumbnails are
compared with each other (`candidates`), alike ones are laid over each other as thumbnails,
and what is still alike from the image files (`registration`). Even rims are cut off before, and
a negative counts as the same film. Not found are mirrored films, films turned by more than a few
degrees, and cut-outs of less than half of the area. Follow-up films of one patient are not
duplicates. Whether two images are a pair does not depend on what else is in a dataset.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxrcore import files, parallel, settings
from cxrcore.duplicates.search import NEAR, TYPES, pairs_between, pairs_within
from cxrcore.errors import StoreError
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index

__all__ = ["COLUMNS", "NEAR", "VERSION", "Duplicates", "between", "find", "load", "stamp"]

# How they are found, and why not by a perceptual hash: docs/decisions/0013.
VERSION = 2  # raise it when the same images come to be grouped differently

# column of `Duplicates.pairs` and of `between`: what it holds
COLUMNS = {
    "first": "image_id; within one dataset the smaller of the two",
    "second": "image_id",
    "kind": "exact: the files have the same bytes; near: the pictures show one film",
    "bits": "bits in which the perceptual hashes differ, 0..64; missing where one has none",
    "correlation": "of the fine detail after one was laid over the other, NEAR..1; positive for "
    "a negative, too",
}


@dataclass(frozen=True, eq=False)
class Duplicates:
    """The images of a dataset that show a film more than once; treat it as read-only.

    `pairs` has the columns of COLUMNS, the most alike first. `groups` has image_id as index
    and the number of its group as value: 0 is the largest group, of equals the one whose
    first path comes first. Images that are like no other are not in it. What is like two
    others joins them, though these two may be less alike.
    """

    pairs: pd.DataFrame
    groups: pd.Series


def find(dataset: "Dataset", measured: "Index", *, report: Report = silent) -> Duplicates:
    """The near duplicates of a dataset; searched at the first call, read at later ones.

    A second process that asks for the same waits and then has it. The same images give the
    same groups on every machine. Files with the same bytes are one image in a dataset
    already, so all pairs are near ones. Damaged images and blank ones are like no other.

    Args:
        dataset: whose images.
        measured: its index.
        report: told how far it is; may raise to stop.

    Raises:
        DatasetError: an image file that has to be looked at is gone or has changed.
        StoreError: the result cannot be written.
    """
    path = _file(dataset)
    waiting = Meter("waiting for another process that searches duplicates", 1, report)
    with parallel.exclusive(path.with_suffix(".lock"), lambda: waiting.update(0)):
        pairs = _read(path, _usable(measured))
        if pairs is None:
            pairs = pairs_within(dataset, measured, report)
            _write(path, pairs, _usable(measured))
    return Duplicates(pairs, _groups(pairs, dataset.table))


def load(dataset: "Dataset") -> Duplicates | None:
    """What `find` found; None when it was not called for these images or by another version."""
    pairs = _read(_file(dataset))
    return None if pairs is None else Duplicates(pairs, _groups(pairs, dataset.table))


def stamp(dataset: "Dataset") -> files.Stamp:
    """Changes whenever the duplicates of a dataset are written or deleted."""
    return files.stamp([_file(dataset)])


def between(
    first: "Dataset",
    first_index: "Index",
    second: "Dataset",
    second_index: "Index",
    *,
    report: Report = silent,
) -> pd.DataFrame:
    """Images of one dataset that are also in another, with the columns of COLUMNS.

    `first` is of the first dataset, `second` of the second. Exact pairs come first, then the
    near ones, the most alike first.

    Raises:
        DatasetError: an image file that has to be looked at is gone or has changed.
    """
    return pairs_between(first, first_index, second, second_index, report)


def _groups(pairs: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """The connected components of the pairs, numbered by size and then by first path."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = pd.Index(table["image_id"])
    ends = [rows.get_indexer(pairs[name]) for name in ("first", "second")]
    links = coo_array(([True] * len(pairs), tuple(ends)), shape=(len(rows), len(rows)))
    parts = pd.Series(connected_components(links, directed=False)[1])
    sizes = parts.map(parts.value_counts())
    grouped = pd.DataFrame({"part": parts, "size": sizes, "path": table["path"].to_numpy()})
    grouped = grouped[sizes > 1]
    order = grouped.groupby("part").agg(size=("size", "first"), path=("path", "min"))
    order = order.sort_values(["size", "path"], ascending=[False, True])
    numbers = pd.Series(range(len(order)), index=order.index)
    values = grouped["part"].map(numbers).to_numpy("int64")
    ids = rows[grouped.index].astype("str")
    return pd.Series(values, index=pd.Index(ids, name="image_id"), name="group", dtype="int64")


def _usable(measured: "Index") -> str:
    """Which images could be compared; a mended one makes the search begin anew."""
    ids = measured.table.loc[measured.table["error"].isna(), "image_id"]
    return hashlib.blake2b("\n".join(sorted(ids)).encode(), digest_size=8).hexdigest()


def _file(dataset: "Dataset") -> Path:
    return settings.data_dir() / "duplicates" / f"{dataset.fingerprint}.parquet"


def _write(path: Path, pairs: pd.DataFrame, usable: str) -> None:
    metadata = {"cxr_duplicates": str(VERSION), "cxr_usable": usable}
    table = pa.Table.from_pandas(pairs, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}), buffer
    )
    files.write_atomic(path, buffer.getvalue())


def _read(path: Path, usable: str | None = None) -> pd.DataFrame | None:
    """The pairs on disk; None where they are missing, damaged, old or of other images."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Give access to it.") from error
    except (OSError, pa.ArrowException):
        return None
    metadata = table.schema.metadata or {}
    if metadata.get(b"cxr_duplicates") != str(VERSION).encode():
        return None
    if usable is not None and metadata.get(b"cxr_usable") != usable.encode():
        return None
    return table.to_pandas().astype(TYPES)
