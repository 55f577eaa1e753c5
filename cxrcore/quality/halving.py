"""Half-size copies as scikit-image 0.26 makes them, without scikit-image.

What is meant is skimage.transform.rescale(image, 0.5, order=2, mode="constant",
anti_aliasing=False): quadratic B-splines fitted to the pixels, read off at every second
place, clipped to the image's range.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_POLE = np.sqrt(8) - 3  # of the quadratic B-spline; Unser et al. 1993, doi 10.1109/78.193220
_TAIL = 24  # pixels; farther ones weigh less than 0.172^24 = 4e-19, below the rounding error
_OUTPUTS = 32  # a block: more multiply more zeros, fewer are more calls
_PAD = 12  # zeros that SciPy puts around an image before it fits splines ("grid-constant")
_TINY = 1e-12  # of full scale; by chance no pixel of a picture is as dark without being black


class _Block(NamedTuple):
    outputs: slice
    inputs: slice
    weights: Floats  # (outputs, inputs)


def quickly(image: Floats) -> Floats | None:
    """Half-size copy, right to the last bit or two, as products of banded matrices.

    Args:
        image: (H, W) float64, gray 0..1.

    Returns:
        (round(H / 2), round(W / 2)) float64, halves rounded to even; None where black areas
        hold what the splines leave there, 1e-20 or less: that takes `exactly`.
    """
    lower = np.empty((round(len(image) / 2), image.shape[1]))
    for outputs, inputs, weights in _blocks(image.shape[0]):
        np.matmul(weights, image[inputs], out=lower[outputs])
    half = np.empty((len(lower), round(image.shape[1] / 2)))
    for outputs, inputs, weights in _blocks(image.shape[1]):
        np.matmul(lower[:, inputs], weights.T, out=half[:, outputs])
    if np.abs(half).min() < _TINY:
        return None
    return _clipped(half, image)


def exactly(image: Floats) -> Floats:
    """Half-size copy, the same bit for bit; several times slower than `quickly`.

    Args:
        image: (H, W) float64, gray 0..1.

    Returns:
        (round(H / 2), round(W / 2)) float64, halves rounded to even.
    """
    import scipy.ndimage

    if image.shape[0] % 2 == 0 and image.shape[1] % 2 == 0:
        # Each output lies midway between two samples, where the spline weighs both by
        # exactly 1/2 and the third by 0: the mean of 2 x 2 coefficients.
        padded = np.pad(image, _PAD)
        scipy.ndimage.spline_filter(padded, order=2, output=padded, mode="grid-constant")
        spline = padded[_PAD:-_PAD, _PAD:-_PAD]
        half = spline[::2, ::2] + spline[::2, 1::2]
        half += spline[1::2, ::2]
        half += spline[1::2, 1::2]
        half *= 0.25
    else:
        factors = [round(side / 2) / side for side in image.shape]
        half = scipy.ndimage.zoom(image, factors, order=2, mode="grid-constant", grid_mode=True)
    return _clipped(half, image)


def _clipped(half: Floats, image: Floats) -> Floats:
    """Clip, in place, to the range of the image, as scikit-image does."""
    low, high = image.min(), image.max()
    if low > 0 and half.min() <= 0:
        low = 0.0  # black, which is around the image, counts once a spline undershoots to it
    return np.clip(half, low, high, out=half)


@lru_cache(maxsize=256)
def _blocks(length: int) -> tuple[_Block, ...]:
    """The half-size copy along one axis as a matrix, in blocks along its diagonal."""
    count = round(length / 2)
    places = (np.arange(count) + 0.5) * (length / count) - 0.5  # centres, in input pixels
    nearest = np.floor(places + 0.5).astype(int)
    off = places - nearest
    before = 0.5 * (0.5 - off) ** 2
    middle = 0.75 - off**2
    values = np.stack([before, middle, 1 - before - middle])  # (3, count) the B-spline there
    # One pixel's coefficients: they fall off to both sides as powers of the pole.
    response = np.sqrt(2) * _POLE ** np.arange(3 * _OUTPUTS + 2 * _TAIL)
    blocks = []
    for first in range(0, count, _OUTPUTS):
        outputs = slice(first, min(first + _OUTPUTS, count))
        start = max(0, nearest[outputs][0] - _TAIL)
        inputs = slice(start, min(length, nearest[outputs][-1] + _TAIL + 1))
        columns = np.arange(inputs.start, inputs.stop)
        weights = np.zeros((outputs.stop - first, len(columns)))
        for tap in range(3):
            distance = np.abs(nearest[outputs, None] + (tap - 1) - columns)
            weights += values[tap, outputs, None] * response[distance]
        blocks.append(_Block(outputs, inputs, weights))
    return tuple(blocks)
