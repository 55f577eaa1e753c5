"""The gray-value histogram of an image."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore.errors import ImageError

LEVELS = 256
_SAFE = 1 << 24  # pixels; OpenCV counts in float32, which is exact up to here


def histogram(gray: np.ndarray) -> NDArray[np.int64]:
    """Count the pixels of each gray value.

    Args:
        gray: (H, W) uint8.

    Returns:
        (256,) int64, pixels of value 0 (black) to 255 (white); the sum is H * W.

    Raises:
        ImageError: not an (H, W) uint8 array.

    >>> histogram(np.array([[0, 255], [255, 7]], np.uint8))[[0, 7, 255]].tolist()
    [1, 1, 2]
    """
    if gray.ndim != 2 or gray.dtype != np.uint8:
        raise ImageError(
            "A histogram needs a gray image, (height, width) of uint8. Received: "
            f"{gray.shape} of {gray.dtype}. Pass what cxrcore.images.decode returns."
        )
    counts = np.zeros(LEVELS, np.int64)
    rows = max(1, _SAFE // max(1, gray.shape[1]))
    if gray.shape[1]:
        # Several times faster than bincount, which converts to int64.
        for top in range(0, len(gray), rows):
            band = gray[top : top + rows]
            counts += cv2.calcHist([band], [0], None, [LEVELS], [0, LEVELS]).ravel().astype(int)
    return counts
