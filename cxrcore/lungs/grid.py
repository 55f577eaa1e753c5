"""The squares that the network works on: what it is given and what its answers mean."""

import cv2
import numpy as np

SIDE = 192  # pixels of the square that the network is given
OUTPUT_SIDE = 96  # pixels of the square that it answers with
RIGHT, LEFT = 1, 2  # the patient's right lung lies on the left of the picture


def standardised(pictures: np.ndarray) -> np.ndarray:
    """Each picture of (n, 192, 192) uint8 with mean 0 and deviation 1, as float32; a flat one is 0."""
    values = pictures.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    values /= np.maximum(values.std(axis=(1, 2), keepdims=True), 1)
    return values


def sides(lungs: np.ndarray) -> np.ndarray | None:
    """Tell the two lungs of a mask apart by where they lie.

    Args:
        lungs: (h, w) bool.

    Returns:
        (h, w) uint8: 0, `RIGHT` or `LEFT`; pieces smaller than a fifth of the largest are left
        out. None unless exactly two pieces remain, one beside the other.
    """
    _, labels, boxes, centres = cv2.connectedComponentsWithStats(lungs.astype(np.uint8))
    areas = boxes[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= 0.2 * areas.max(initial=1))
    if len(kept) != 2:
        return None
    right, left = sorted(kept, key=lambda label: centres[label][0])
    return np.where(labels == right, RIGHT, np.where(labels == left, LEFT, 0)).astype(np.uint8)
