"""Films of one patient resemble each other: codes, sums and how much less their number is worth."""

import numpy as np
import numpy.typing as npt

from cxrcore.errors import CxrError

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

# How many films the worst case is worth beside those that show how alike a patient's films are.
_DOUBT = 0.5


def codes(groups: npt.ArrayLike | None, films: int) -> Ints | None:
    """(n,) patients numbered from 0 without gaps; None where no patient has two films.

    Raises:
        CxrError: there is not one code for each film.
    """
    if groups is None:
        return None
    given = np.asarray(groups)
    if given.shape != (films,):
        raise CxrError(
            f"Patients must be one code for each of {films} films. Received: {given.shape}. "
            "Give None where they are not known."
        )
    if given.dtype.kind in "iu" and films and given.min() == 0 and given.max() < films:
        numbered = given.astype(np.intp)
        if np.bincount(numbered).all():  # without gaps already: no need to sort
            return None if numbered.max() == films - 1 else numbered
    found, places = np.unique(given, return_inverse=True)
    return None if len(found) == films else places


def sums(values: npt.NDArray, patients: Ints | None) -> npt.NDArray:
    """(patients,) or (m, patients) sums of (n,) or (m, n) values over the films of each patient."""
    if patients is None:
        return values
    rows = [np.bincount(patients, weights=row) for row in np.atleast_2d(values)]
    return np.array(rows) if values.ndim > 1 else rows[0]


def design_effect(residuals: Floats, patients: Ints | None, seen: float) -> float:
    """How many times larger the variance of a mean is than if the films were independent; > 0.

    It is what the residuals show (Rao and Scott 1992, doi 10.2307/2532311), drawn towards `worst`.

    Args:
        residuals: (n,) value of each film less the mean.
        patients: as `codes` makes them.
        seen: how many films show it: those of the rarer answer.
    """
    if patients is None:
        return 1.0
    total = float(np.square(residuals).sum())
    together = np.bincount(patients, weights=residuals)
    shown = float(np.square(together).sum()) / total if total > 0 else 0.0
    return cautious(shown, worst(patients), seen if total > 0 else 0.0)


def worst(patients: Ints | None) -> float:
    """The design effect if all films of a patient were alike: sum m² / sum m for those with m films."""
    if patients is None:
        return 1.0
    sizes = np.bincount(patients)
    return float(sizes @ sizes) / len(patients)


def cautious(shown: float, most: float, seen: float) -> float:
    """A design effect drawn towards the worst: few mistakes show little of it, and none nothing."""
    return (seen * shown + _DOUBT * most) / (seen + _DOUBT)
