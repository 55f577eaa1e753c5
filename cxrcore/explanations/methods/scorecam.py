"""Score-CAM: feature maps, each weighted by how likely the class is where only that map is seen."""

import numpy as np

from cxrcore.explanations import base

CHANNELS = 128  # feature maps that are tried, at most: those that vary most over the image


def score_cam(probe: base.Probe) -> np.ndarray:
    """(h, w) positive part of the weighted sum of the feature maps of a convolution.

    A weight is the probability of the class for the image multiplied by the feature map, which is
    enlarged and stretched to 0..1.

    Source:
        Wang et al. 2020, arXiv:1910.01279; equal to `tf_keras_vis.scorecam.Scorecam` with
        `max_N=CHANNELS, normalize_cam=False`. Trying only some maps is "Faster Score-CAM",
        https://github.com/tabayashi0117/Score-CAM.
    """
    features = probe.features()  # (h, w, C)
    spread = features.std(axis=(0, 1))
    features = features[..., np.argsort(-spread, kind="stable")[:CHANNELS]]
    weights = []
    for part in probe.parts(features.shape[-1]):
        chosen = features[None, ..., part.start : part.stop]
        masks = base.enlarge(chosen, probe.image.shape[:2]).numpy()[0]  # (H, W, m)
        low, high = masks.min(axis=(0, 1)), masks.max(axis=(0, 1))
        masks = np.moveaxis((masks - low) / (high - low + 1e-7), -1, 0)[..., None]
        weights.append(probe.probabilities(probe.image * masks))
    return np.maximum(features @ np.concatenate(weights), 0)


METHOD = base.Sampled(
    name="score-cam",
    title="Score-CAM",
    meaning="the regions that make the class likely when little else is shown",
    sample=score_cam,
    passes=CHANNELS,
    uses_layer=True,
)
