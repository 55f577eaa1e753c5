"""What a run answers once its probabilities are calibrated and it has an operating point."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def calibrated(probabilities: Floats, temperature: float | None) -> Floats:
    """Probabilities after their logits are divided by a temperature.

    Args:
        probabilities: (..., k), 0..1, sum 1: a softmax of logits.
        temperature: above 0; above 1 makes answers less sure; None leaves them as they are.

    Source:
        Guo et al. 2017, arXiv:1706.04599, section 4.2. The logits are known up to a constant,
        which cancels.

    >>> calibrated(np.array([0.9, 0.1]), 2.0).round(2).tolist()
    [0.75, 0.25]
    """
    if temperature is None:
        return probabilities
    # Powers of the shares, not of exponentials: a share of 0 stays 0.
    ratios = probabilities / probabilities.max(axis=-1, keepdims=True)
    powers = ratios ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def decide(probabilities: Floats, classes: Sequence[str], thresholds: Mapping[str, float]) -> str:
    """The answer at an operating point; see `decide_all`.

    Args:
        probabilities: (k,) 0..1, calibrated where the run is.
        classes: k names.
        thresholds: class -> least probability at which it is the answer; those of other classes
            do not count.

    >>> decide(np.array([0.65, 0.35]), ["Normal", "Pneumonia"], {"Pneumonia": 0.3})
    'Pneumonia'
    """
    return classes[decide_all(probabilities[None], classes, thresholds)[0]]


def decide_all(
    probabilities: Floats, classes: Sequence[str], thresholds: Mapping[str, float]
) -> npt.NDArray[np.integer]:
    """(n,) class numbers: the answers to (n, k) probabilities at an operating point.

    The most likely of the classes that reach their threshold; where none does, the most likely of
    those without a threshold, and where all have one, the most likely of all.
    """
    least = np.array([thresholds.get(name, np.inf) for name in classes])
    reached = probabilities >= least
    free = np.isinf(least) if np.isinf(least).any() else np.ones(len(classes), bool)
    allowed = np.where(reached.any(axis=1, keepdims=True), reached, free)
    return np.where(allowed, probabilities, -1.0).argmax(axis=1)
