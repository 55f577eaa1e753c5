"""Whether two pictures are one film: lay one over the other and correlate the fine detail.

The search for the place is OpenCV's ECC (Evangelidis and Psarakis 2008, doi
10.1109/TPAMI.2008.113): the affine map that makes the correlation greatest.
"""

import cv2
import numpy as np

from cxrcore.duplicates.candidates import SIDE, Box, Floats, Gray, local_contrast

_ROUNDS = 40  # steps of ECC; it needs about 10
_OVERLAP = 0.4  # share of the smaller picture that must lie on the other
_SCALES = (0.5, 2.0)  # how much larger one may be along either side, after both are square
_TURN = 0.15  # radians, about 9 degrees; ECC that turns more has lost its way


def start(box: Box) -> Floats:
    """(2, 3) map from a square of side SIDE to the part of another that `box` leaves."""
    left, top, right, bottom = box
    place = [[1 - left - right, 0, left * SIDE], [0, 1 - top - bottom, top * SIDE]]
    return np.array(place, np.float32)


def register(
    whole: Gray,
    part: Gray,
    place: Floats,
    side: int,
    scale: float,
) -> tuple[float, Floats]:
    """Lay `part` on `whole` and say how much of the fine detail is the same.

    Args:
        whole: (H, W) uint8.
        part: (H, W) uint8, of any other size.
        place: (2, 3) where to begin: maps points of `part` to points of `whole`, both taken
            as squares of side SIDE.
        side: pixels; both are compared as squares of this side.
        scale: pixels of `side`; structures up to about this size count.

    Returns:
        The correlation of the fine detail where both are, -1..1, and the (2, 3) map that was
        found, in pixels of SIDE. -1 and the map unchanged where they cannot be laid over
        each other.
    """
    grown = place.copy()
    grown[:, 2] *= side / SIDE
    coarse = local_contrast(whole, side, 2 * scale), local_contrast(part, side, 2 * scale)
    everywhere = np.ones((side, side), np.uint8)
    end = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ROUNDS, 1e-5)
    try:
        _, moved_to = cv2.findTransformECC(
            coarse[1], coarse[0], grown, cv2.MOTION_AFFINE, end, everywhere, 3
        )
    except cv2.error:  # it did not converge: they have nothing in common
        return -1.0, place
    grown = np.asarray(moved_to, np.float32)
    if not _is_sensible(grown):
        return -1.0, place
    size, flags = (side, side), cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        local_contrast(whole, side, scale), grown, size, flags=flags | cv2.INTER_LINEAR
    )
    inside = cv2.warpAffine(
        np.ones(size, np.uint8), grown, size, flags=flags | cv2.INTER_NEAREST
    ).astype(bool)
    if inside.mean() < _OVERLAP:
        return -1.0, place
    correlation = _correlation(moved[inside], local_contrast(part, side, scale)[inside])
    grown[:, 2] *= SIDE / side
    return correlation, grown


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
