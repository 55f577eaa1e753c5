"""Images that show the same film in different files: another size, compression, crop or contrast.

Three steps, each slower and more certain than the one before: thumbnails that share keypoints which
lie alike are candidates (`candidates`), these are registered, and then the image files of those
that still agree (`registration`). Uniform rims are cut off first; a negative and a mirror image
count as the same film. Found are crops down to about half of the area, wherever they were cut, and
films turned by up to about 5 degrees. Smaller crops, larger turns and films lying on their side are
not found. Follow-up films of a patient are not duplicates.
Whether two images are a pair does not depend on the other images of a dataset.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cxrcore import files, parallel, settings
from cxrcore.duplicates import pair_files
from cxrcore.duplicates.search import NEAR, pairs_within
from cxrcore.duplicates.search import pairs_between as between
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index

__all__ = [
    "COLUMNS",
    "DIVISION",
    "NEAR",
    "VERSION",
    "Duplicates",
    "between",
    "earlier",
    "find",
    "load",
    "stamp",
]

# How they are found: docs/decisions/0013 and 0060.
VERSION = 3  # raise it when other pairs are found; earlier results are searched again
# In the names of runs. It stays, so that a request finds the run that an earlier search divided.
DIVISION = 2
_EARLIER = {"cxr_duplicates": "2"}

# column of `Duplicates.pairs` and of `between`: what it holds
COLUMNS = {
    "first": "image_id; within one dataset the smaller of the two",
    "second": "image_id",
    "kind": "exact: the files have the same bytes; near: the images show the same film",
    "bits": "bits in which the perceptual hashes differ, 0..64; missing if one has no hash",
    "correlation": "of the fine detail after registration, NEAR..1; also positive for a negative or mirror image",
}


@dataclass(frozen=True, eq=False)
class Duplicates:
    """The images of a dataset that show a film more than once; treat it as read-only.

    `pairs` has the columns of COLUMNS, the most similar first. `groups` maps the image_id to the
    number of its group: 0 is the largest group, of equals the one whose first path comes first;
    images without a duplicate are absent. An image that is a pair with two others joins them
    into one group, even if these two differ more.
    """

    pairs: pd.DataFrame
    groups: pd.Series


def find(dataset: "Dataset", measured: "Index", *, report: Report = silent) -> Duplicates:
    """The near duplicates of a dataset; searched at the first call, read at later ones.

    A second process with the same request waits for the first. The same images give the same
    groups on every machine. Files with the same bytes are one image in a dataset, so all pairs
    are near ones. Damaged and blank images have no duplicates.

    Args:
        dataset: whose images.
        measured: its index.
        report: receives the progress; may raise to stop.

    Raises:
        DatasetError: an image file that must be read is missing or has changed.
        StoreError: the result cannot be written.
    """
    path = _file(dataset)
    metadata = _metadata() | {"cxr_usable": _usable(measured)}
    waiting = Meter("waiting for another process that searches for duplicates", 1, report)
    with parallel.exclusive(path.with_suffix(".lock"), lambda: waiting.update(0)):
        pairs = pair_files.read(path, metadata)
        if pairs is None:
            pairs = pairs_within(dataset, measured, report)
            if pair_files.read(path, _EARLIER) is not None:
                path.replace(_earlier_file(dataset))
            pair_files.write(path, pairs, metadata)
    return Duplicates(pairs, _groups(pairs, dataset.table))


def earlier(dataset: "Dataset") -> Duplicates | None:
    """What version 2 of the search found, which trainings begun with it need; None without."""
    pairs = pair_files.read(_earlier_file(dataset), _EARLIER)
    return None if pairs is None else Duplicates(pairs, _groups(pairs, dataset.table))


def load(dataset: "Dataset") -> Duplicates | None:
    """The stored result of `find`; None if there is none for these images and this version."""
    pairs = pair_files.read(_file(dataset), _metadata())
    return None if pairs is None else Duplicates(pairs, _groups(pairs, dataset.table))


def stamp(dataset: "Dataset") -> files.Stamp:
    """Changes whenever the duplicates of a dataset are written or deleted."""
    return files.stamp([_file(dataset)])


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
    """A digest of the images that could be compared; the search is repeated when it changes."""
    ids = measured.table.loc[measured.table["error"].isna(), "image_id"]
    return hashlib.blake2b("\n".join(sorted(ids)).encode(), digest_size=8).hexdigest()


def _file(dataset: "Dataset") -> Path:
    return settings.data_dir() / "duplicates" / f"{dataset.fingerprint}.parquet"


def _earlier_file(dataset: "Dataset") -> Path:
    return _file(dataset).with_suffix(".2.parquet")


def _metadata() -> dict[str, str]:
    return {"cxr_duplicates": str(VERSION)}
