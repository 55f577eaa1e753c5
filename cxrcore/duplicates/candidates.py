"""Pairs of thumbnails that may show the same film: those that share keypoints which lie alike.

Two steps. `keypoints.shared` tells of all pairs about how many keypoints they share. Of the pairs with
enough, the keypoints themselves are matched, and an affine map must take those of one image to
those of the other. Mirror images and negatives count as similar.
"""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore.duplicates import keypoints, registration, threads
from cxrcore.duplicates.descriptors import SIDE, WHOLE, Floats
from cxrcore.duplicates.keypoints import VARIANTS, Keypoints, Variant

# About 1 % of the pairs of chest X-rays pass the first cut and 0.04 % the last, which costs about 1 % of
# the mirrored copies that show 55 % of a film (docs/decisions/0060).
SHARED = 7.0  # keypoints that two images share, about
_ALIKE = 0.85  # cosine of the descriptors of a keypoint in two images
_FEWEST = 20  # keypoints that lie alike; few of the pairs that are not of one film have so many
_OFF = 2.0  # pixels of SIDE that a keypoint may be off its place
_TRIALS = 200  # of RANSAC
_MOST_FIRST = 4000  # images whose keypoints are matched with those of one image
_MOST = 64  # partners of one image; many copies of a film still form one group
_ROWS = 32  # images per task of a thread
_COLUMNS = 1024  # images compared with these at once, so that they fit into a core's cache
_MATCHED = 32  # images whose keypoints are matched at once


class Candidate(NamedTuple):
    """Two images that may show the same film: `part`, changed by `variant`, lies in `whole`."""

    whole: int
    part: int
    place: Floats  # (2, 3) maps points of `part` to points of `whole`, both squares of SIDE
    variant: Variant = VARIANTS[0]
    score: float = 1.0  # keypoints that lie alike


def as_they_are(whole: int, part: int) -> Candidate:
    """Two images that lie on each other."""
    return Candidate(whole, part, registration.start(WHOLE))


def search(
    films: Keypoints,
    split: int | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> list[Candidate]:
    """Pairs that share keypoints which lie alike.

    Whether two images are a pair does not depend on the others, unless one of them is more
    similar to very many others (`_MOST`).

    Args:
        films: keypoints of n images.
        split: only pairs of an image before this row and one from it on; all pairs if None.
        report: receives how many rows are done; may raise to stop.

    Returns:
        Each pair at most once, in the order of its rows.
    """
    count = len(films.descriptors)
    end = count if split is None else split
    if count < 2 or end == 0:
        return []
    summaries = np.empty((4, count, keypoints.NUMBERS), np.float32)
    for row, summary in enumerate(threads.ordered(keypoints.summary, films.descriptors)):
        summaries[:, row] = summary
    blocks = [slice(first, min(first + _ROWS, end)) for first in range(0, end, _ROWS)]

    def compare(block: slice) -> list[Candidate]:
        found = []
        start = block.start if split is None else split
        for row, columns in _alike(summaries, block, start):
            if split is None:
                columns = columns[columns > row]
            found += matched(films, row, columns, summaries)
        return found

    found = []
    with contextlib.closing(threads.ordered(compare, blocks)) as finished:
        for block, some in zip(blocks, finished, strict=True):
            found += some
            report(count if block.stop == end else block.stop)
    return sorted(found, key=lambda candidate: sorted(candidate[:2]))


def _alike(summaries: Floats, block: slice, start: int) -> list[tuple[int, NDArray[np.intp]]]:
    """Each row of a block and the columns from `start` on that may share enough keypoints."""
    count = summaries.shape[1]
    scores = np.empty((block.stop - block.start, count - start), np.float32)
    for first in range(start, count, _COLUMNS):
        last = min(first + _COLUMNS, count)
        some = keypoints.shared(summaries[:, block], summaries[:, first:last])
        scores[:, first - start : last - start] = some
    return [
        (block.start + number, _top(row, SHARED, _MOST_FIRST) + start)
        for number, row in enumerate(scores)
    ]


def matched(
    films: Keypoints, row: int, columns: NDArray[np.intp], summaries: Floats
) -> list[Candidate]:
    """The candidates of one image among some others, at most `_MOST`.

    Args:
        films: keypoints of n images.
        row: of the one image.
        columns: of the others.
        summaries: (4, n, NUMBERS) of all, see `keypoints.summary`.
    """
    found: list[Candidate] = []
    likely = keypoints.likely(summaries[:, row], summaries[:, columns])
    for number in np.unique(likely):
        others, variant = columns[likely == number], VARIANTS[number]
        own = keypoints.unit(keypoints.changed(films.descriptors[row], variant))
        for first in range(0, len(others), _MATCHED):
            some = others[first : first + _MATCHED]
            theirs = keypoints.unit(films.descriptors[some])
            cosines = theirs.reshape(-1, 128) @ own.T
            found += _lying_alike(
                films, row, some, cosines.reshape(len(some), -1, len(own)), variant
            )
    found.sort(key=lambda candidate: (-candidate.score, candidate[:2]))
    return found[:_MOST]


def _lying_alike(
    films: Keypoints, row: int, others: NDArray[np.intp], cosines: Floats, variant: Variant
) -> list[Candidate]:
    """Candidates by the (others, their keypoints, own keypoints) cosines of the descriptors."""
    nearest, back = cosines.argmax(axis=2), cosines.argmax(axis=1)
    at = np.arange(cosines.shape[1])
    same = cosines.max(axis=2) >= _ALIKE
    same &= np.take_along_axis(back, nearest, axis=1) == at  # each is the other's nearest
    found = []
    for number in np.flatnonzero(same.sum(axis=1) >= _FEWEST):
        theirs = np.flatnonzero(same[number])
        other = int(others[number])
        own_places = films.places[row, nearest[number, theirs]]
        places = films.places[other, theirs]
        whole, part = other, row
        fitted = _fit(own_places, places, variant)
        if fitted is not None and np.linalg.det(fitted[0][:, :2]) > 1:  # the other is the part
            whole, part = row, other
            fitted = _fit(places, own_places, variant)
        if fitted is not None:
            found.append(Candidate(whole, part, fitted[0], variant, fitted[1]))
    return found


def _fit(part: Floats, whole: Floats, variant: Variant) -> tuple[Floats, float] | None:
    """The affine map of most points of `part` to those of `whole`, and their number; None without.

    Args:
        part: (n, 2) pixels of SIDE; mirrored first if `variant` says so.
        whole: (n, 2) pixels of SIDE, in the same order.
        variant: how the two images differ.
    """
    if variant.mirrored:
        part = np.array([SIDE, 0], np.float32) + part * np.array([-1, 1], np.float32)
    place, inside = cv2.estimateAffine2D(
        part, whole, ransacReprojThreshold=_OFF, maxIters=_TRIALS, confidence=0.999
    )
    if place is None or inside.sum() < _FEWEST:
        return None
    fitted = np.asarray(place, np.float32)
    return (fitted, float(inside.sum())) if registration.is_sensible(fitted) else None


def _top(scores: Floats, cut: float, most: int) -> NDArray[np.intp]:
    """Places of the scores of at least `cut`, in their order; of too many the highest."""
    places = np.flatnonzero(scores >= cut)
    if len(places) > most:
        places = np.sort(places[np.argpartition(-scores[places], most)[:most]])
    return places
