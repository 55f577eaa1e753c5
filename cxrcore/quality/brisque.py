"""BRISQUE, the no-reference quality score by which the studies filter images (lower is better).

Mittal, Moorthy and Bovik 2012, doi 10.1109/TIP.2012.2214050, exactly as the package
`image-quality` 1.2.7 defines it: its trained model is used, its code is not (it fails on
current libraries and is many times slower).

Where a neighbourhood is flat but not black, a pixel minus its local mean is nothing but rounding
error. Its sign still decides on which side of the fitted distribution the pixel counts, which
moves the score by points where such areas are large. These pixels are therefore summed again in
the order of SciPy's `convolve2d`, and the half-size copy equals scikit-image's to the last bit.
Why large films are not scored from a part of their pixels: docs/decisions/0063.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore.errors import ImageError
from cxrcore.quality import aggd, svm
from cxrcore.quality.half_size import PAD, half_size, inside

MIN_SIDE = 16  # below this the half-size copy has too few pixels for a fit

_REACH = 3  # the 7 x 7 window reaches three pixels to each side
_SIGMA = 7 / 6
_C = 1 / 255  # keeps the division finite in flat regions
_NOISE = 1e-14  # relative; twice what the rounding of 49 additions can amount to
_STRIP = 32_768  # pixels worked on at a time: a few float64 arrays of these stay in the cache

Floats = NDArray[np.float64]

_squares = np.square(np.arange(-_REACH, _REACH + 1))
_gauss = 1 / (2 * np.pi * _SIGMA**2) * np.exp(-(_squares[:, None] + _squares) / (2 * _SIGMA**2))
_WINDOW: Floats = _gauss / _gauss.sum()  # (7, 7), by the package's formula: its last bits count
_AXIS: Floats = _WINDOW.sum(axis=0)  # (7,) the same window as the product of two axes


def brisque(gray: np.ndarray) -> float:
    """Score how unnatural an image looks: about 0 (pristine) to 100 (distorted).

    Values beyond 0..100 occur and are kept. The score depends on the size in pixels:
    compare only images resized to the same size.

    Args:
        gray: (H, W) uint8.

    Returns:
        The score, or NaN where it has no value: a side is under 16 pixels, or the image is
        flat or so close to it (two-valued, say) that no distribution can be fitted.

    Raises:
        ImageError: not an (H, W) uint8 array.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8:
        raise ImageError(
            "BRISQUE needs a gray image, (height, width) of uint8. Received: "
            f"{gray.shape} of {gray.dtype}. Pass what cxrcore.images.decode returns."
        )
    if min(gray.shape) < MIN_SIDE or gray.min() == gray.max():
        return float("nan")
    padded: Floats = np.pad(gray, PAD) / 255.0  # once: of 18 million pixels it takes 150 MB
    sums = np.concatenate([moments(inside(padded)), moments(half_size(padded))])
    return svm.predict(aggd.features(sums))


