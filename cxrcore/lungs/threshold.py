"""Lungs at another threshold than the network's own, for people who correct a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore import images
from cxrcore.errors import ImageError
from cxrcore.lungs import grid, segmentation

USUAL = 0.5  # what estimates use


def above(gray: np.ndarray, threshold: float) -> NDArray[np.bool_]:
    """The lungs of a film where the network is sure enough; without a verdict on them.

    Args:
        gray: (H, W) uint8.
        threshold: 0..1, exclusive; a lower one gives larger lungs.

    Returns:
        (H, W) bool: the largest piece of each lung, without holes; empty if there is none.

    Raises:
        ImageError: not an (H, W) uint8 array, or the threshold is out of range.
        WeightsError: the network's file is missing or damaged.
    """
    if not 0 < threshold < 1:
        raise ImageError(
            f"The threshold lies between 0 and 1, exclusive. Received: {threshold}. "
            f"Estimates use {USUAL}."
        )
    if segmentation.INVERTED in segmentation.segment(gray).notes:
        gray = 255 - gray
    small = images.resize(gray, grid.SIDE)
    answers = segmentation.network()(grid.standardised(np.stack([small, small[:, ::-1]])))
    shares = (answers[0] + answers[1, [0, grid.LEFT, grid.RIGHT], :, ::-1]) / 2
    found = np.zeros(gray.shape, np.uint8)
    for side in (grid.RIGHT, grid.LEFT):
        # As bytes: a film may have more pixels than floats of it fit into memory.
        share = cv2.resize(np.rint(255 * shares[side]).astype(np.uint8), gray.shape[::-1])
        outlines, _ = cv2.findContours(
            (share > 255 * threshold).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        if outlines:
            cv2.drawContours(found, [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    return found.astype(bool)
