"""Synthetic films without anatomy, for the search for duplicates."""

import cv2
import numpy as np


def film(seed: int, shape: tuple[int, int] = (300, 260)) -> np.ndarray:
    """(H, W) uint8 with structure at all sizes, unlike any other seed."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            rng.normal(0, 40 / n, (4 * n, 4 * n)), shape[::-1], interpolation=cv2.INTER_CUBIC
        )
        for n in (1, 2, 4, 8, 16)
    ]
    return (120 + sum(layers)).clip(0, 255).astype(np.uint8)
