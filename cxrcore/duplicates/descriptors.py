"""Descriptors of thumbnails: local contrast, cropped in many ways, by spatial frequency.

All chests are similar, so gray values and coarse structures say little. A descriptor is the
discrete cosine transform of the local contrast. Each frequency is weighted by a power of itself,
since low ones dominate in a chest. Nothing is estimated from images: two images are equally
similar in every dataset.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # shares cut off left, top, right and bottom, 0..0.5
Ends = tuple[float, float]  # shares cut off before and after, along one side

SIDE = 64  # pixels; thumbnails are compared as squares of this side
WHOLE: Box = (0.0, 0.0, 0.0, 0.0)
_SCALE = 7.0  # pixels of SIDE; standard deviation of the Gaussian that averages the surroundings
_NOISE = 4.0  # gray values; contrast below it is noise and not amplified
_FLAT = 2.0  # gray values; with a smaller standard deviation an image is blank
_EVEN = 4.0  # the same for one row of pixels at the rim; compressed frames vary a little
_RIM = 1 / 3  # share of a side that may be a frame; more is part of the image


@dataclass(frozen=True)
class Level:
    """One way to describe thumbnails; later levels are more specific and slower.

    `ends` are the ways to crop along one side; a box has one for columns and one for rows. A cut
    of more than `most` is used only if nothing else is cut off, or as much all round. Cosines
    with `low` to `high` half waves per side are used, weighted by that number to the `power`.
    Pairs with a correlation of at least `cut` pass this level.
    """

    grid: int
    low: float
    high: float
    power: float
    ends: tuple[Ends, ...]
    most: float
    cut: float

    @cached_property
    def _chosen(self) -> NDArray[np.int64]:
        def counts(cuts: Box) -> bool:
            return max(cuts) <= self.most or np.count_nonzero(cuts) == 1 or len(set(cuts)) == 1

        pairs = itertools.product(self.ends, repeat=2)
        return np.flatnonzero([counts((*rows, *columns)) for rows, columns in pairs])

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes, in the order of `describe`; the first is WHOLE."""
        pairs = list(itertools.product(self.ends, repeat=2))
        return tuple(
            (columns[0], rows[0], columns[1], rows[1])
            for rows, columns in (pairs[n] for n in self._chosen)
        )

    @cached_property
    def _weights(self) -> Floats:
        """(grid²,) weights of the cosines; 0 for unused ones."""
        waves = np.arange(self.grid)
        length = np.hypot(waves[:, None], waves).ravel()
        inside = (length >= self.low) & (length <= self.high)
        return np.where(inside, length**self.power, 0).astype(np.float32)

    @cached_property
    def _shrink(self) -> Floats:
        """(ends * grid, SIDE) weights from the pixels of a side to cosines, for each of `ends`."""
        return np.concatenate([_cosines(self.grid) @ _cells(self.grid, *e) for e in self.ends])

    def describe(self, contrasts: Floats, whole: bool = False) -> Floats:
        """Descriptors of length 1; their products are correlations.

        Args:
            contrasts: (n, SIDE, SIDE) as `local_contrast` returns them.
            whole: only the box WHOLE.

        Returns:
            (n, boxes, cosines) float32, or (n, 1, cosines).
        """
        ends = 1 if whole else len(self.ends)
        shrink = self._shrink[: ends * self.grid]
        values = (shrink @ contrasts) @ shrink.T  # (n, ends grid, ends grid)
        values = values.reshape(len(contrasts), ends, self.grid, ends, self.grid)
        values = values.transpose(0, 1, 3, 2, 4).reshape(len(contrasts), ends**2, self.grid**2)
        if not whole and len(self._chosen) < ends**2:
            values = values[:, self._chosen]
        counts = np.flatnonzero(self._weights)
        values = values[:, :, counts]
        values *= self._weights[counts]
        lengths = np.sqrt(np.einsum("nbc,nbc->nb", values, values))[..., None]
        values /= np.maximum(lengths, 1e-6)
        return np.asarray(values, np.float32)


def ends(cuts: tuple[float, ...], most: float) -> tuple[Ends, ...]:
    """All ways to crop a side by one of `cuts` at each end, by at most `most` together."""
    return tuple((a, b) for a in cuts for b in cuts if a + b <= most + 1e-9)


def local_contrast(gray: Gray, side: int = SIDE, scale: float = _SCALE) -> Floats:
    """How much brighter each place is than its surroundings, in their standard deviations.

    Brightness, contrast and slow shading cancel, so that windowing and gamma matter little.

    Args:
        gray: (H, W) uint8; it is stretched to a square.
        side: of the result, pixels.
        scale: standard deviation of the Gaussian for the surroundings, pixels of the result.

    Returns:
        (side, side) float32 around 0; 0 everywhere in a flat image.
    """
    square = as_square(gray, side).astype(np.float32)
    detail = square - cv2.GaussianBlur(square, (0, 0), scale)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 1.5 * scale))
    return np.asarray(detail / (spread + _NOISE), np.float32)


def as_square(gray: Gray, side: int = SIDE) -> Gray:
    """(side, side) uint8 of the whole image, stretched."""
    method = cv2.INTER_AREA if max(gray.shape) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (side, side), interpolation=method), np.uint8)


def is_flat(gray: Gray) -> bool:
    """Whether an image is blank: its correlations would be chance."""
    return bool(gray.std() < _FLAT)


def frame(gray: Gray) -> Box:
    """The uniform rim of a thumbnail, black, white or gray, as shares to cut off.

    One more pixel than the rim is cut off, since it mixes rim and image.
    """
    places = [0, 0, *gray.shape[::-1]]  # left, top, right, bottom, pixels
    for _ in range(2):  # rows may be uniform only after columns are cut off
        left, top, right, bottom = places
        inner = gray[top:bottom, left:right]
        for axis, side in enumerate(gray.shape[::-1]):
            even = inner.std(axis=axis, dtype=np.float32) < _EVEN
            before, after = (int(np.argmin([*v, False])) for v in (even, even[::-1]))
            places[axis] = min(places[axis] + before, int(_RIM * side))
            places[axis + 2] = max(places[axis + 2] - after, side - int(_RIM * side))
    height, width = gray.shape
    left, top = (place + (place > 0) for place in places[:2])
    right, bottom = places[2] - (places[2] < width), places[3] - (places[3] < height)
    return left / width, top / height, 1 - right / width, 1 - bottom / height


def without(gray: Gray, box: Box) -> Gray:
    """The part of an image that `box` leaves."""
    height, width = gray.shape
    left, top, right, bottom = box
    rows = slice(round(top * height), round((1 - bottom) * height))
    return gray[rows, round(left * width) : round((1 - right) * width)]


def _cells(grid: int, before: float, after: float) -> Floats:
    """(grid, SIDE) weights that average the pixels between two cut ends to cells."""
    edges = np.linspace(before * SIDE, (1 - after) * SIDE, grid + 1)[:, None]
    pixels = np.arange(SIDE)
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    overlap = np.maximum(overlap, 0)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), np.float32)


def _cosines(grid: int) -> Floats:
    """(grid, grid) discrete cosine transform (type II, orthonormal)."""
    waves, places = np.arange(grid)[:, None], np.arange(grid) + 0.5
    matrix = np.cos(np.pi / grid * waves * places) * np.sqrt(2 / grid)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
