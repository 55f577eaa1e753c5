"""The search for near duplicates: thumbnails of indexed datasets in, confirmed pairs out."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import pandas as pd

from cxrcore import images, quality
from cxrcore.duplicates import candidates, descriptors, keypoints, threads
from cxrcore.duplicates.candidates import Candidate
from cxrcore.duplicates.descriptors import Box, Gray
from cxrcore.duplicates.keypoints import Keypoints
from cxrcore.duplicates.registration import Detail, detail, register
from cxrcore.duplicates.threads import Result, Task
from cxrcore.errors import DatasetError
from cxrcore.index.measurement import read_gray
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index

NEAR = 0.8  # correlation of the image files from which two show the same film
# Candidates are compared at three sizes, at each only those that correlated at the one before.
# Side and scale of the detail in pixels, see `detail`:
_SMALL, _ROUGH, _ROUNDS = (64, 2.0), 0.6, 4
_THUMB, _THUMBS = (128, 3.0), 0.7
_FILE = (256, 4.0)
_BITS = 4  # images whose hashes differ in no more are candidates as well
_KEPT = 64  # image files kept in memory while pairs are compared; more of smaller images
_EVERY = 256  # images or pairs between two reports
TYPES = {"first": "str", "second": "str", "kind": "str", "bits": "Int64", "correlation": "float64"}


class _Picture(NamedTuple):
    """An image that can be compared, and its origin."""

    dataset: "Dataset"
    measured: "Index"
    image_id: str
    phash: str | None
    frame: Box  # a uniform rim, which is not compared


def pairs_within(dataset: "Dataset", measured: "Index", report: Report) -> pd.DataFrame:
    """All near pairs of a dataset, see `cxrcore.duplicates.COLUMNS`."""
    pictures, squares, points = _pictures(dataset, measured, report)
    found = _alike(pictures, points, None, report)
    frame = _frame(_confirmed(pictures, squares, found, report), pictures)
    swap = frame["first"] > frame["second"]
    frame.loc[swap, ["first", "second"]] = frame.loc[swap, ["second", "first"]].to_numpy()
    return _sorted(frame)


def pairs_between(
    first: "Dataset",
    first_index: "Index",
    second: "Dataset",
    second_index: "Index",
    *,
    report: Report = silent,
) -> pd.DataFrame:
    """Images of one dataset that are also in another, see `cxrcore.duplicates.COLUMNS`.

    `first` is of the first dataset, `second` of the second. Exact pairs come first, then the
    near ones, the most similar first.

    Raises:
        DatasetError: an image file that must be read is missing or has changed.
    """
    one, one_squares, one_points = _pictures(first, first_index, report)
    other, other_squares, other_points = _pictures(second, second_index, report)
    pictures, squares = one + other, np.concatenate([one_squares, other_squares])
    points = keypoints.joined([one_points, other_points])
    found = _alike(pictures, points, len(one), report)
    ids = [picture.image_id for picture in pictures]
    found = [pair for pair in found if ids[pair.whole] != ids[pair.part]]
    near = _frame(_confirmed(pictures, squares, found, report), pictures)
    shared = first.table["image_id"][first.table["image_id"].isin(second.table["image_id"])]
    exact = _frame([], [])
    for name, value in (("first", shared), ("second", shared), ("kind", "exact")):
        exact[name] = pd.Series(value, index=shared.index, dtype="str")
    exact = exact.assign(bits=0, correlation=1.0).astype(near.dtypes.to_dict())
    return _sorted(pd.concat([exact, near], ignore_index=True))


def _pictures(
    dataset: "Dataset", measured: "Index", report: Report
) -> tuple[list[_Picture], Gray, Keypoints]:
    """The images with a thumbnail that is not blank, in the dataset's order.

    Also (n, SIDE, SIDE) uint8, the thumbnails without their frames, as squares; and their keypoints.
    """

    def read(row: tuple[str, str | None]) -> tuple[_Picture, Gray, Keypoints] | None:
        gray = read_thumbnail(measured, row[0])
        if gray is None or descriptors.is_flat(gray):
            return None
        frame = descriptors.frame(gray)
        inner = np.ascontiguousarray(descriptors.without(gray, frame))
        picture = _Picture(dataset, measured, *row, frame)
        return picture, descriptors.as_square(inner), keypoints.find(inner)

    fine = measured.table[measured.table["error"].isna()]
    hashes = fine["phash"].astype(object).where(fine["phash"].notna(), None)
    rows = list(zip(fine["image_id"].astype(str), hashes, strict=True))
    pictures: list[_Picture] = []
    squares = np.empty((len(rows), descriptors.SIDE, descriptors.SIDE), np.uint8)
    points = keypoints.none(len(rows))
    title = f"reading thumbnails of {dataset.name}"
    for row, (picture, square, own) in enumerate(_found(title, read, rows, report)):
        squares[row], points.descriptors[row], points.places[row] = square, own[0][0], own[1][0]
        pictures.append(picture)
    count = len(pictures)
    return pictures, squares[:count], Keypoints(points.descriptors[:count], points.places[:count])


def _found(
    title: str, work: Callable[[Task], Result | None], tasks: Sequence[Task], report: Report
) -> Iterator[Result]:
    """The results of `work` that are not None, in the order of the tasks, with progress."""
    meter = Meter(title, len(tasks), report)
    with contextlib.closing(threads.ordered(work, tasks)) as finished:
        for done, result in enumerate(finished, 1):
            if result is not None:
                yield result
            if done % _EVERY == 0 or done == meter.total:
                meter.update(done)


def read_thumbnail(measured: "Index", image_id: str) -> Gray | None:
    """(h, w) uint8 of an image's thumbnail; None where it has none."""
    data = measured.thumbnail(image_id)
    if data is None:
        return None
    gray = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(gray, np.uint8)


