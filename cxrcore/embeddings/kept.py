"""The embeddings of a dataset, kept beside it: `embeddings/<dataset>/<name>.npz` in CXR_DATA.

Films are named by their content, so that the vectors stay right where files are renamed.
"""

import contextlib
import hashlib
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from cxrcore import files, settings, store
from cxrcore.datasets import registry
from cxrcore.datasets.table import listed as some_of
from cxrcore.embeddings.reading import Vectors
from cxrcore.errors import PredictionsError, StoreError
from cxrcore.predictions.columns import Columns
from cxrcore.predictions.films import find_films
from cxrcore.predictions.matching import require_once, say_unmatched

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_SUFFIX = ".npz"


class Record(BaseModel):
    """What is known of kept embeddings.

    `digest` is that of films and vectors, `file` the name of the file they came in, `missing` the films
    of the dataset without a vector then; `notes` are sentences on what was left out.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    file: str
    digest: str
    films: int
    width: int
    missing: int
    notes: tuple[str, ...]
    created: str  # ISO 8601, UTC


def add(vectors: Vectors, dataset: "Dataset", name: str, *, partial: bool = False) -> Record:
    """Keep the vectors of a dataset's films: all of them or, where anything does not match, none.

    Args:
        vectors: as `read`.
        dataset: of the films, found by content, then by path, then by a name that only one film has.
        name: what they are called, such as "rad-dino".
        partial: take what there is where rows have no film or films no row.

    Raises:
        PredictionsError: the name cannot be used or is taken, a film has two rows, or something does not
            match and `partial` is false.
        StoreError: the disk is full or cannot be written.
    """
    path = _file(dataset.name, name)
    columns = Columns(vectors.films, {}, {}, [], [])
    rows = find_films(vectors.table.rows, dataset, columns)
    unmatched = say_unmatched(vectors.table, dataset, columns, rows, partial)
    require_once(vectors.table, columns, rows, None, rows >= 0)
    missing = _missing(dataset, rows, partial)
    order = np.argsort(rows)[(rows < 0).sum() :]  # that of the dataset
    ids = dataset.table["image_id"].to_numpy(str)[rows[order]]
    values = np.ascontiguousarray(vectors.values[order])
    record = Record(
        name=name,
        file=vectors.table.name,
        digest=_digest(ids, values),
        films=len(ids),
        width=values.shape[1],
        missing=len(missing),
        notes=tuple(filter(None, (unmatched, _say_missing(dataset, missing)))),
        created=store.now(),
    )
    if path.exists():
        return _same(dataset.name, record)
    with files.atomic_file(path, values.nbytes) as file:
        np.savez(file, record=np.array(record.model_dump_json()), image_ids=ids, values=values)
    return record


def listed(dataset: str) -> list[Record]:
    """The embeddings of a dataset, by name; damaged ones are left out.

    Raises:
        DatasetError: no dataset can have this name.
    """
    found = []
    for path in sorted(_folder(dataset).glob(f"[!.]*{_SUFFIX}")):
        with contextlib.suppress(StoreError):
            found.append(record(dataset, path.name.removesuffix(_SUFFIX)))
    return found


def record(dataset: str, name: str) -> Record:
    """What is known of embeddings, without reading the vectors.

    Raises:
        PredictionsError: there are none of this name.
        StoreError: their file is damaged.
    """
    with _opened(dataset, name) as file:
        return Record.model_validate_json(str(file["record"]))


def load(dataset: str, name: str) -> tuple[Record, npt.NDArray[np.str_], npt.NDArray[np.float32]]:
    """The record, (n,) image ids and (n, d) vectors.

    Raises:
        PredictionsError, StoreError: as `record`.
    """
    with _opened(dataset, name) as file:
        found = Record.model_validate_json(str(file["record"]))
        ids, values = file["image_ids"], file["values"]
        if _digest(ids, values) != found.digest:
            raise ValueError("its vectors are not those that were saved")
        return found, ids, values


def remove(dataset: str, name: str) -> None:
    """Delete embeddings; runs that were trained on them stay.

    Raises:
        PredictionsError: there are none of this name.
        StoreError: the file cannot be deleted.
    """
    path = _file(dataset, name)
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise _none(dataset, name) from error
    except OSError as error:
        raise StoreError(
            f"{path} cannot be deleted: {error.strerror or error}. Check its permissions."
        ) from error


def check_name(name: str) -> None:
    """Refuse names that are not safe as file names, with a PredictionsError."""
    if not _NAME.fullmatch(name):
        raise PredictionsError(
            f"{name!r} cannot be the name of embeddings. Use 1 to 40 lower-case letters, digits, -, _ and "
            "dots, beginning with a letter or digit, such as rad-dino."
        )


@contextlib.contextmanager
def _opened(dataset: str, name: str):  # type: ignore[no-untyped-def]  # of numpy's private NpzFile
    path = _file(dataset, name)
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except FileNotFoundError as error:
        raise _none(dataset, name) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, ValidationError) as error:
        raise StoreError(
            f"{path} is damaged: {' '.join(str(error).split())[:200]}. Remove the embeddings and add them "
            "again."
        ) from error


def _missing(dataset: "Dataset", rows: npt.NDArray[np.intp], partial: bool) -> list[str]:
    """Paths of the films without a vector."""
    without = np.setdiff1d(np.arange(len(dataset.table)), rows)
    paths = [str(path) for path in dataset.table["path"].iloc[without]]
    if paths and not partial:
        raise PredictionsError(
            f"{_say_missing(dataset, paths)} Compute theirs too, or take what there is (--partial)."
        )
    return paths


def _say_missing(dataset: "Dataset", paths: list[str]) -> str:
    if not paths:
        return ""
    return (
        f"{len(paths):,} of {len(dataset.table):,} films of {dataset.name} have no vector: "
        f"{some_of(paths)}."
    )


def _same(dataset: str, new: Record) -> Record:
    """The kept record, if it is about the same films and vectors."""
    kept = record(dataset, new.name)
    if kept.digest != new.digest:
        raise PredictionsError(
            f"{dataset} has other embeddings called {new.name!r}, from {kept.file}. Choose another name, or "
            f"remove them first: python -m cxrcore embeddings remove {new.name} --data {dataset}"
        )
    return kept


def _digest(ids: npt.NDArray[np.str_], values: npt.NDArray[np.float32]) -> str:
    state = hashlib.blake2b("\n".join(ids.tolist()).encode(), digest_size=8)
    state.update(str(values.shape).encode())
    state.update(np.ascontiguousarray(values).data)
    return state.hexdigest()


def _none(dataset: str, name: str) -> PredictionsError:
    names = [each.name for each in listed(dataset)]
    return PredictionsError(
        f"{dataset} has no embeddings called {name!r}; it has {some_of(names, 9) or 'none'}. Add a file: "
        f"python -m cxrcore embeddings add FILE --data {dataset} --name {name}"
    )


def _file(dataset: str, name: str) -> Path:
    check_name(name)
    return _folder(dataset) / f"{name}{_SUFFIX}"


def _folder(dataset: str) -> Path:
    registry.check_name(dataset)  # a name from a page must not lead elsewhere
    return settings.data_dir() / "embeddings" / dataset
