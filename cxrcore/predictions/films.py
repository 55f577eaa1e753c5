"""Which film of a dataset a row of a table is about: by content, path or name."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.predictions.columns import Columns

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

# What stands for a row without a film, besides -1.
SEVERAL = -2  # films of that name
LEFT_OUT = -3  # a file that the dataset leaves out, for its content


def find_films(rows: pd.DataFrame, dataset: "Dataset", names: Columns) -> npt.NDArray[np.intp]:
    """(n,) row of the film in the dataset's table; below 0 where there is none, see above."""
    found = np.full(len(rows), -1, np.intp)
    for kind, column in names.films.items():
        open_ = found < 0
        if not open_.any():
            break
        texts = rows[column].to_numpy(object)[open_]
        if kind == "path":
            found[open_] = _by_path(texts, dataset)
        else:
            ids = dataset.table["image_id"] if kind == "image_id" else _sha256(dataset)
            keys = pd.Series(texts, dtype=object).fillna("").astype(str).str.strip().str.lower()
            found[open_] = _index(ids.to_numpy(object)).get_indexer(keys.to_numpy(object))
    if "path" in names.films and (found == -1).any() and len(dataset.doubles):
        _find_doubles(rows[names.films["path"]].to_numpy(object), dataset, found)
    return found


def _find_doubles(
    texts: npt.NDArray[np.object_], dataset: "Dataset", found: npt.NDArray[np.intp]
) -> None:
    """Rows of files that the dataset leaves out: of the film with that content if it has no row.

    Whoever computes something for all files of a folder has them too.
    """
    open_ = np.flatnonzero(found == -1)
    place = _index(dataset.doubles["path"].to_numpy(object)).get_indexer(
        _within(texts[open_], dataset)
    )
    left_out = open_[place >= 0]
    ids = dataset.doubles["image_id"].to_numpy(object)[place[place >= 0]]
    films = _index(dataset.table["image_id"].to_numpy(object)).get_indexer(ids)
    used = set(found[found >= 0])
    for row, film in zip(left_out, films, strict=True):
        found[row] = LEFT_OUT if film < 0 or film in used else film
        used.add(film)


def _within(texts: npt.NDArray[np.object_], dataset: "Dataset") -> npt.NDArray[np.object_]:
    """Paths as the dataset's table has them: relative to its folder, with /."""
    given = pd.Series(texts, dtype=object).fillna("").astype(str).str.strip().str.replace("\\", "/")
    root = dataset.root.absolute().as_posix().rstrip("/") + "/"
    return given.str.removeprefix(root).str.removeprefix("./").to_numpy(object)


def _by_path(texts: npt.NDArray[np.object_], dataset: "Dataset") -> npt.NDArray[np.intp]:
    paths = dataset.table["path"].to_numpy(object)
    places = _index(paths)
    found = places.get_indexer(texts)
    if (found >= 0).all():  # a million of them are found in a second
        return found
    given = _within(texts, dataset)
    found = places.get_indexer(given)
    names = _names(paths)
    alone = ~pd.Series(names).duplicated(keep=False).to_numpy(bool)
    doubles = set(dataset.doubles["path"])
    open_ = np.array(
        [row for row in np.flatnonzero(found < 0) if given[row] not in doubles], np.intp
    )
    wanted = _names(given[open_])
    by_name = _index(names[alone]).get_indexer(wanted)
    found[open_[by_name >= 0]] = np.flatnonzero(alone)[by_name[by_name >= 0]]
    several = pd.Series(wanted, dtype=object).isin(set(names[~alone])).to_numpy(bool)
    found[open_[several]] = SEVERAL
    return found


def _names(paths: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Without folders."""
    return np.array([path.rpartition("/")[2] for path in paths], dtype=object)


def _index(values: npt.NDArray[np.object_]) -> pd.Index:
    return pd.Index(values, dtype=object)


def _sha256(dataset: "Dataset") -> pd.Series:
    """SHA-256 of every file; they are read for it."""

    def of(path: str) -> str:
        try:
            with open(dataset.root / path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""  # no digest matches; the row is reported

    with ThreadPoolExecutor(4) as pool:
        return pd.Series(list(pool.map(of, dataset.table["path"])), dtype=object)
