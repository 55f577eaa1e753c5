"""Is this film, or a near copy of it, among the films of a dataset?

The same engine as the search within datasets (docs/decisions/0060), for one film against all. What
of it depends on the dataset alone is kept beside the duplicates: what tells how many keypoints a
film shares with another, 8 kB a film. Only the films that share most of them are compared further.
"""

import functools
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore import files, images, index, settings
from cxrcore.duplicates import candidates, descriptors, keypoints, search, threads
from cxrcore.duplicates.descriptors import Box
from cxrcore.duplicates.keypoints import Keypoints
from cxrcore.duplicates.registration import Detail
from cxrcore.errors import DatasetError
from cxrcore.index.measurement import read_gray
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

    from cxrcore.datasets import Dataset

Floats = NDArray[np.float32]
Gray = NDArray[np.uint8]

_VERSION = 2  # raise it when the descriptors of the same films change
_SHORT = 20  # films whose keypoints are matched with those of this one
_REGISTERED = 8  # of these: registering takes up to 50 ms, and a copy is among the most alike
_EVERY = 256  # films described between two reports, or compared at once


class Copy(NamedTuple):
    """A film of the dataset that shows the same as another, and the correlation of the two."""

    image_id: str
    correlation: float


class _Films(NamedTuple):
    """The descriptors of a dataset's films."""

    image_ids: NDArray[np.bytes_]
    summaries: NDArray[np.float16]  # (n, 4, NUMBERS) of their keypoints, on disk


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
    ids, thumbnails = [], []
    for image_id in map(str, dataset.table["image_id"]):
        thumbnail = search.read_thumbnail(measured, image_id)
        if thumbnail is not None and not descriptors.is_flat(thumbnail):
            ids.append(image_id.encode("ascii"))
            thumbnails.append(_inner(thumbnail, descriptors.frame(thumbnail)))
    with files.atomic_file(place.with_suffix(".npy")) as file:
        shape = (len(ids), len(keypoints.VARIANTS), keypoints.NUMBERS)
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for done, summary in enumerate(threads.ordered(_summary, thumbnails), 1):
            file.write(summary.astype("<f2").tobytes())
            if done % _EVERY == 0 or done == len(ids):
                meter.update(done)
    arrays: dict[str, Any] = {"version": _VERSION, "image_ids": np.array(ids, "S32")}
    with files.atomic_file(place) as file:
        np.savez(file, **arrays)


def _summary(inner: Gray) -> Floats:
    return keypoints.summary(keypoints.find(inner).descriptors[0])


def find(gray: Gray, dataset: "Dataset") -> tuple[Copy, ...] | None:
    """The films of a dataset that show the same as an (H, W) film, the most similar first.

    None where `prepare` was not called for these films. What is found is what the search within
    datasets finds, see `cxrcore.duplicates`.

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
        found = thumbnail if row == this else search.read_thumbnail(measured, ids[row])
        if found is None:
            raise DatasetError(
                f"The thumbnail of {dataset.path_of(ids[row])} is gone. Measure {dataset.name} again."
            )
        return found, descriptors.frame(found)

    @functools.cache
    def points(row: int) -> Keypoints:
        return keypoints.find(_inner(*picture(row)))

    def file(row: int) -> Detail:
        whole = gray if row == this else read_gray(dataset.path_of(ids[row]), ids[row])
        return search.of_file(whole, picture(row)[1])

    this = len(ids)  # in place of a row: the film that is looked for
    with _libraries().limit(limits=1):  # the products are small: threads would wait for each other
        own = keypoints.summary(points(this).descriptors[0])
        rows = [this, *_alike(own, films).tolist()]
        compared = keypoints.joined([points(row) for row in rows])
        summaries = np.stack(list(map(keypoints.summary, compared.descriptors)), axis=1)
        found = candidates.matched(compared, 0, np.arange(1, len(rows)), summaries)
    found = [one._replace(whole=rows[one.whole], part=rows[one.part]) for one in found]
    sizes = (
        lambda row: search.of_square(descriptors.as_square(_inner(*picture(row)))),
        lambda row: search.of_thumbnail(*picture(row)),
        functools.cache(file),
    )
    copies: dict[str, float] = {}
    for candidate in sorted(found, key=lambda one: -one.score)[:_REGISTERED]:
        image_id = ids[min(candidate[:2])]
        if image_id not in copies and (score := search.agreement(candidate, sizes)) is not None:
            copies[image_id] = score
    ordered = sorted(copies.items(), key=lambda copy: -copy[1])
    return tuple(Copy(*copy) for copy in ordered)


@functools.cache
def _libraries() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _alike(own: Floats, films: _Films) -> NDArray[np.intp]:
    """Rows of the films that may share keypoints with this one, the most alike first."""
    scores = np.empty(len(films.image_ids), np.float32)
    for first in range(0, len(scores), _EVERY):
        some = films.summaries[first : first + _EVERY].astype(np.float32).transpose(1, 0, 2)
        scores[first : first + _EVERY] = keypoints.shared(own[:, None], some)[0]
    order = np.argsort(-scores, kind="stable")[:_SHORT]
    return order[scores[order] >= candidates.SHARED]


def _inner(thumbnail: Gray, frame: Box) -> Gray:
    return np.ascontiguousarray(descriptors.without(thumbnail, frame))


def _decoded(thumbnail: bytes) -> Gray:
    decoded = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, np.uint8)


def _place(dataset: "Dataset") -> Path:
    return settings.data_dir() / "duplicates" / f"{dataset.fingerprint}.films.npz"


def _read(dataset: "Dataset") -> _Films | None:
    place = _place(dataset)
    return _films(place, files.stamp([place, place.with_suffix(".npy")]))


@functools.lru_cache(maxsize=4)  # the summaries stay on disk
def _films(place: Path, _stamp: files.Stamp) -> _Films | None:
    """Read once for as long as the files are untouched; None if damaged or of another version."""
    try:
        summaries = np.load(place.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
        with open(place, "rb") as file, np.load(file, allow_pickle=False) as kept:
            if kept["version"] != _VERSION or len(kept["image_ids"]) != len(summaries):
                return None
            return _Films(kept["image_ids"], summaries)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


@functools.lru_cache(maxsize=4)
def _index(dataset: "Dataset", _stamp: files.Stamp) -> index.Index | None:
    return index.load(dataset)
