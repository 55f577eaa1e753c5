"""What some labelled films of the new place would buy: another temperature, another threshold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore import thresholds
from cxrcore.errors import ComparisonError
from cxrcore.metrics import calibration, temperature
from cxrcore.metrics.decision import calibrated
from cxrcore.store import Run

DRAWS = 100
FEWEST = 5  # films to learn from, and to judge by
_RANGE = (5.0, 50.0, 95.0)  # percentiles that are told

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Recalibration:
    """What is measured on the films that were not drawn: percentiles 5, 50 and 95 over the draws.

    Attributes:
        films: that are drawn to learn from, at least; whole patients where they are known.
        loss: log loss as the run answers now, and with the temperature that fits the drawn films.
        recall: of the class at the threshold from home, and at that from the drawn films.
        specificity: likewise.
        without: draws without a film of the class, which choose no threshold.
    """

    films: int
    loss: tuple[Triple, Triple]
    recall: tuple[Triple, Triple]
    specificity: tuple[Triple, Triple]
    without: int


def recalibrate(run: Run, class_name: str, recall: float, films: int) -> Recalibration:
    """Draw films of an external test again and again, learn from them, and judge on the others.

    Args:
        run: an external test, with validation films of home.
        class_name: that must not be missed.
        recall: wanted, above 0 and at most 1.
        films: to learn from; at least FEWEST, and so many must be left.

    Raises:
        ComparisonError: too few films, no such class, or no draw has films of the class on both sides.
        StoreError: predictions are missing or damaged.
    """
    now, raw = thresholds.part(run, "test"), thresholds.part(run, "test", raw=True)
    total = len(now.truth)
    if not FEWEST <= films <= total - FEWEST:
        raise ComparisonError(
            f"Of the {total} films of this test {FEWEST} to {total - FEWEST} can be learned from. "
            f"Received: {films}."
        )
    home = thresholds.operating_point(run, class_name, recall).choice.threshold
    number = run.classes.index(class_name)
    positive, scores = now.truth == number, now.probabilities[:, number]
    rows: list[list[float]] = []
    without = 0
    for drawn in _draws(total, films, now.groups):
        others = ~drawn
        fitted = temperature.fit(raw.truth[drawn], raw.probabilities[drawn])
        losses = [
            calibration.log_loss(now.truth[others], shares[others])
            for shares in (now.probabilities, calibrated(raw.probabilities, fitted))
        ]
        if not positive[drawn].any() or not positive[others].any() or positive[others].all():
            without += 1
            rows.append([*losses, *[np.nan] * 4])
            continue
        here = _threshold(positive[drawn], scores[drawn], recall)
        reached = [scores[others] >= threshold for threshold in (home, here)]
        caught = [float(each[positive[others]].mean()) for each in reached]
        spared = [float((~each)[~positive[others]].mean()) for each in reached]
        rows.append([*losses, *caught, *spared])
    found = np.array(rows)
    if without == len(found):
        raise ComparisonError(
            f"{class_name} has too few films in this test to learn from some and judge by others."
        )
    loss, mended, home_recall, own_recall, home_spared, own_spared = map(_told, found.T)
    recalls, spared_both = (home_recall, own_recall), (home_spared, own_spared)
    return Recalibration(films, (loss, mended), recalls, spared_both, without)


def _told(values: npt.NDArray[np.floating]) -> Triple:
    low, middle, high = np.nanpercentile(values, _RANGE)
    return float(low), float(middle), float(high)


def _threshold(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], recall: float
) -> float:
    """As `thresholds.choose`; also where all films have one probability."""
    if scores.min() == scores.max():
        return float(scores[0])
    return thresholds.choose(positive, scores, recall).threshold


def _draws(
    total: int, films: int, groups: npt.NDArray[np.integer] | None
) -> list[npt.NDArray[np.bool_]]:
    """(n,) which films are drawn, DRAWS times, the same each time; patients stay together."""
    rng = np.random.default_rng(0)
    known = np.arange(total) if groups is None else groups
    found = []
    for _ in range(DRAWS):
        order = rng.permutation(np.unique(known))
        sizes = np.bincount(known)[order]
        enough = int(np.searchsorted(np.cumsum(sizes), films)) + 1
        drawn = np.isin(known, order[:enough])
        if (~drawn).sum() >= FEWEST:
            found.append(drawn)
    if not found:
        raise ComparisonError(
            "The films are of too few patients to learn from some and judge by others. Choose fewer films."
        )
    return found
