"""Preparation of pixels by several processes, into one array on disk with a journal to resume."""

import io
import math
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxrcore import files, parallel
from cxrcore.datasets import masks
from cxrcore.errors import ImageError
from cxrcore.index.measurement import read_gray
from cxrcore.pixels.preparation import Preparation, prepare_one
from cxrcore.progress import Meter, Report

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

_CHUNK = 32  # images per task; at most these are lost if a task is stopped
_FEW = 64  # fewer images are prepared faster than processes start


class _Chunk(NamedTuple):
    """Neighbouring rows for one process."""

    folder: Path
    first: int  # row
    images: list[tuple[str, Path, Path | str | None]]  # image_id, file, mask or why there is none
    preparation: Preparation


def make(
    folder: Path,
    dataset: "Dataset",
    preparation: Preparation,
    refused: Mapping[str, str],
    report: Report,
    workers: int | None,
) -> None:
    """Prepare all images of a dataset in a folder that is complete or absent.

    `refused` says of films without a mask why that is so, by image_id.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
        DatasetError: a file is missing or has changed since the dataset was loaded.
    """
    making = folder.with_name(f"{folder.name}.making")
    try:
        _reserve(making / "pixels.npy", (len(dataset.table), preparation.size, preparation.size))
        needed = [
            (
                image_id := str(row.image_id),
                dataset.path_of(row),
                dataset.mask_of(row) or refused.get(image_id),
            )
            for row in dataset.table.itertuples()
        ]
        chunks = [
            _Chunk(making, first, needed[first : first + _CHUNK], preparation)
            for first in range(0, len(needed), _CHUNK)
        ]
        todo = [chunk for chunk in chunks if not _done_file(chunk).exists()]
        meter = Meter("preparing pixels", sum(len(chunk.images) for chunk in todo), report)
        meter.update(0)
        done = 0
        results = parallel.unordered(_prepare_chunk, todo, 1 if meter.total < _FEW else workers)
        with closing(results):
            for count in results:
                done += count
                meter.update(done)
        reasons: dict[str, str] = {}
        for chunk in chunks:
            reasons.update(files.read_json(_done_file(chunk)))
        files.write_json(making / "rows.json", {"unusable": reasons})
        making.rename(folder)
        shutil.rmtree(folder / "done", ignore_errors=True)
    except OSError as error:
        raise files.cannot_write(folder, error) from error


def _reserve(path: Path, shape: tuple[int, int, int]) -> None:
    """Create an array of zeros and allocate its space, so that a full disk fails at once."""
    if path.exists():
        os.utime(path.parent)  # resumed: not abandoned
        return
    files.remove_abandoned(path.parent, f".{path.name}.*", 0)  # of a killed process
    header = io.BytesIO()
    layout = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, layout)
    size = len(header.getvalue()) + math.prod(shape)
    with files.atomic_file(path, size) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        file.write(header.getvalue())


def _done_file(chunk: _Chunk) -> Path:
    """The journal entry of a finished chunk: reasons of unusable images by image_id."""
    return chunk.folder / "done" / f"{chunk.first:08d}-{len(chunk.images)}.json"


def _prepare_chunk(chunk: _Chunk) -> int:
    """Prepare rows, write them into the array and the journal; returns their number."""
    size = chunk.preparation.size
    rows = np.zeros((len(chunk.images), size, size), np.uint8)
    reasons = {}
    for row, (image_id, path, mask) in zip(rows, chunk.images, strict=True):
        try:
            row[:] = _prepared(image_id, path, mask, chunk.preparation)
        except ImageError as error:
            reasons[image_id] = str(error)
    # Through the file, not a memory map: a full disk raises here, and would crash a map.
    with open(chunk.folder / "pixels.npy", "r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.seek(chunk.first * size * size, os.SEEK_CUR)
        file.write(rows.data)
        file.flush()
        os.fsync(file.fileno())
    files.write_json(_done_file(chunk), reasons)
    return len(chunk.images)


def _prepared(
    image_id: str, path: Path, mask: Path | str | None, preparation: Preparation
) -> NDArray[np.uint8]:
    if preparation.region == "none":
        return prepare_one(read_gray(path, image_id), None, preparation)
    if isinstance(mask, str):
        raise ImageError(mask)
    if mask is None:
        raise ImageError(
            f"{path.name} has no lung mask, which the region {preparation.region!r} needs."
        )
    gray = read_gray(path, image_id)
    return prepare_one(gray, masks.read(mask, gray.shape), preparation)
