"""The part of a picture that a region shows, and pictures of masks."""

import cv2
import numpy as np

from cxrcore.errors import ImageError
from cxrcore.regions import REGION_NAMES

REGIONS = tuple(REGION_NAMES)


def as_mask(gray: np.ndarray, shape: tuple[int, int], name: str) -> np.ndarray:
    """(H, W) bool of a decoded picture of a mask; see `images.read_mask`."""
    height = gray.shape[1] * shape[0] / shape[1]  # expected from its width; sides are rounded
    if abs(gray.shape[0] - height) > max(1, height / 50):
        raise ImageError(
            f"{name} is {gray.shape[1]} x {gray.shape[0]} pixels, its image "
            f"{shape[1]} x {shape[0]}: other proportions. Save the mask at the image's size."
        )
    inside = (gray > (127 if gray.max() > 1 else 0)).astype(np.uint8)
    return cv2.resize(inside, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)


def apply_region(gray: np.ndarray, mask: np.ndarray | None, region: str) -> np.ndarray:
    """The part of an image that a region shows; erased pixels are 0.

    `none` shows everything; `lungs` only the lungs; `lungs-crop` their bounding box, including
    what lies between them; `lungs-erased` all but the lungs; `border` all but their bounding
    box. A model that still scores well on the last two does not look at the lungs.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) bool, True inside the lungs; None only for `none`.
        region: one of REGIONS.

    Returns:
        (H, W) uint8; for `lungs-crop` the size of the box. Treat it as read-only.

    Raises:
        ImageError: unknown region, or a mask that is missing, empty or of another shape.

    Source:
        Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008 (centre blackened).
    """
    if region not in REGIONS:
        raise ImageError(f"There is no region {region!r}. Choose one of {', '.join(REGIONS)}.")
    if region == "none":
        return gray
    if mask is None:
        raise ImageError(
            f"The region {region!r} needs a lung mask and there is none. Use region 'none'."
        )
    if mask.shape != gray.shape:
        raise ImageError(f"The lung mask is {mask.shape}, the image {gray.shape}. Scale the mask.")
    if not mask.any():
        raise ImageError(
            "The lung mask is empty: no pixel is marked. Correct it or use region 'none'."
        )
    if region in ("lungs", "lungs-erased"):
        return gray * (mask if region == "lungs" else ~mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if region == "lungs-crop":
        return np.ascontiguousarray(gray[box])
    framed = gray.copy()
    framed[box] = 0
    return framed
