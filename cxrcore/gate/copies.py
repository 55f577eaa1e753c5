"""Is this film, or a near copy of it, among the films of a dataset?

The same engine as the search within datasets (docs/decisions/0013), for one film against all. What
of it depends on the dataset alone is kept beside the duplicates: the descriptors of each film as
a whole, and those of its crops at the first level, 7 kB a film. Films in whose crops this film may
lie are many, so only the most alike of them are compared further.
"""

import functools
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore import files, images, index, settings
from cxrcore.duplicates import descriptors, search
from cxrcore.duplicates.candidates import LEVELS, Candidate
from cxrcore.duplicates.descriptors import Box
from cxrcore.duplicates.registration import Detail
from cxrcore.errors import DatasetError
from cxrcore.index.measurement import read_gray
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

    from cxrcore.datasets import Dataset

Floats = NDArray[np.float32]
Gray = NDArray[np.uint8]

_VERSION = 1  # raise it when the descriptors of the same films change
_SHORT = 20  # films compared further, of those of which this film may be a crop
_MOST = (400, 100, _SHORT)  # the same at each level, of those that may be a crop of this film
_REGISTERED = 8  # of these: registering takes up to 50 ms, and a copy is among the most alike
_THIS = -1  # in place of a row: the film that is looked for
_EVERY = 256  # films described between two reports


class Copy(NamedTuple):
    """A film of the dataset that shows the same as another, and the correlation of the two."""

    image_id: str
    correlation: float


class _Films(NamedTuple):
    """The descriptors of a dataset's films."""

    image_ids: NDArray[np.bytes_]
    wholes: tuple[Floats, ...]  # (n, cosines) of each level
    crops: Floats  # (n, boxes * cosines) of the first level, on disk


def prepare(dataset: "Dataset", report: Report = silent) -> None:
    """Describe the films of a dataset, once; `find` needs it.

    Raises:
        StoreError: the data folder cannot be written.
        DatasetError: the dataset's files are gone.
    """
    place = _place(dataset)
    if _read(dataset) is not None:
        return
    measured = index.measure(dataset, report=report)
    meter = Meter("describing films", len(dataset.table), report)
    ids, squares = [], []
    for image_id in map(str, dataset.table["image_id"]):
        thumbnail = search.read_thumbnail(measured, image_id)
        if thumbnail is not None and not descriptors.is_flat(thumbnail):
            ids.append(image_id.encode("ascii"))
            squares.append(_square(thumbnail, descriptors.frame(thumbnail)))
    wholes: list[list[Floats]] = [[] for _ in LEVELS]
    with files.atomic_file(place.with_suffix(".npy")) as file:
        level = LEVELS[0]
        width = level.describe(np.zeros((1, descriptors.SIDE, descriptors.SIDE), np.float32)).size
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(ids), width)}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, len(ids), _EVERY):
            some = squares[first : first + _EVERY]
            contrasts = np.stack([descriptors.local_contrast(square) for square in some])
            file.write(np.ascontiguousarray(level.describe(contrasts), "<f4").tobytes())
            for kept, one in zip(wholes, LEVELS, strict=True):
                kept.append(one.describe(contrasts, whole=True)[:, 0])
            meter.update(first + len(some))
    arrays: dict[str, Any] = {f"whole{n}": np.concatenate(kept) for n, kept in enumerate(wholes)}
    arrays |= {"version": _VERSION, "image_ids": np.array(ids, "S32")}
    with files.atomic_file(place) as file:
        np.savez(file, **arrays)


def find(gray: Gray, dataset: "Dataset") -> tuple[Copy, ...] | None:
    """The films of a dataset that show the same as an (H, W) film, the most similar first.

    None where `prepare` was not called for these films. Mirrored films and those turned by more
    than a few degrees are not found.

    Raises:
        DatasetError: a film that must be read is missing or has changed.
    """
    films, measured = _read(dataset), _index(dataset, index.stamp(dataset))
    if films is None or measured is None:
        return None
    thumbnail = _decoded(images.thumbnail(gray))
    if descriptors.is_flat(thumbnail):
        return ()
    ids = [image_id.decode() for image_id in films.image_ids]

    @functools.cache
    def picture(row: int) -> tuple[Gray, Box]:
        found = thumbnail if row == _THIS else search.read_thumbnail(measured, ids[row])
        if found is None:
            raise DatasetError(
                f"The thumbnail of {dataset.path_of(ids[row])} is gone. Measure {dataset.name} again."
            )
        return found, descriptors.frame(found)

    @functools.cache
    def square(row: int) -> Gray:
        return _square(*picture(row))

    def file(row: int) -> Detail:
        whole = gray if row == _THIS else read_gray(dataset.path_of(ids[row]), ids[row])
        return search.of_file(whole, picture(row)[1])

    contrast = descriptors.local_contrast(square(_THIS))
    with _libraries().limit(limits=1):  # the products are small: threads would wait for each other
        around = _alike_in_crops(contrast, films)
        contrasts = [descriptors.local_contrast(square(row)) for row in around]
        found = [*_parts(contrast, films), *_wholes(contrast, around, contrasts)]
    sizes = (
        lambda row: search.of_square(square(row)),
        lambda row: search.of_thumbnail(*picture(row)),
        functools.cache(file),
    )
    copies: dict[str, float] = {}
    for candidate in sorted(found, key=lambda one: -one.score)[:_REGISTERED]:
        image_id = ids[max(candidate[:2])]
        if image_id not in copies and (score := search.agreement(candidate, sizes)) is not None:
            copies[image_id] = score
    ordered = sorted(copies.items(), key=lambda copy: -copy[1])
    return tuple(Copy(*copy) for copy in ordered)