def moments(image: Floats) -> Floats:
    """Sums over the normalised pixels of an image and over their products with neighbours.

    Computed in strips, to use little memory beside the image itself.

    Args:
        image: (H, W) float64, gray 0..1.

    Returns:
        (5, 5) float64. Rows: the normalised pixels; their products with the neighbour to
        the right, below, below right, above right. Columns: number of values x, number
        of x < 0, sum of |x|, sum of x^2, sum of x|x|.
    """
    sums = np.zeros((5, 5))
    rows = max(8, _STRIP // image.shape[1])
    above = np.empty((0, image.shape[1]))  # the last row of the strip before
    for top in range(0, len(image), rows):
        strip = normalised(image, top, top + rows)
        sums[0] += _sums(strip)
        sums[1] += _sums(strip[:, :-1] * strip[:, 1:])
        joined = np.concatenate([above, strip])
        upper, lower = joined[:-1], joined[1:]
        sums[2] += _sums(upper * lower)
        sums[3] += _sums(upper[:, :-1] * lower[:, 1:])
        sums[4] += _sums(lower[:, :-1] * upper[:, 1:])
        above = strip[-1:]
    return sums


def normalised(image: Floats, top: int, bottom: int) -> Floats:
    """Rows of an image minus their local mean, divided by their local deviation (MSCN).

    Args:
        image: (H, W) float64, gray 0..1; outside it counts as black.
        top: first row.
        bottom: the row after the last; cut at H.

    Returns:
        (rows, W) float64, without unit, mostly -3..3.

    Source:
        Mittal et al. 2012, equations 1 to 3, with C = 1/255 since gray is in 0..1.
    """
    bottom = min(bottom, len(image))
    first = max(0, top - _REACH)
    seen = image[first : bottom + _REACH]  # with the rows that the window reaches
    inner = slice(top - first, bottom - first)
    mean = _blurred(seen)[inner]
    deviation = _blurred(np.square(seen))[inner]
    deviation -= np.square(mean)
    np.abs(deviation, out=deviation)
    np.sqrt(deviation, out=deviation)
    deviation += _C
    difference = image[top:bottom] - mean
    uncertain = np.abs(difference) <= _NOISE * mean
    if uncertain.any() and (uncertain := uncertain & (mean > 0)).any():  # all black is certain
        y, x = np.nonzero(uncertain)
        difference[y, x] = image[top + y, x] - _mean_at(seen, y + (top - first), x)
    difference /= deviation
    return difference


def _sums(values: Floats) -> tuple[float, ...]:
    # By OpenCV: NumPy's products of vectors use BLAS, whose threads wait for one another longer
    # than such short sums take when other processes are busy.
    below = np.minimum(values, 0)
    square, square_below = (cv2.norm(v, cv2.NORM_L2SQR) for v in (values, below))
    size, negative = cv2.norm(values, cv2.NORM_L1), int(np.count_nonzero(values < 0))
    return values.size, negative, size, square, square - 2 * square_below


def _blurred(image: Floats) -> Floats:
    border = cv2.BORDER_CONSTANT  # zeros
    return np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, _AXIS, _AXIS, borderType=border), float)


def _mean_at(image: Floats, y: np.ndarray, x: np.ndarray) -> Floats:
    """Local mean at the pixels (y, x), rounded as scipy.signal.convolve2d rounds it.

    Most such pixels lie in windows of one value, whose mean is computed once per value.
    """
    padded = np.pad(image, _REACH)
    flat = _flat(padded)[y, x]
    _, first, which = np.unique(image[y, x][flat], return_index=True, return_inverse=True)
    few = np.concatenate([np.flatnonzero(~flat), np.flatnonzero(flat)[first]])
    sums = _summed(padded, y[few], x[few])
    means = np.empty(len(y))
    means[~flat] = sums[: len(few) - len(first)]
    means[flat] = sums[len(few) - len(first) :][which]
    return means


def _flat(padded: Floats) -> NDArray[np.bool_]:
    """(H, W) whether the window around each pixel of the (H + 6, W + 6) image has one value."""
    side = len(_WINDOW)
    rows = _all_of_next(padded[:, 1:] == padded[:, :-1], side - 1, axis=1)
    column = _all_of_next(padded[1:] == padded[:-1], side - 1, axis=0)
    return _all_of_next(rows, side, axis=0) & column[:, : rows.shape[1]]


def _all_of_next(true: NDArray[np.bool_], count: int, axis: int) -> NDArray[np.bool_]:
    """Whether each value and those after it, `count` in all, are true; shorter by count - 1."""
    true = np.moveaxis(true, axis, 0)
    size = 1
    while size < count:
        step = min(size, count - size)
        true = true[:-step] & true[step:]
        size += step
    return np.moveaxis(true, 0, axis)


def _summed(padded: Floats, y: np.ndarray, x: np.ndarray) -> Floats:
    """Weighted sums over the windows with the corners (y, x), in the order of convolve2d.

    That order runs through the window backwards. In each row it adds the sum of the first four
    products to the total, then the other three one by one.
    """
    side = len(_WINDOW)
    backwards = np.arange(side)[::-1]
    offsets = backwards[:, None] * padded.shape[1] + backwards  # (7, 7)
    corners = (y * padded.shape[1] + x)[:, None, None]
    products = padded.ravel()[corners + offsets] * _WINDOW[::-1, ::-1]  # (n, 7, 7)
    terms = products[:, :, 3:]  # (n, 7, 4)
    terms[:, :, 0] += products[:, :, 0] + products[:, :, 1] + products[:, :, 2]
    return np.add.accumulate(terms.reshape(len(y), -1), axis=1)[:, -1]  # one after the other
