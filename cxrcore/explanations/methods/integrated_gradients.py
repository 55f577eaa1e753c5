"""Integrated gradients: what each pixel adds to the logit on the way from plain gray to the image."""

import numpy as np

from cxrcore.explanations import base

STEPS = 32


def integrated_gradients(probe: base.Probe) -> np.ndarray:
    """(H, W) positive part of the attributions, summed over the channels, in logits."""
    return np.maximum(attributions(probe).sum(axis=-1), 0)


def attributions(probe: base.Probe) -> np.ndarray:
    """(H, W, C) share of each pixel in logit(image) - logit(baseline), with its sign.

    The baseline is the image's own mean gray. With the usual black, what is black could never be
    evidence, and air in a chest X-ray is. The integral is taken by Gauss and Legendre's rule,
    which needs fewer steps than equal ones.

    Source:
        Sundararajan et al. 2017, arXiv:1703.01365, equation 1; the sum is that of its
        proposition 1 (completeness).
    """
    baseline = probe.image.mean(axis=(0, 1))  # (C,)
    difference = probe.image - baseline
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)  # on -1..1
    total = np.zeros_like(probe.image)
    for part in probe.parts(STEPS):
        places = slice(part.start, part.stop)
        shares = np.asarray((nodes[places] + 1) / 2, np.float32)
        gradients = probe.gradients(baseline + shares[:, None, None, None] * difference)
        total += np.tensordot(np.asarray(weights[places] / 2, np.float32), gradients, axes=1)
    return difference * total


METHOD = base.Sampled(
    name="integrated-gradients",
    title="Integrated gradients",
    meaning="the pixels that speak for the class by being brighter or darker than the film's mean",
    sample=integrated_gradients,
    passes=STEPS,
)
