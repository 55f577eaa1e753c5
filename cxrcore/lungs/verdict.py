"""Whether what the network found is a pair of lungs, and how sure it is of their outline."""

from typing import NamedTuple

import cv2
import numpy as np

from cxrcore.lungs.grid import LEFT, RIGHT

# Beyond what people drew on 214 films: a lung 4.5 to 30 %, both up to 57 %, ratio from 0.64, overlap from 0.86, height from 1.05 widths.
_SMALLEST = 0.015  # share of the picture that a lung covers
_LARGEST = 0.7  # share that both cover
_LEAST_RATIO = 0.3  # of the smaller lung's area to the larger one's
_LEAST_OVERLAP = 0.5  # of their heights, one beside the other: share of the shorter one
_LEAST_HEIGHT = 0.9  # height of a lung in widths of it
_LEAST_CONFIDENCE = 0.5

_OTHER = "This does not look like a frontal chest film"


class Verdict(NamedTuple):
    """`lungs` is (96, 96) uint8: 0, right and left lung, stray pieces dropped; all 0 if refused."""

    lungs: np.ndarray
    confidence: float  # 0..1
    reason: str | None  # why it was refused


def judge(shares: np.ndarray, mirrored: np.ndarray, proportions: float) -> Verdict:
    """Judge the network's answer.

    Args:
        shares: (3, 96, 96) float32, the mean of both answers below: background, right, left.
        mirrored: two of them, (2, 3, 96, 96): of the film, and of the mirrored film, put back.
        proportions: width of the film divided by its height.
    """
    pieces = [_largest(shares[side] > 0.5) for side in (RIGHT, LEFT)]
    lungs = np.where(pieces[0], RIGHT, np.where(pieces[1], LEFT, 0)).astype(np.uint8)
    confidence = _agreement(mirrored) * _certainty(shares, lungs) if lungs.any() else 0.0
    reason = _fault(pieces[0], pieces[1], proportions)
    if reason is None and confidence < _LEAST_CONFIDENCE:
        reason = (
            f"It is too uncertain where the lungs end: the confidence is {confidence:.0%}, "
            f"{_LEAST_CONFIDENCE:.0%} is needed."
        )
    return Verdict(lungs if reason is None else np.zeros_like(lungs), confidence, reason)


def _largest(found: np.ndarray) -> np.ndarray:
    """The largest connected piece, without holes."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    if len(boxes) == 1:
        return np.zeros(found.shape, bool)
    piece = labels == 1 + boxes[1:, cv2.CC_STAT_AREA].argmax()
    outlines, _ = cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(found.shape, np.uint8), outlines, -1, 1, -1).astype(bool)


def _fault(right: np.ndarray, left: np.ndarray, proportions: float) -> str | None:
    """Why two regions are no pair of lungs."""
    areas = [float(piece.mean()) for piece in (right, left)]
    if max(areas) < _SMALLEST:
        return f"{_OTHER}: no lungs were found in it."
    if min(areas) < _SMALLEST:
        found, missing = ("right", "left") if areas[0] > areas[1] else ("left", "right")
        return f"One lung was not found: the {found} one of the patient was, the {missing} was not."
    if sum(areas) > _LARGEST or min(areas) < _LEAST_RATIO * max(areas):
        shares = " and ".join(f"{area:.0%}" for area in areas)
        return f"{_OTHER}: the two regions found cover {shares} of the picture, unlike two lungs."
    boxes = [cv2.boundingRect(piece.astype(np.uint8)) for piece in (right, left)]
    if any(height < _LEAST_HEIGHT * proportions * width for _, _, width, height in boxes):
        return f"{_OTHER}: a region found is wider than high, unlike a lung."
    tops, bottoms = [y for _, y, _, _ in boxes], [y + h for _, y, _, h in boxes]
    beside = min(bottoms) - max(tops)
    centres = [np.nonzero(piece)[1].mean() for piece in (right, left)]
    if beside < _LEAST_OVERLAP * min(h for *_, h in boxes) or centres[0] >= centres[1]:
        return f"{_OTHER}: the two regions found do not lie side by side, unlike two lungs."
    return None


def _agreement(mirrored: np.ndarray) -> float:
    """Dice of what was found on the film and on the mirrored film, side by side."""
    one, other = mirrored[:, 1:] > 0.5
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def _certainty(shares: np.ndarray, lungs: np.ndarray) -> float:
    """Mean distance of the shares from one half, 0..1, along a band around the outline.

    The band lies three to five pixels inside and outside: at the outline itself any network is
    undecided, there it should be sure.
    """
    inside = (lungs > 0).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3) + cv2.distanceTransform(
        1 - inside, cv2.DIST_L2, 3
    )
    band = (distance >= 3) & (distance <= 5)
    sure = np.abs(2 * shares[0] - 1)
    return float(sure[band].mean()) if band.any() else 0.0
