"""Whether two pictures are one film: lay one over the other and correlate the fine detail.

The search for the place is OpenCV's ECC (Evangelidis and Psarakis 2008, doi
10.1109/TPAMI.2008.113): the affine map that makes the correlation greatest.
"""

from typing import NamedTuple

import cv2
import numpy as np

from cxrcore.duplicates.descriptors import SIDE, Box, Floats, Gray, local_contrast

_OVERLAP = 0.4  # share of the smaller picture that must lie on the other
_SCALES = (0.5, 2.0)  # how much larger one may be along either side, after both are square
_TURN = 0.15  # radians, about 9 degrees; ECC that turns more has lost its way


class Detail(NamedTuple):
    """Local contrast of a picture made square, (side, side) float32 each."""

    coarse: Floats  # with this the place is searched
    fine: Floats  # and this is correlated

    def turned(self) -> "Detail":
        """That of the negative."""
        return Detail(-self.coarse, -self.fine)


def detail(gray: Gray, side: int, scale: float) -> Detail:
    """What is compared of a picture.

    Args:
        gray: (H, W) uint8.
        side: pixels; it is made a square of this side.
        scale: pixels of `side`; structures up to about this size count.
    """
    return Detail(local_contrast(gray, side, 2 * scale), local_contrast(gray, side, scale))


def start(box: Box) -> Floats:
    """(2, 3) map from a square of side SIDE to the part of another that `box` leaves."""
    left, top, right, bottom = box
    place = [[1 - left - right, 0, left * SIDE], [0, 1 - top - bottom, top * SIDE]]
    return np.array(place, np.float32)


def register(whole: Detail, part: Detail, place: Floats, rounds: int = 40) -> tuple[float, Floats]:
    """Lay `part` on `whole` and say how much of the fine detail is the same.

    Args:
        whole: of one picture.
        part: of the other, of the same side and scale.
        place: (2, 3) where to begin: maps points of `part` to points of `whole`, both taken
            as squares of side SIDE.
        rounds: steps of ECC at most.

    Returns:
        The correlation of the fine detail where both are, -1..1, and the (2, 3) map that was
        found, in pixels of SIDE. -1 and the map unchanged where they cannot be laid over
        each other.
    """
    side = len(part.fine)
    grown = place.copy()
    grown[:, 2] *= side / SIDE
    end = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, rounds, 1e-5)
    everywhere = np.ones((side, side), np.uint8)
    try:
        _, moved_to = cv2.findTransformECC(
            part.coarse, whole.coarse, grown, cv2.MOTION_AFFINE, end, everywhere, 3
        )
    except cv2.error:  # it did not converge: they have nothing in common
        return -1.0, place
    grown = np.asarray(moved_to, np.float32)
    if not _is_sensible(grown):
        return -1.0, place
    size, flags = (side, side), cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(whole.fine, grown, size, flags=flags | cv2.INTER_LINEAR)
    inside = cv2.warpAffine(everywhere, grown, size, flags=flags | cv2.INTER_NEAREST).astype(bool)
    if inside.mean() < _OVERLAP:
        return -1.0, place
    grown[:, 2] *= SIDE / side
    return _correlation(moved[inside], part.fine[inside]), grown


def _is_sensible(place: Floats) -> bool:
    """Whether a map could come from cutting and stretching, perhaps with a slight turn."""
    sizes = np.linalg.norm(place[:, :2], axis=0)
    low, high = _SCALES
    if not (np.isfinite(place).all() and (sizes >= low).all() and (sizes <= high).all()):
        return False
    return bool(abs(place[1, 0]) <= _TURN * sizes[0] and abs(place[0, 1]) <= _TURN * sizes[1])


def _correlation(one: Floats, other: Floats) -> float:
    """Pearson's; 0 where one of them is flat."""
    one, other = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 1e-6 else 0.0
