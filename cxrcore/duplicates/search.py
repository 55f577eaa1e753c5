"""The search for near duplicates: thumbnails of indexed datasets in, confirmed pairs out."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import pandas as pd

from cxrcore import images, quality
from cxrcore.duplicates import candidates
from cxrcore.duplicates.candidates import BOXES, SIDE, Candidate, Floats, Gray
from cxrcore.duplicates.registration import register, start
from cxrcore.index.measuring import read_gray
from cxrcore.progress import Meter, Report

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index

NEAR = 0.8  # correlation of the image files from which two are one film
# Candidates are compared at three sizes, at each only those that correlated at the one before.
# Side in pixels, scale of the detail in pixels (see `register`):
_SMALL, _ROUGH = (32, 2.0), 0.4
_THUMB, _THUMBS = (128, 3.0), 0.6
_FILE = (256, 4.0)
_FINE = _FILE[0]
_BITS = 4  # hashes that differ in no more make a candidate, too
_KEPT = 512  # image files kept in memory while pairs are compared
_EVERY = 256  # images or pairs between two reports
TYPES = {"first": "str", "second": "str", "kind": "str", "bits": "Int64", "correlation": "float64"}


class _Picture(NamedTuple):
    """An image that can be compared, and where it comes from."""

    dataset: "Dataset"
    image_id: str
    phash: str | None
    thumbnail: bytes
    square: Gray  # (SIDE, SIDE)


def pairs_within(dataset: "Dataset", measured: "Index", report: Report) -> pd.DataFrame:
    """All near pairs of a dataset, see `cxrcore.duplicates.COLUMNS`."""
    pictures = _pictures(dataset, measured, report)
    found = _alike(pictures, None, report)
    frame = _frame(_confirmed(pictures, found, report), pictures)
    swap = frame["first"] > frame["second"]
    frame.loc[swap, ["first", "second"]] = frame.loc[swap, ["second", "first"]].to_numpy()
    return _sorted(frame)


def pairs_between(
    first: "Dataset", first_index: "Index", second: "Dataset", second_index: "Index", report: Report
) -> pd.DataFrame:
    """All pairs of an image of one dataset and one of the other, exact and near."""
    one = _pictures(first, first_index, report)
    other = _pictures(second, second_index, report)
    pictures = one + other
    found = _alike(pictures, len(one), report)
    ids = [picture.image_id for picture in pictures]
    found = [pair for pair in found if ids[pair.whole] != ids[pair.part]]
    near = _frame(_confirmed(pictures, found, report), pictures)
    shared = first.table["image_id"][first.table["image_id"].isin(second.table["image_id"])]
    exact = _frame([], [])
    for name, value in (("first", shared), ("second", shared), ("kind", "exact")):
        exact[name] = pd.Series(value, index=shared.index, dtype="str")
    exact = exact.assign(bits=0, correlation=1.0).astype(near.dtypes.to_dict())
    return _sorted(pd.concat([exact, near], ignore_index=True))


def _pictures(dataset: "Dataset", measured: "Index", report: Report) -> list[_Picture]:
    """The images with a thumbnail on which something is to be seen, in the dataset's order."""
    found = []
    meter = Meter(f"reading thumbnails of {dataset.name}", len(measured.table), report)
    for done, row in enumerate(measured.table.itertuples(), 1):
        data = measured.thumbnail(str(row.image_id))
        if data is not None and pd.isna(row.error):
            gray = _gray_of(data)
            if not candidates.is_flat(gray):
                square = np.asarray(
                    cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8
                )
                phash = None if pd.isna(row.phash) else str(row.phash)
                found.append(_Picture(dataset, str(row.image_id), phash, data, square))
        if done % _EVERY == 0 or done == meter.total:
            meter.update(done)
    return found


def _gray_of(jpeg: bytes) -> Gray:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def _alike(pictures: Sequence[_Picture], split: int | None, report: Report) -> list[Candidate]:
    """Candidates by descriptor, and by perceptual hash, which also sees many copies of one film."""
    squares = [picture.square for picture in pictures]
    stack = np.stack(squares) if squares else np.empty((0, SIDE, SIDE), np.uint8)
    meter = Meter("comparing images", len(pictures), report)
    found = candidates.search(stack, split, meter.update)
    known = {frozenset(candidate[:2]) for candidate in found}
    hashes = [picture.phash for picture in pictures]
    for i, j, _ in quality.near_duplicates(hashes, _BITS).tolist():
        if frozenset((i, j)) not in known and (split is None or i < split <= j):
            found.append(Candidate(i, j, BOXES[0]))
    return found


def _confirmed(
    pictures: Sequence[_Picture], found: Sequence[Candidate], report: Report
) -> list[tuple[int, int, float]]:
    """Row numbers and correlation of the candidates that are one film."""

    @lru_cache(_KEPT)
    def file(row: int) -> Gray:
        picture = pictures[row]
        gray = read_gray(picture.dataset.path_of(picture.image_id), picture.image_id)
        return images.resize(gray, _FINE)

    def look(candidate: Candidate) -> tuple[int, int, float] | None:
        whole, part, box = candidate
        place: Floats = start(box)
        one, other = pictures[whole], pictures[part]
        score, place = register(one.square, other.square, place, *_SMALL)
        if score >= _ROUGH:
            thumbnails = _gray_of(one.thumbnail), _gray_of(other.thumbnail)
            score, place = register(*thumbnails, place, *_THUMB)
            if score >= _THUMBS:
                score, _ = register(file(whole), file(part), place, *_FILE)
                return (whole, part, score) if score >= NEAR else None
        return None

    meter = Meter("confirming alike images", len(found), report)
    confirmed = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # OpenCV works without the GIL
        for first in range(0, len(found), _EVERY):
            part = found[first : first + _EVERY]
            confirmed += [pair for pair in pool.map(look, part) if pair is not None]
            meter.update(first + len(part))
    return confirmed


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
    """Exact ones first, then by correlation; by names where that is equal."""
    order = frame.sort_values(
        ["kind", "correlation", "first", "second"], ascending=[True, False, True, True]
    )
    return order.reset_index(drop=True)
