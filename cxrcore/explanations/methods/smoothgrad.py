"""SmoothGrad: the mean saliency of noisy copies of the image, which averages out speckle."""

import numpy as np

from cxrcore.explanations import base

SAMPLES = 24
NOISE = 0.2  # standard deviation as a share of the image's range; 10-20 % in the paper


def smoothgrad(probe: base.Probe) -> np.ndarray:
    """Mean absolute gradient over SAMPLES noisy copies, largest channel, in logits per gray level.

    The noise is the same at every call, so the same image always gives the same map.

    Source:
        Smilkov et al. 2017, arXiv:1706.03825; equal to `tf_keras_vis.saliency.Saliency` with
        `smooth_samples=SAMPLES, smooth_noise=NOISE, normalize_map=False` given the same noise.
    """
    deviation = NOISE * np.ptp(probe.image, axis=(0, 1))  # (C,)
    total = np.zeros_like(probe.image)
    for part in probe.parts(SAMPLES):
        noisy = [probe.image + deviation * noise(number, probe.image.shape) for number in part]
        total += np.abs(probe.gradients(np.stack(noisy))).sum(axis=0)
    return (total / SAMPLES).max(axis=-1)


def noise(number: int, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, C) float32 standard normal values, always the same for the same number and shape."""
    return np.random.default_rng(number).standard_normal(shape, np.float32)


METHOD = base.Sampled(
    name="smoothgrad",
    title="SmoothGrad",
    meaning="saliency averaged over noisy copies of the image",
    sample=smoothgrad,
    passes=SAMPLES,
)