@functools.cache
def _libraries() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _parts(contrast: Floats, films: _Films) -> list[Candidate]:
    """Films that may be a crop of this one."""
    rows = np.arange(len(films.image_ids))
    for level, wholes, most in zip(LEVELS, films.wholes, _MOST, strict=True):
        products = level.describe(contrast[None])[0] @ wholes[rows].T  # (boxes, rows)
        places = _best(np.abs(products).max(axis=0), level.cut, most)
        rows, products = rows[places], products[:, places]
    return [
        Candidate(_THIS, int(row), *_place_of(scores))
        for row, scores in zip(rows, products.T, strict=True)
    ]


def _alike_in_crops(contrast: Floats, films: _Films) -> NDArray[np.intp]:
    """Rows of the films of which this one may be a crop, by the first level."""
    whole = LEVELS[0].describe(contrast[None], whole=True)[0, 0]
    products = films.crops.reshape(-1, len(whole)) @ whole
    alike = np.abs(products).reshape(len(films.image_ids), -1).max(axis=1)
    return _best(alike, LEVELS[0].cut, _SHORT)


def _wholes(
    contrast: Floats, rows: NDArray[np.intp], contrasts: Sequence[Floats]
) -> list[Candidate]:
    """Those of some films of which this one may be a crop."""
    found = []
    wholes = [level.describe(contrast[None], whole=True)[0, 0] for level in LEVELS[1:]]
    for row, other in zip(rows, contrasts, strict=True):
        for level, whole in zip(LEVELS[1:], wholes, strict=True):
            scores = level.describe(other[None])[0] @ whole
            if np.abs(scores).max() < level.cut:
                break
        else:
            found.append(Candidate(int(row), _THIS, *_place_of(scores)))
    return found


def _place_of(scores: Floats) -> tuple[Box, bool, float]:
    """Box, whether one is the negative of the other, and score: of the best of all boxes."""
    best = int(np.abs(scores).argmax())
    return LEVELS[-1].boxes[best], bool(scores[best] < 0), abs(float(scores[best]))


def _best(scores: Floats, cut: float, most: int) -> NDArray[np.intp]:
    """Places of the highest scores of at least `cut`, at most so many."""
    order = np.argsort(-scores, kind="stable")[:most]
    return order[scores[order] >= cut]


def _square(thumbnail: Gray, frame: Box) -> Gray:
    return descriptors.as_square(descriptors.without(thumbnail, frame))


def _decoded(thumbnail: bytes) -> Gray:
    decoded = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, np.uint8)


def _place(dataset: "Dataset") -> Path:
    return settings.data_dir() / "duplicates" / f"{dataset.fingerprint}.films.npz"


def _read(dataset: "Dataset") -> _Films | None:
    place = _place(dataset)
    return _films(place, files.stamp([place, place.with_suffix(".npy")]))


@functools.lru_cache(maxsize=4)  # 1.5 kB a film; the crops stay on disk
def _films(place: Path, _stamp: files.Stamp) -> _Films | None:
    """Read once for as long as the files are untouched; None if damaged or of another version."""
    try:
        crops = np.load(place.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
        with open(place, "rb") as file, np.load(file, allow_pickle=False) as kept:
            wholes = tuple(kept[f"whole{n}"] for n in range(len(LEVELS)))
            if kept["version"] != _VERSION or len(kept["image_ids"]) != len(crops):
                return None
            return _Films(kept["image_ids"], wholes, crops)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


@functools.lru_cache(maxsize=4)
def _index(dataset: "Dataset", _stamp: files.Stamp) -> index.Index | None:
    return index.load(dataset)
