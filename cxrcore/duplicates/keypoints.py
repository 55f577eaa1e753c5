"""Keypoints of thumbnails, and sums of them that tell in one product whether two films share some.

A crop keeps its keypoints, wherever it was cut and however it is turned a little, so nothing is
assumed about the part of a film that another shows. Keypoints are those of SIFT (Lowe 2004, doi
10.1023/B:VISI.0000029664.99615.94), upright, on the local contrast. In a mirrored film or a
negative a descriptor has the same numbers in another order.

The number of keypoints that two films share is the sum over all pairs of a Gaussian kernel of
their descriptors. With random Fourier features (Rahimi and Recht 2007) that double sum is a scalar
product of two vectors, one a film (Bo and Sminchisescu 2009, efficient match kernels).
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore.duplicates.descriptors import SIDE, Floats, Gray, contrast

MOST = 80  # keypoints of a film, the strongest
_SCALE = 12.0  # pixels of a thumbnail; standard deviation of the Gaussian for the surroundings
_GRAY, _SPREAD = 128, 40  # gray value of no contrast; gray values of a standard deviation
_LEAST = 0.01  # contrast of a keypoint; SIFT's own default of 0.04 leaves few in a thumbnail
_WAVES = 512  # random waves, each in four orders: the error of the product is about one keypoint
NUMBERS = 2 * _WAVES  # of each of the four rows of a summary
_SHARP = 30.0  # of the kernel exp(-_SHARP (1 - cosine)): 0.12 at a cosine of 0.93, 0.01 at 0.85


class Variant(NamedTuple):
    """How one of two images may differ from the other beside its part and its contrast."""

    mirrored: bool
    negative: bool


# The number of a variant has bit 0 for mirrored and bit 1 for negative: two of them after each
# other are the exclusive or of their numbers.
VARIANTS = (
    Variant(False, False), Variant(True, False), Variant(False, True), Variant(True, True)
)  # fmt: skip
_SIGNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], np.float32)


class Keypoints(NamedTuple):
    """The strongest keypoints of n films."""

    descriptors: NDArray[np.uint8]  # (n, MOST, 128) of SIFT; zeros where a film has fewer
    places: Floats  # (n, MOST, 2) x and y in pixels of a square of SIDE


def none(count: int) -> Keypoints:
    """Room for the keypoints of so many films."""
    descriptors = np.zeros((count, MOST, 128), np.uint8)
    return Keypoints(descriptors, np.zeros((count, MOST, 2), np.float32))


def joined(parts: Sequence[Keypoints]) -> Keypoints:
    """The keypoints of the films of all parts, in their order."""
    return Keypoints(
        np.concatenate([part.descriptors for part in parts]),
        np.concatenate([part.places for part in parts]),
    )


def find(gray: Gray) -> Keypoints:
    """The keypoints of one film, n = 1.

    Args:
        gray: (h, w) uint8, a thumbnail without its frame.
    """
    descriptors, places = found = none(1)
    values = np.clip(_GRAY + _SPREAD * contrast(gray, _SCALE), 0, 255).astype(np.uint8)
    sift = cv2.SIFT.create(contrastThreshold=_LEAST)
    # SIFT gives a keypoint once for each of its directions; upright they are one.
    distinct = {(point.pt, point.size): point for point in sift.detect(values, None)}
    points = sorted(distinct.values(), key=lambda point: (-point.response, point.pt))[:MOST]
    for point in points:
        point.angle = 0
    if points:
        described = sift.compute(values, points)[1]  # of all points, in their order
        descriptors[0, : len(points)] = described
        height, width = gray.shape
        at = np.array([point.pt for point in points], np.float32)
        places[0, : len(points)] = at * (SIDE / width, SIDE / height)
    return found


def unit(descriptors: NDArray[np.uint8]) -> Floats:
    """Unit vectors of descriptors; their products are alike under changes of contrast (RootSIFT)."""
    roots = np.sqrt(descriptors, dtype=np.float32)
    lengths = np.sqrt(descriptors.sum(axis=-1, dtype=np.float32))
    return np.asarray(roots / np.maximum(lengths, 1)[..., None], np.float32)


def changed(descriptors: NDArray[np.uint8], variant: Variant) -> NDArray[np.uint8]:
    """(..., 128) the descriptors of the mirrored film, of the negative, or of both."""
    return np.ascontiguousarray(descriptors[..., _order(variant)])


@cache
def _order(variant: Variant) -> NDArray[np.intp]:
    """(128,) the places of a changed descriptor: 4 rows, 4 columns, 8 directions."""
    order = np.arange(128).reshape(4, 4, 8)
    if variant.mirrored:  # columns from right to left, directions from 0 to 180 degrees
        order = order[:, ::-1, (4 - np.arange(8)) % 8]
    if variant.negative:  # gradients point the other way
        order = np.roll(order, 4, axis=2)
    return np.ascontiguousarray(order).ravel()


def summary(descriptors: NDArray[np.uint8]) -> Floats:
    """(4, NUMBERS) float32: the sum of the keypoints of one film, for `shared`.

    Args:
        descriptors: (MOST, 128).
    """
    vectors = unit(descriptors[descriptors.any(axis=1)])
    angles = vectors @ _waves().T  # (keypoints, 4 _WAVES)
    sums = np.concatenate([np.cos(angles).sum(axis=0), np.sin(angles).sum(axis=0)])
    by_variant = sums.reshape(2, 4, _WAVES).transpose(1, 0, 2).reshape(4, -1)
    # A variant of a film exchanges the four rows. In sums and differences of them it only changes
    # signs, so that `shared` has all variants from the products for one.
    return np.asarray(_SIGNS @ by_variant / np.sqrt(16 * _WAVES), np.float32)


@cache
def _waves() -> Floats:
    """(4 _WAVES, 128) directions and frequencies of the waves, in the order of each variant."""
    # RandomState: its numbers are promised to be the same in every version of NumPy.
    waves = np.random.RandomState(0).normal(0, np.sqrt(_SHARP), (_WAVES, 128)).astype(np.float32)
    return np.concatenate([waves[:, _order(variant)] for variant in VARIANTS])


def shared(one: Floats, other: Floats) -> Floats:
    """(rows, columns) about how many keypoints two films share, in the variant with the most.

    Args:
        one: (4, rows, NUMBERS) summaries.
        other: (4, columns, NUMBERS) summaries.
    """
    plain, mirror, negative, both = np.matmul(one, other.transpose(0, 2, 1))
    alike = plain + negative
    alike += np.abs(mirror + both)
    plain -= negative
    mirror -= both
    plain += np.abs(mirror)
    return np.asarray(np.maximum(alike, plain), np.float32)


def likely(one: Floats, others: Floats) -> NDArray[np.intp]:
    """(n,) numbers of the variants in which a film shares most keypoints with others.

    Args:
        one: (4, NUMBERS) its summary.
        others: (4, n, NUMBERS).
    """
    products = np.einsum("vw,vnw->vn", one, others)
    return (_SIGNS @ products).argmax(axis=0)
