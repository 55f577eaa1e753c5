"""Whether two images show the same film: register them and correlate the fine detail.

Registration is OpenCV's ECC (Evangelidis and Psarakis 2008, doi 10.1109/TPAMI.2008.113): the
affine map with the largest correlation.
"""

from typing import NamedTuple

import cv2
import numpy as np

from cxrcore.duplicates.descriptors import SIDE, Box, Floats, Gray, local_contrast
from cxrcore.duplicates.keypoints import Variant

_OVERLAP = 0.4  # share of the image that must overlap the other
_SCALES = (0.5, 2.0)  # scaling along either side, after both are square
_TURN = 0.15  # radians, about 9 degrees; with a larger rotation ECC has failed


class Detail(NamedTuple):
    """Local contrast of an image stretched to a square, (side, side) float32 each."""

    coarse: Floats  # for registration
    fine: Floats  # for correlation

    def changed(self, variant: Variant) -> "Detail":
        """The detail of the mirrored image, of the negative, or of both."""
        sign, step = 1 - 2 * variant.negative, 1 - 2 * variant.mirrored
        coarse, fine = (np.ascontiguousarray(sign * own[:, ::step]) for own in self)
        return Detail(coarse, fine)


def detail(gray: Gray, side: int, scale: float) -> Detail:
    """The local contrast of an image.

    Args:
        gray: (H, W) uint8.
        side: of the square to which it is stretched, pixels.
        scale: size of the largest structures in it, pixels of `side`.
    """
    return Detail(local_contrast(gray, side, 2 * scale), local_contrast(gray, side, scale))


def start(box: Box) -> Floats:
    """(2, 3) map from a square of side SIDE to the part of another that `box` leaves."""
    left, top, right, bottom = box
    place = [[1 - left - right, 0, left * SIDE], [0, 1 - top - bottom, top * SIDE]]
    return np.array(place, np.float32)


def register(whole: Detail, part: Detail, place: Floats, rounds: int = 40) -> tuple[float, Floats]:
    """Register `part` to `whole` and correlate the fine detail.

    Args:
        whole: of one image.
        part: of the other, with the same side and scale.
        place: (2, 3) where to start: maps points of `part` to points of `whole`, both as
            squares of side SIDE.
        rounds: steps of ECC at most.

    Returns:
        The correlation of the fine detail where both overlap, -1..1, and the (2, 3) map that
        was found, in pixels of SIDE. -1 and `place` if they cannot be registered.
    """
    side = len(part.fine)
    scaled = place.copy()
    scaled[:, 2] *= side / SIDE
    end = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, rounds, 1e-5)
    everywhere = np.ones((side, side), np.uint8)
    try:
        _, found = cv2.findTransformECC(
            part.coarse, whole.coarse, scaled, cv2.MOTION_AFFINE, end, everywhere, 3
        )
    except cv2.error:  # it did not converge: the images have nothing in common
        return -1.0, place
    scaled = np.asarray(found, np.float32)
    if not is_sensible(scaled):
        return -1.0, place
    size, flags = (side, side), cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(whole.fine, scaled, size, flags=flags | cv2.INTER_LINEAR)
    inside = cv2.warpAffine(everywhere, scaled, size, flags=flags | cv2.INTER_NEAREST).astype(bool)
    if inside.mean() < _OVERLAP:
        return -1.0, place
    scaled[:, 2] *= SIDE / side
    return _correlation(moved[inside], part.fine[inside]), scaled


def is_sensible(place: Floats) -> bool:
    """Whether a map could come from cropping and scaling, perhaps with a slight rotation."""
    sizes = np.linalg.norm(place[:, :2], axis=0)
    low, high = _SCALES
    if not (np.isfinite(place).all() and (sizes >= low).all() and (sizes <= high).all()):
        return False
    return bool(abs(place[1, 0]) <= _TURN * sizes[0] and abs(place[0, 1]) <= _TURN * sizes[1])


def _correlation(one: Floats, other: Floats) -> float:
    """Pearson's correlation; 0 if one of them is flat."""
    one, other = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 1e-6 else 0.0
