"""What is done to one image before a network sees it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxrcore import images
from cxrcore.errors import ImageError

MOST_PIXELS = 2048  # a side


@dataclass(frozen=True)
class Preparation:
    """What is done to an image before a network sees it.

    `size` is the side of the square in pixels, `arm` one of images.ARMS.

    Raises:
        ImageError: no such arm, or a size that is not 1..2048.
    """

    size: int
    arm: str = "none"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.arm not in images.ARMS:
            raise ImageError(
                f"There is no arm {self.arm!r}. Choose one of {', '.join(images.ARMS)}."
            )
        if not 1 <= self.size <= MOST_PIXELS:
            raise ImageError(
                f"Images are prepared at 1 to {MOST_PIXELS} pixels a side. "
                f"Received: {self.size}. The studies use 200 or 224."
            )

    def key(self) -> str:
        """Short name of the preparation, usable in file names."""
        return f"{self.size}-{self.arm}"


def prepare_one(
    gray: np.ndarray, mask: np.ndarray | None, preparation: Preparation
) -> NDArray[np.uint8]:
    """What a network sees of one image.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) bool, True inside the lungs; None only for the arm `none`.
        preparation: size and arm.

    Returns:
        (size, size) uint8; the aspect is not kept.

    Raises:
        ImageError: the arm needs a mask and there is none, or it is empty.
    """
    return images.resize(images.apply_arm(gray, mask, preparation.arm), preparation.size)
