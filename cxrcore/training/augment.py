"""Augmentation of training images: rotation, zoom, shift, brightness and contrast.

It depends on (seed, epoch, row) alone, so that a resumed training gets the same images as an
uninterrupted one (docs/decisions/0025).
"""

import cv2
import numpy as np
import numpy.typing as npt

from cxrcore.models import Recipe
from cxrcore.models.records import Strength

STRONG = Strength(degrees=15, zoom=0.15, shift=0.08, brightness=0.20, contrast=0.25)


def strength_of(recipe: Recipe) -> Strength | None:
    """The augmentation of this recipe's training images; None for none or for layers of the network."""
    if recipe.augmentation == "strong":
        return STRONG
    published = recipe.architecture.augmentation if recipe.augmentation == "published" else None
    return published if isinstance(published, Strength) else None


def augment(
    images: npt.NDArray[np.generic],
    numbers: npt.NDArray[np.integer],
    strength: Strength,
    seed: int,
    epoch: int,
) -> npt.NDArray[np.generic]:
    """Change each image at random; what enters from outside the image is black.

    Args:
        images: (n, S, S) uint8.
        numbers: (n,) their rows in the dataset.
        strength: the largest changes.
        seed: the recipe's.
        epoch: from 0.

    Returns:
        (n, S, S) uint8; the input is not changed.
    """
    result = np.empty_like(images)
    side = images.shape[1]
    levels = np.arange(256, dtype=np.float32)
    for image, number, out in zip(images, numbers, result, strict=True):
        draw = np.random.default_rng([seed, epoch, int(number)]).uniform(-1, 1, 6)
        middle = (side - 1) / 2
        turn = cv2.getRotationMatrix2D(
            (middle, middle), draw[0] * strength.degrees, 1 + draw[1] * strength.zoom
        )
        turn[:, 2] += draw[2:4] * strength.shift * side
        moved = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_LINEAR)
        gain, lift = 1 + draw[4] * strength.contrast, draw[5] * strength.brightness * 255
        table = np.clip((levels - 127.5) * gain + 127.5 + lift, 0, 255).astype(np.uint8)
        table[0] = 0  # black around the lungs, or around the turned image, stays black
        cv2.LUT(moved, table, dst=out)
    return result
