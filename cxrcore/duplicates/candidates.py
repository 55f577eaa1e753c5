"""Pairs of thumbnails that may show one film: small descriptors, each compared with all.

A chest is like every chest, so gray values say little. What is compared is the contrast of
every place against its surroundings, on a 12 x 12 grid, and of that what is unusual among the
images at hand: the descriptors are whitened. One of two images may be a cut-out of the other,
so each is also described by what is left when its sides are cut off: a few ways for all pairs,
and for the most alike of them many more.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # shares cut off left, top, right and bottom, 0..0.5

SIDE = 64  # pixels; thumbnails are compared as squares of this side
GRID = 12  # the descriptor's cells a side
CUTS = (0.0, 0.06, 0.12, 0.18)  # shares that may be cut off at a side; what is between is near
BOXES: tuple[Box, ...] = tuple(itertools.product(CUTS, CUTS, CUTS, CUTS))
_FIRST_CUTS = (0.0, 0.1)  # the same for all pairs
_FIRST = 64, 0.01  # images, or share of all, that are looked at more closely for each image
_LIKE = 0.6  # whitened descriptors that correlate less are not of one film
_FEW = 200  # images that are too few to tell what is unusual; nothing is whitened
_LIKE_FEW = 0.8  # in place of _LIKE
_FLOOR = 0.1  # of the mean variance; added to each before whitening, so noise is not blown up
_SCALE = 7.0  # pixels of SIDE; the surroundings, as the standard deviation of a Gaussian
_QUIET = 4.0  # gray values; contrast below it is noise and is not blown up
_FLAT = 2.0  # gray values of standard deviation; below it nothing is to be seen
_AT_ONCE = 10_000_000  # correlations; bounds the memory


class Candidate(NamedTuple):
    """Two images that may be one film: `part` resembles `whole` with `box` cut off."""

    whole: int
    part: int
    box: Box


def local_contrast(gray: Gray, side: int, scale: float) -> Floats:
    """How much brighter each place is than its surroundings, in their standard deviations.

    Brightness, contrast and slow shading fall out, so that other windowing or gamma change
    little.

    Args:
        gray: (H, W) uint8; it is made square.
        side: of the result, pixels.
        scale: standard deviation of the Gaussian that is the surroundings, pixels of the result.

    Returns:
        (side, side) float32 around 0; 0 everywhere in a flat image.
    """
    smaller = max(gray.shape) > side
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    square = cv2.resize(gray, (side, side), interpolation=method).astype(np.float32)
    detail = square - cv2.GaussianBlur(square, (0, 0), scale)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 1.5 * scale))
    return np.asarray(detail / (spread + _QUIET), np.float32)


def is_flat(gray: Gray) -> bool:
    """Whether nothing is to be seen: a correlation could not be told from chance."""
    return bool(gray.std() < _FLAT)


def search(
    squares: Gray, split: int | None = None, report: Callable[[int], None] = lambda _: None
) -> list[Candidate]:
    """Pairs whose descriptors are alike, the images of a pair in the better of both roles.

    Args:
        squares: (n, SIDE, SIDE) uint8, none of them flat.
        split: only pairs of an image before this row and one from it on; all pairs if None.
        report: told how many rows are done.

    Returns:
        Each pair at most once, in the order of its rows.
    """
    count = len(squares)
    if count < 2:
        return []
    blocks = range(0, count, 128)
    plain = np.concatenate([_descriptors(squares[i : i + 128], (0.0,))[:, 0] for i in blocks])
    whiten = _whitening(plain)
    wholes = whiten(plain)
    like = _LIKE_FEW if count < _FEW else _LIKE
    closer = min(count - 1, max(_FIRST[0], round(_FIRST[1] * count)))
    found: dict[tuple[int, int], tuple[float, Candidate]] = {}
    step = min(128, max(16, _AT_ONCE // count))  # 128 x 256 descriptors are 19 MB
    for first in range(0, count, step):
        block = squares[first : first + step]
        likely = _likely(block, wholes, whiten, closer, _excluded(first, len(block), count, split))
        parts = whiten(_descriptors(block, CUTS))  # (block, 256, GRID * GRID)
        for row, others in enumerate(likely, first):
            scores = parts[row - first] @ wholes[others].T  # (256, others)
            best = scores.max(axis=0)
            for column in np.flatnonzero(best >= like):
                other, score = int(others[column]), float(best[column])
                pair = min(row, other), max(row, other)
                if pair not in found or found[pair][0] < score:
                    box = BOXES[int(scores[:, column].argmax())]
                    found[pair] = score, Candidate(row, other, box)
        report(first + len(block))
    return [found[pair][1] for pair in sorted(found)]


def _excluded(first: int, rows: int, count: int, split: int | None) -> NDArray[np.bool_]:
    """(rows, count) bool: whom the rows from `first` on are not compared with."""
    own, everyone = np.arange(first, first + rows)[:, None], np.arange(count)
    if split is None:
        return np.asarray(own == everyone)
    return np.asarray((own < split) == (everyone < split))


def _likely(
    block: Gray,
    wholes: Floats,
    whiten: Callable[[Floats], Floats],
    closer: int,
    excluded: NDArray[np.bool_],
) -> list[NDArray[np.int64]]:
    """For each image of the block the rows of those that resemble it most."""
    parts = whiten(_descriptors(block, _FIRST_CUTS))
    best = parts[:, 0] @ wholes.T
    scores = np.empty_like(best)
    for number in range(1, parts.shape[1]):
        np.matmul(np.ascontiguousarray(parts[:, number]), wholes.T, out=scores)
        np.maximum(best, scores, out=best)
    best[excluded] = -2
    most = np.argpartition(best, -closer, axis=1)[:, -closer:]
    return [np.sort(row[scores[row] > -2]) for row, scores in zip(most, best, strict=True)]


def _descriptors(squares: Gray, cuts: Sequence[float]) -> Floats:
    """(n, boxes, GRID * GRID) float32, mean 0 and length 1, for each way to cut the sides.

    The boxes come in the order of BOXES. Cells are means over their area.
    """
    size = len(cuts)
    ways = itertools.product(cuts, repeat=2)
    shrink = np.concatenate([_cells(before, after) for before, after in ways])  # (s² GRID, SIDE)
    contrasts = np.stack([local_contrast(square, SIDE, _SCALE) for square in squares])
    cells = (shrink @ contrasts) @ shrink.T  # (n, s² GRID, s² GRID): rows t b, columns l r
    cells = cells.reshape(len(squares), size, size, GRID, size, size, GRID)
    cells = cells.transpose(0, 4, 1, 5, 2, 3, 6)  # n, l t r b, GRID, GRID
    result = cells.reshape(len(squares), size**4, GRID * GRID)
    result -= result.mean(axis=2, keepdims=True)
    return _of_length_one(result)


def _cells(before: float, after: float) -> Floats:
    """(GRID, SIDE) weights that average pixels to cells when both ends are cut off."""
    edges = np.linspace(before * SIDE, (1 - after) * SIDE, GRID + 1)[:, None]
    pixels = np.arange(SIDE)
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    overlap = np.maximum(overlap, 0)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), np.float32)


def _of_length_one(vectors: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(lengths, 1e-6), np.float32)


def _whitening(plain: Floats) -> Callable[[Floats], Floats]:
    """What takes from descriptors what all of them share, and evens out what is left.

    The covariance is shrunk as by Ledoit and Wolf 2004 (doi 10.1016/S0047-259X(03)00096-4).
    """
    if len(plain) < _FEW:
        return lambda vectors: vectors
    from sklearn.covariance import ledoit_wolf

    mean = plain.mean(axis=0)
    values, axes = np.linalg.eigh(ledoit_wolf(plain)[0])
    scales = 1 / np.sqrt(np.maximum(values, 0) + _FLOOR * values.mean())
    matrix = (axes * scales).astype(np.float32)
    return lambda vectors: _of_length_one((vectors - mean) @ matrix)
