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
    counts, flat = np.zeros(LEVELS, np.int64), gray.reshape(-1)
    # Several times faster than bincount, which converts to int64.
    for start in range(0, flat.size, _SAFE):
        part = cv2.calcHist([flat[start : start + _SAFE]], [0], None, [LEVELS], [0, LEVELS])
        counts += part.ravel().astype(np.int64)
    return counts
