"""Limits of several checks so that all together seldom raise a false alarm."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

ALARMS = 0.05  # share of good films that all withholding checks together may stop
WARNINGS = 0.02  # share of good films for which one check may warn
FEWEST = 39  # validation films from which two checks can promise that, see `joint`


def joint(scores: Floats, alarms: float) -> Floats:
    """(k,) the limit of each check, above which a film is stopped.

    Each limit is the score of a validation film, in all checks of the same rank: the lowest for
    which at most the share `alarms` of n + 1 films reaches any of the limits. With fewer films
    than checks / `alarms` - 1 even the largest scores do not meet that; they are the limits then,
    and each check stops about one good film of n + 1.

    Args:
        scores: (n, k) of n validation films in k checks; higher is less usual.
        alarms: share, 0..1.

    Source:
        Vovk et al. 2005, "Algorithmic Learning in a Random World", chapter 4 (inductive conformal
        prediction). If a film to come is exchangeable with the n, it takes any of n + 1 places in
        the order of each check with the same probability, so it lies above the limits about as
        often as one of the n lies above or at them. That is so on average over validation sets.
    """
    ordered = -np.sort(-scores, axis=0)
    chosen = ordered[0]
    for limits in ordered:
        if (scores >= limits).any(axis=1).sum() > alarms * (len(scores) + 1):
            break
        chosen = limits
    return np.asarray(chosen, np.float64)


def share_below(ordered: Floats, score: float) -> float:
    """Share, 0..1, of sorted scores that are at most `score`."""
    return float(np.searchsorted(ordered, score, side="right") / max(1, len(ordered)))