def _alike(
    pictures: Sequence[_Picture], points: Keypoints, split: int | None, report: Report
) -> list[Candidate]:
    """Candidates by keypoints and by perceptual hash, which also finds many copies of a film."""
    meter = Meter("comparing images", len(pictures), report)
    found = candidates.search(points, split, meter.update)
    known = {frozenset(candidate[:2]) for candidate in found}
    hashes = [picture.phash for picture in pictures]
    for i, j, _ in quality.near_duplicates(hashes, _BITS).tolist():
        if frozenset((i, j)) not in known and (split is None or i < split <= j):
            found.append(candidates.as_they_are(i, j))
    return found


def _confirmed(
    pictures: Sequence[_Picture], squares: Gray, found: Sequence[Candidate], report: Report
) -> list[tuple[int, int, float]]:
    """Row numbers and correlation of the candidates that show the same film."""

    @lru_cache(16 * _KEPT)
    def small(row: int) -> Detail:
        return of_square(squares[row])

    @lru_cache(4 * _KEPT)
    def thumbnail(row: int) -> Detail:
        picture = pictures[row]
        gray = read_thumbnail(picture.measured, picture.image_id)
        if gray is None:
            raise DatasetError(
                f"The thumbnail of {picture.dataset.path_of(picture.image_id)} was removed during "
                "the search for duplicates. Measure the dataset again, then search again."
            )
        return of_thumbnail(gray, picture.frame)

    @lru_cache(_KEPT)
    def file(row: int) -> Detail:
        picture = pictures[row]
        gray = read_gray(picture.dataset.path_of(picture.image_id), picture.image_id)
        return of_file(gray, picture.frame)

    def compare(candidate: Candidate) -> tuple[int, int, float] | None:
        score = agreement(candidate, (small, thumbnail, file))
        return None if score is None else (candidate.whole, candidate.part, score)

    return list(_found("confirming similar images", compare, found, report))


def of_square(square: Gray) -> Detail:
    """The first of the three sizes at which candidates are compared, of a square thumbnail."""
    return detail(square, *_SMALL)


def of_thumbnail(gray: Gray, frame: Box) -> Detail:
    """The second: of a thumbnail without its frame."""
    return detail(descriptors.without(gray, frame), *_THUMB)


def of_file(gray: Gray, frame: Box) -> Detail:
    """The last: of all pixels of an image without its frame."""
    inner = np.ascontiguousarray(descriptors.without(gray, frame))
    return detail(images.resize(inner, _FILE[0]), *_FILE)


def agreement(candidate: Candidate, sizes: Sequence[Callable[[int], Detail]]) -> float | None:
    """The correlation of a candidate's images, NEAR..1; None if they do not show the same film.

    `sizes` give the three details of a row, each asked for only if the one before agrees.
    """
    score, place = 0.0, candidate.place
    for size, least, rounds in zip(sizes, (_ROUGH, _THUMBS, NEAR), (_ROUNDS, 40, 40), strict=True):
        one, other = size(candidate.whole), size(candidate.part)
        other = other.changed(candidate.variant)
        score, place = register(one, other, place, rounds)
        if score < least:
            return None
    return score


def _frame(found: Sequence[tuple[int, int, float]], pictures: Sequence[_Picture]) -> pd.DataFrame:
    rows = []
    for pair in found:
        one, other = (pictures[row] for row in sorted(pair[:2]))
        bits = None
        if one.phash is not None and other.phash is not None:
            bits = (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()
        rows.append((one.image_id, other.image_id, "near", bits, round(pair[2], 4)))
    frame = pd.DataFrame(rows, columns=["first", "second", "kind", "bits", "correlation"])
    return frame.astype(TYPES)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    """Exact pairs first, then by correlation and names."""
    order = frame.sort_values(
        ["kind", "correlation", "first", "second"], ascending=[True, False, True, True]
    )
    return order.reset_index(drop=True)
