"""Pairs of thumbnails that may show the same film: small descriptors, each compared with all.

One of two images may be a crop of the other, so one is described as a whole (`part`) and the
other with its sides cut off in several ways (`whole`): few ways and few numbers for all pairs,
many for those that remain. Negatives count as similar.
"""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxrcore.duplicates import threads
from cxrcore.duplicates.descriptors import Box, Floats, Gray, Level, ends, local_contrast

# Each level compares the pairs that pass the one before. For 1,288 chest X-rays about 5 %, 2 % and
# 0.1 % of the pairs pass; of 34 known pairs among them, the least similar reach 0.82, 0.91, 0.86.
_ENDS = (*ends((0.0, 0.1), 0.2), (0.2, 0.0), (0.0, 0.2), (0.15, 0.15))
_FINE_ENDS = (*ends((0.0, 0.06, 0.12, 0.18, 0.24), 0.24), (0.1, 0.1), (0.15, 0.15))
LEVELS = (
    Level(12, 3, 9, 0.5, _ENDS, 0.1, cut=0.81),
    Level(12, 1, 8, 1.0, _FINE_ENDS, 1.0, cut=0.87),
    Level(16, 2, 99, 1.0, _FINE_ENDS, 1.0, cut=0.81),
)
_MOST_FIRST = 4000  # images that may pass a level as partners of one image
_MOST = 64  # and the last level; many copies of a film still form one group
_ROWS = 32  # images per task of a thread
_COLUMNS = 4096  # images compared with these at once, so that they fit into a core's cache


class Candidate(NamedTuple):
    """Two images that may show the same film: `part` resembles `whole` with `box` cut off."""

    whole: int
    part: int
    box: Box
    negative: bool = False  # one is the negative of the other
    score: float = 1.0  # similarity of the descriptors, 0..1


def search(
    squares: Gray, split: int | None = None, report: Callable[[int], None] = lambda _: None
) -> list[Candidate]:
    """Pairs with similar descriptors, the images of a pair in the better of both roles.

    Whether two images are a pair does not depend on the others, unless one of them is more
    similar to very many others (`_MOST`).

    Args:
        squares: (n, SIDE, SIDE) uint8, none of them flat.
        split: only pairs of an image before this row and one from it on; all pairs if None.
        report: receives how many rows are done; may raise to stop.

    Returns:
        Each pair at most once, in the order of its rows.
    """
    count = len(squares)
    if count < 2:
        return []
    # No block may lie on both sides of the split.
    parts = [(0, count)] if split is None else [(0, split), (split, count)]
    blocks = [
        slice(first, min(first + _ROWS, end))
        for start, end in parts
        for first in range(start, end, _ROWS)
    ]
    described = list(threads.ordered(lambda block: _wholes(squares[block]), blocks))
    wholes = [np.concatenate(level) for level in zip(*described, strict=True)]
    del described

    def compare(block: slice) -> list[Candidate]:
        others = slice(0, count)
        if split is not None:
            others = slice(split, count) if block.start < split else slice(0, split)
        return _alike(squares, block, others, wholes)

    found: dict[tuple[int, int], Candidate] = {}
    with contextlib.closing(threads.ordered(compare, blocks)) as finished:
        for block, some in zip(blocks, finished, strict=True):
            for candidate in some:
                pair = min(candidate[:2]), max(candidate[:2])
                if pair not in found or found[pair].score < candidate.score:
                    found[pair] = candidate
            report(min(block.stop, count))
    return [found[pair] for pair in sorted(found)]


def _contrasts(squares: Gray) -> Floats:
    return np.stack([local_contrast(square) for square in squares])


def _wholes(squares: Gray) -> list[Floats]:
    """(n, cosines) of each level."""
    contrasts = _contrasts(squares)
    return [level.describe(contrasts, whole=True)[:, 0] for level in LEVELS]


def _alike(squares: Gray, block: slice, others: slice, wholes: list[Floats]) -> list[Candidate]:
    """Candidates whose `whole` is in the block and whose `part` is one of the others."""
    contrasts = _contrasts(squares[block])
    best = _best(LEVELS[0].describe(contrasts), wholes[0][others])
    found = []
    for number, scores in enumerate(best):
        row = block.start + number
        columns = _top(scores, LEVELS[0].cut, _MOST_FIRST) + others.start
        columns = columns[columns != row]
        for level, some in zip(LEVELS[1:], wholes[1:], strict=True):
            if columns.size:
                parts = level.describe(contrasts[number : number + 1])[0]  # (boxes, cosines)
                products = parts @ some[columns].T
                sizes = np.maximum(products.max(axis=0), -products.min(axis=0))
                most = _MOST if level is LEVELS[-1] else _MOST_FIRST
                left = _top(sizes, level.cut, most)
                columns, products = columns[left], products[:, left]
        if columns.size:
            found += _candidates(row, columns, products)
    return found


def _best(parts: Floats, wholes: Floats) -> Floats:
    """(rows, others) largest absolute correlation over all boxes of `parts`."""
    best = np.zeros((len(parts), len(wholes)), np.float32)
    boxes = np.ascontiguousarray(parts.transpose(1, 0, 2))
    for first in range(0, len(wholes), _COLUMNS):
        some = wholes[first : first + _COLUMNS].T
        most = best[:, first : first + _COLUMNS]
        scores = np.empty(most.shape, np.float32)
        for box in boxes:
            np.matmul(box, some, out=scores)
            np.abs(scores, out=scores)
            np.maximum(most, scores, out=most)
    return best


def _candidates(row: int, columns: NDArray[np.int64], products: Floats) -> list[Candidate]:
    """Candidates of one image from the (boxes, columns) correlations of the last level."""
    boxes = np.abs(products).argmax(axis=0)
    best = products[boxes, np.arange(len(columns))]
    return [
        Candidate(row, int(other), LEVELS[-1].boxes[box], bool(score < 0), abs(float(score)))
        for other, box, score in zip(columns, boxes, best, strict=True)
    ]


def _top(scores: Floats, cut: float, most: int) -> NDArray[np.int64]:
    """Places of the scores of at least `cut`, in their order; of too many the highest."""
    places = np.flatnonzero(scores >= cut)
    if len(places) > most:
        places = np.sort(places[np.argpartition(-scores[places], most)[:most]])
    return places
