"""RISE: how much likelier the class is when a place is seen through random masks."""

import cv2
import numpy as np

from cxrcore.explanations import base

MASKS = 512  # 4000 to 8000 in the paper; see `rise`
CELLS = 7  # of a mask, along a side
VISIBLE = 0.5  # probability that a cell is


def rise(probe: base.Probe) -> np.ndarray:
    """(H, W) mean probability when a place is visible, less the mean of all masks, positive part.

    The paper's map has the mean probability everywhere; without it a place that makes no
    difference is 0. It also divides by the expected visibility of a place, here by the one that
    the masks have, so that a place seen more often is no brighter: the same in the limit, with
    far less noise for as many masks. The masks are the same at every call.

    Source:
        Petsiuk et al. 2018, arXiv:1806.07421, equation 6 and section 3.2.
    """
    height, width, _ = probe.image.shape
    seen, visible, total = np.zeros((height, width)), np.zeros((height, width)), 0.0
    for part in probe.parts(MASKS):
        masks = np.stack([mask(number, height, width) for number in part])  # (m, H, W)
        chances = probe.probabilities(probe.image * masks[..., None])
        seen += np.tensordot(chances, masks, axes=1)
        visible += masks.sum(axis=0)
        total += float(chances.sum())
    return np.maximum(seen / visible - total / MASKS, 0)


def mask(number: int, height: int, width: int) -> np.ndarray:
    """(height, width) float32 in 0..1, always the same for the same number and size."""
    random = np.random.default_rng(number)
    cells = (random.random((CELLS, CELLS)) < VISIBLE).astype(np.float32)
    tall, wide = -(-height // CELLS), -(-width // CELLS)  # of a cell, in pixels
    size = ((CELLS + 1) * wide, (CELLS + 1) * tall)
    large = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
    top, left = random.integers(tall + 1), random.integers(wide + 1)
    return large[top : top + height, left : left + width]


METHOD = base.Sampled(
    name="rise",
    title="RISE",
    meaning="the places that make the class likelier when they show through random masks",
    sample=rise,
    answers_only=True,
    passes=MASKS,
)
