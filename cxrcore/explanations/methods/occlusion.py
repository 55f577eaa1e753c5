"""Occlusion: how much weaker the class becomes when a part of the image is covered with gray."""

import itertools

import numpy as np

from cxrcore.explanations import base

PATCH = 1 / 8  # of a side
POSITIONS = 15  # along a side: the patches overlap by half


def occlusion(probe: base.Probe) -> np.ndarray:
    """(H, W) mean drop of the logit over the patches that cover a pixel, its positive part.

    Patches have the image's mean gray.

    Source:
        Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2; there the patch moves over the image
        as well, and the map is the class' probability.
    """
    rows, columns = (spans(side) for side in probe.image.shape[:2])
    patches = list(itertools.product(rows, columns))
    gray = probe.image.mean(axis=(0, 1))
    (whole,) = probe.logits(probe.image[None])
    drops, covered = np.zeros((2, *probe.image.shape[:2]))
    for part in probe.parts(len(patches)):
        images = np.repeat(probe.image[None], len(part), axis=0)
        for image, number in zip(images, part, strict=True):
            image[patches[number]] = gray
        for number, logit in zip(part, probe.logits(images), strict=True):
            drops[patches[number]] += whole - logit
            covered[patches[number]] += 1
    return np.maximum(drops / covered, 0)


def spans(side: int) -> list[slice]:
    """Where patches lie along a side, from edge to edge."""
    length = max(1, round(side * PATCH))
    starts = np.unique(np.linspace(0, side - length, POSITIONS).round().astype(int))
    return [slice(start, start + length) for start in starts]


METHOD = base.Sampled(
    name="occlusion",
    title="Occlusion",
    meaning="the places that weaken the answer when they are covered with gray",
    sample=occlusion,
    answers_only=True,
    passes=POSITIONS**2 + 1,
)
