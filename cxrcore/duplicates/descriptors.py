"""Thumbnails for the comparison: without uniform rims, as local contrast."""

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # shares cut off left, top, right and bottom, 0..0.5

SIDE = 64  # pixels; thumbnails are compared as squares of this side
WHOLE: Box = (0.0, 0.0, 0.0, 0.0)
_SCALE = 7.0  # pixels of SIDE; standard deviation of the Gaussian that averages the surroundings
_WIDE = 3.0  # pixels; Gaussians of at least twice this scale are taken on a smaller image
_NOISE = 4.0  # gray values; contrast below it is noise and not amplified
_FLAT = 2.0  # gray values; with a smaller standard deviation an image is blank
_EVEN = 4.0  # the same for one row of pixels at the rim; compressed frames vary a little
_RIM = 1 / 3  # share of a side that may be a frame; more is part of the image


def local_contrast(gray: Gray, side: int = SIDE, scale: float = _SCALE) -> Floats:
    """`contrast` of an image stretched to a square.

    Args:
        gray: (H, W) uint8.
        side: of the square, pixels.
        scale: pixels of the square.

    Returns:
        (side, side) float32 around 0; 0 everywhere in a flat image.
    """
    return contrast(as_square(gray, side), scale)


def contrast(gray: Gray, scale: float) -> Floats:
    """How much brighter each place is than its surroundings, in their standard deviations.

    Brightness, contrast and slow shading cancel, so that windowing and gamma matter little.

    Args:
        gray: (H, W) uint8.
        scale: standard deviation of the Gaussian for the surroundings, pixels.

    Returns:
        (H, W) float32 around 0; 0 everywhere in a flat image.
    """
    values = gray.astype(np.float32)
    detail = values - _blurred(values, scale)
    spread = np.sqrt(_blurred(detail * detail, 1.5 * scale))
    return np.asarray(detail / (spread + _NOISE), np.float32)


def _blurred(values: Floats, scale: float) -> Floats:
    """Blurred by a Gaussian of so many pixels; a wide one on a smaller image, two to six times as fast."""
    height, width = values.shape
    times = min(int(scale / _WIDE), height, width)
    if times < 2:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), scale), np.float32)
    size = (round(width / times), round(height / times))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), scale / times)
    return np.asarray(cv2.resize(small, (width, height)), np.float32)


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
