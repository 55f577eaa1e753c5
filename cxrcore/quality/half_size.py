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
_TINY = 1e-12  # of full scale; where there is light, only what cancels out is as dark

# One pixel's coefficients: they fall off to both sides as powers of the pole.
_POWERS: Floats = _POLE ** np.arange(3 * _OUTPUTS + 2 * _TAIL)
_RESPONSE: Floats = np.sqrt(2) * _POWERS


class _Block(NamedTuple):
    """Outputs next to each other as the product of a matrix and the inputs around them.

    Inputs farther away count only where all near ones are black. Since what they add falls
    off as a power, all those before the block, each times its power, add up to one carry for
    every output, and those after it to another: so the faintest tail is right to its last bits.
    """

    outputs: slice
    inputs: slice
    weights: Floats  # (outputs, inputs)
    faint: Floats  # (outputs, 2) weights of the carries


def quickly(image: Floats) -> Floats | None:
    """Half-size copy, right to the last bit or two, as products of banded matrices.

    Args:
        image: (H, W) float64, gray 0..1.

    Returns:
        (round(H / 2), round(W / 2)) float64, halves rounded to even; None where pixels that
        are not black cancel out to nothing but rounding error: that takes `exactly`.
    """
    tails = bool(image.min() <= 0)
    lower = np.empty((round(len(image) / 2), image.shape[1]))
    _halve(image, lower, tails)
    half = np.empty((len(lower), round(image.shape[1] / 2)))
    _halve(lower.T, half.T, tails)
    size = np.abs(half)
    if size.min() < _TINY and (_lit(image) & (size < _TINY)).any():
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


def _halve(image: Floats, half: Floats, tails: bool) -> None:
    """Fill (round(n / 2), m) with the half-size copy of (n, m) along the first axis.

    `tails` asks for the last bits of what pixels far away leave in black areas.
    """
    blocks = _blocks(len(image))
    for outputs, inputs, weights, _ in blocks:
        np.matmul(weights, image[inputs], out=half[outputs])
    if tails:
        for block, carries in zip(blocks, _carries(image, blocks), strict=True):
            half[block.outputs] += block.faint @ carries


def _carries(image: Floats, blocks: tuple[_Block, ...]) -> Floats:
    """(blocks, 2, m): sums of the pixels before, and after, each block's inputs.

    Each times the power of its distance from the first, or last, input, less one.
    """
    carries = np.zeros((len(blocks), 2, image.shape[1]))
    for number in range(1, len(blocks)):
        new = image[blocks[number - 1].inputs.start : blocks[number].inputs.start]
        carry = _POWERS[len(new)] * carries[number - 1, 0]
        carries[number, 0] = carry + _POWERS[: len(new)][::-1] @ new
    for number in reversed(range(len(blocks) - 1)):
        new = image[blocks[number].inputs.stop : blocks[number + 1].inputs.stop]
        carry = _POWERS[len(new)] * carries[number + 1, 1]
        carries[number, 1] = carry + _POWERS[: len(new)] @ new
    return carries


@lru_cache(maxsize=256)
def _blocks(length: int) -> tuple[_Block, ...]:
    """The half-size copy along one axis as a matrix, in blocks along its diagonal."""
    nearest, values = _places(length)
    blocks = []
    for first in range(0, len(nearest), _OUTPUTS):
        outputs = slice(first, min(first + _OUTPUTS, len(nearest)))
        start = max(0, nearest[outputs][0] - _TAIL)
        inputs = slice(start, min(length, nearest[outputs][-1] + _TAIL + 1))
        # The carries stand for one pixel just before the inputs and one just after.
        columns = np.arange(inputs.start - 1, inputs.stop + 1)
        weights = np.zeros((outputs.stop - first, len(columns)))
        for tap in range(3):
            distance = np.abs(nearest[outputs, None] + (tap - 1) - columns)
            weights += values[tap, outputs, None] * _RESPONSE[distance]
        near = np.ascontiguousarray(weights[:, 1:-1])
        blocks.append(_Block(outputs, inputs, near, weights[:, [0, -1]]))
    return tuple(blocks)


def _places(length: int) -> tuple[NDArray[np.intp], Floats]:
    """Where outputs lie: (count,) nearest input, and (3, count) the spline at it and beside it."""
    count = round(length / 2)
    places = (np.arange(count) + 0.5) * (length / count) - 0.5  # centres, in input pixels
    nearest = np.floor(places + 0.5).astype(np.intp)
    off = places - nearest
    before = 0.5 * (0.5 - off) ** 2
    middle = 0.75 - off**2
    return nearest, np.stack([before, middle, 1 - before - middle])


def _lit(image: Floats) -> NDArray[np.bool_]:
    """(h, w) whether one of the pixels at an output, or beside them, is not black."""
    lit = image > 0
    for _ in range(2):
        nearest, _ = _places(len(lit))
        before, after = np.maximum(nearest - 1, 0), np.minimum(nearest + 1, len(lit) - 1)
        lit = np.ascontiguousarray((lit[before] | lit[nearest] | lit[after]).T)
    return lit
