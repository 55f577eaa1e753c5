"""The preparation of one image for a network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxrcore import images
from cxrcore.errors import ImageError
from cxrcore.regions import MASK_NAMES

MOST_PIXELS = 2048  # per side


@dataclass(frozen=True)
class Preparation:
    """How an image is prepared for a network.

    `size` is the side of the square in pixels, `region` one of images.REGIONS, `masks` says where
    the lung masks of a region come from, of regions.MASK_NAMES.

    Raises:
        ImageError: unknown region or masks, or a size outside 1..2048.
    """

    size: int
    region: str = "none"
    masks: str = "given"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.region not in images.REGIONS:
            raise ImageError(
                f"There is no region {self.region!r}. Choose one of {', '.join(images.REGIONS)}."
            )
        if self.masks not in MASK_NAMES:
            raise ImageError(
                f"There are no lung masks {self.masks!r}. Choose one of {', '.join(MASK_NAMES)}."
            )
        if not 1 <= self.size <= MOST_PIXELS:
            raise ImageError(
                f"Images are prepared at 1 to {MOST_PIXELS} pixels per side. "
                f"Received: {self.size}. The studies use 200 or 224."
            )

    def key(self) -> str:
        """Short name of size and region, for file names."""
        return f"{self.size}-{self.region}"


def prepare_one(
    gray: np.ndarray, mask: np.ndarray | None, preparation: Preparation
) -> NDArray[np.uint8]:
    """One image as a network sees it.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) bool, True inside the lungs; None only for the region `none`.
        preparation: size and region.

    Returns:
        (size, size) uint8; the aspect ratio is not kept.

    Raises:
        ImageError: the region needs a mask that is missing or empty.
    """
    return images.resize(images.apply_region(gray, mask, preparation.region), preparation.size)
