"""Differences between families of runs: Student's over folds, and over films and seeds."""

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from cxrcore.statistics.estimate import Difference

Floats = npt.NDArray[np.floating]

_AGREE = 1e-12  # smaller spreads are rounding


def paired_folds(differences: npt.ArrayLike, test_share: float) -> Difference:
    """The mean difference over folds, by the corrected resampled t test.

    Source: Nadeau and Bengio 2003, Machine Learning 52, 239-281: the variance is
    (1 / J + test_share) s², since the runs share training films.

    Args:
        differences: (J,) first minus second model, one value a fold.
        test_share: test films by training films, n_test / n_train.

    Returns:
        The bounds are NaN and p is None with one fold, or where all folds agree.
    """
    given = np.asarray(differences, dtype=np.float64)
    value, count = float(given.mean()), len(given)
    spread = float(given.std(ddof=1)) if count > 1 else 0.0
    if spread < _AGREE:
        why = "one fold only" if count < 2 else "all folds agree"
        return Difference(value, np.nan, np.nan, None, f"not tested: {why}")
    error = spread * float(np.sqrt(1 / count + test_share))
    half = float(stdtrit(count - 1, 0.975)) * error
    p = 2 * float(stdtr(count - 1, -abs(value) / error))
    return Difference(value, value - half, value + half, p, "corrected t test over folds")


def over_seeds(replicates: Floats, seed: int) -> Floats:
    """Replicates of a mean over seeds, in which films and seeds are drawn anew.

    Seeds are drawn with replacement in every draw, and their spread is enlarged by S / (S - 1), which
    a bootstrap of S values lacks. With one seed the replicates are returned as they are.

    Args:
        replicates: (draws, S) of the figure, the same films for all seeds of a draw.
        seed: of the draw of seeds; another one for each model, whose seeds are independent.
    """
    draws, runs = replicates.shape
    if runs == 1:
        return replicates[:, 0]
    rng = np.random.default_rng([seed, 1])  # not the stream that draws the films
    picked = rng.integers(0, runs, (draws, runs))
    drawn = np.take_along_axis(replicates, picked, axis=1).mean(axis=1)
    middle = replicates.mean(axis=1)
    return middle + (drawn - middle) * np.sqrt(runs / (runs - 1))
