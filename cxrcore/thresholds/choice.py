"""Choosing a threshold on validation films, and what they can promise."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from cxrcore.errors import ComparisonError

SURE = 0.95  # one-sided confidence of the bound
ROUNDING = 1e-6  # of probabilities: what differs less differs by rounding


@dataclass(frozen=True)
class Choice:
    """A threshold and the validation films it was chosen on.

    Attributes:
        threshold: a film is of the class from this probability on.
        wanted: recall, 0..1.
        positives: validation films of the class.
        caught: those that reach the threshold.
        bound: recall that is reached with 95 % confidence, as far as these films tell.
        promised: whether that is what was wanted.
        needed: films of the class that could promise it if all were caught.
    """

    threshold: float
    wanted: float
    positives: int
    caught: int
    bound: float
    promised: bool
    needed: int


def choose(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], wanted: float
) -> Choice:
    """The greatest threshold at which these films have the recall that is wanted.

    Films of one patient count as if they were independent: the bound is then too high.

    Args:
        positive: (n,) validation films of the class.
        scores: (n,) probability of the class.
        wanted: recall, above 0 and at most 1.

    Raises:
        ComparisonError: no film is of the class, or all have the same probability.

    Source of the bound: Clopper and Pearson 1934, Biometrika 26, 404-413, one-sided.

    >>> choose(np.array([True] * 4 + [False]), np.array([0.9, 0.8, 0.7, 0.2, 0.5]), 0.75).threshold
    0.7
    """
    of_class = np.sort(scores[positive])[::-1]
    if not len(of_class):
        raise ComparisonError(
            "No validation film is of this class, so no threshold can be chosen. Divide the "
            "dataset anew, with films of every class for validation."
        )
    if np.ptp(scores) < ROUNDING:
        raise ComparisonError(
            f"Every validation film has the same probability, {scores[0]:.3g}: no threshold tells "
            "them apart. Train the model again."
        )
    # Rounding must not ask for one film more: 0.95 of 20 are 19.
    least = max(1, math.ceil(wanted * len(of_class) - 1e-9))
    threshold = float(of_class[least - 1])
    caught = int((of_class >= threshold).sum())
    bound = _bound(caught, len(of_class))
    needed = math.ceil(math.log(1 - SURE) / math.log(wanted) - 1e-9) if wanted < 1 else 0
    return Choice(threshold, wanted, len(of_class), caught, bound, bound >= wanted, needed)


def _bound(caught: int, n: int) -> float:
    """The lower Clopper-Pearson bound of a share."""
    return float(betaincinv(caught, n - caught + 1, 1 - SURE)) if caught else 0.0
