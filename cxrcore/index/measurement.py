"""Measurements of one image, and of a few images in a process of their own."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from cxrcore import files, images, quality
from cxrcore.errors import DatasetError, ImageError
from cxrcore.index import rows


class Chunk(NamedTuple):
    """A few images for one process."""

    images: list[tuple[str, str]]  # image_id, file
    parts: Path  # folder for the measured rows
    data: Path  # data folder, for thumbnails


def measure_chunk(chunk: Chunk) -> int:
    """Measure images, write thumbnails and one part; returns the number of images."""
    measured = []
    for image_id, file in chunk.images:
        row, thumbnail = measure_one(Path(file), image_id)
        if thumbnail is not None:
            _write_thumbnail(thumbnail_file(chunk.data, image_id), thumbnail)
        measured.append(row)
    rows.write_part(chunk.parts, measured)
    return len(measured)


def measure_one(path: Path, image_id: str) -> tuple[dict[str, Any], bytes | None]:
    """The row of an image (see `cxrcore.index.COLUMNS`) with its histogram; and its thumbnail.

    A damaged image has only `image_id` and `error`, and no thumbnail.
    """
    try:
        gray = read_gray(path, image_id)
        return {"image_id": image_id, **_measured(gray)}, images.thumbnail(gray)
    except (ImageError, DatasetError) as error:
        return {"image_id": image_id, "error": str(error)}, None
    except (MemoryError, cv2.error) as error:
        reason = "there is too little memory" if isinstance(error, MemoryError) else error
        message = f"{path.name} could not be measured: {reason}. Make the image smaller."
        return {"image_id": image_id, "error": message}, None


def read_gray(path: Path, image_id: str) -> np.ndarray:
    """(H, W) uint8 of a dataset's image, if its file is unchanged.

    Raises:
        ImageError: the file is damaged.
        DatasetError: the file is missing or has changed.
    """
    try:
        if path.stat().st_size > images.MAX_BYTES:
            changed, content = files.digest(path) != image_id, None
        else:
            content = path.read_bytes()
            changed = hashlib.blake2b(content, digest_size=16).hexdigest() != image_id
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read: {error.strerror or error}. Check that the disk is connected "
            "and the dataset is where it was, then load it again."
        ) from error
    if changed:
        raise DatasetError(
            f"{path} has changed since the dataset was loaded. Load the dataset again."
        )
    return images.decode(path if content is None else content, name=path.name)


def thumbnail_file(data: Path, image_id: str) -> Path:
    """The file of an image's thumbnail, below the data folder."""
    return data / "thumbs" / image_id[:2] / f"{image_id}.jpg"


def _measured(gray: np.ndarray) -> dict[str, Any]:
    counts = quality.histogram(gray)
    levels = np.arange(rows.LEVELS)
    mean = counts @ levels / gray.size
    score = quality.brisque(gray)
    return {
        "width": gray.shape[1],
        "height": gray.shape[0],
        "mean": mean,
        "std": np.sqrt(counts @ np.square(levels - mean) / gray.size),
        "black": counts[0] / gray.size,
        "white": counts[-1] / gray.size,
        "brisque": None if np.isnan(score) else score,
        "phash": quality.phash(gray),
        "histogram": counts,
    }


def _write_thumbnail(path: Path, data: bytes) -> None:
    """Replace `path` atomically; unlike files.write_atomic without waiting for the disk.

    A thumbnail that a power cut empties counts as missing and is made again.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise files.cannot_write(path, error, len(data)) from error
