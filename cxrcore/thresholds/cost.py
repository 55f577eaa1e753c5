"""What an operating point costs: recall, precision, false alarms, on films that did not choose it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore.metrics.decision import decide_all
from cxrcore.statistics import shares
from cxrcore.statistics.estimate import Estimate


@dataclass(frozen=True)
class Cost:
    """An operating point on test films.

    Attributes:
        confusion: (k, k) films, rows true and columns answered.
        recall: of the class, with its interval; NaN without films of it.
        specificity: of all other films; NaN without any.
        precision: of the films that are called the class; NaN where none is.
        accuracy: of all classes.
    """

    confusion: npt.NDArray[np.int64]
    recall: Estimate
    specificity: Estimate
    precision: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class PerThousand:
    """Of 1,000 films at a prevalence: how many are missed, how many are false alarms; with intervals."""

    missed: tuple[float, float, float]
    alarms: tuple[float, float, float]


def measure(
    truth: npt.NDArray[np.integer],
    probabilities: npt.NDArray[np.floating],
    classes: Sequence[str],
    class_name: str,
    threshold: float,
    groups: npt.ArrayLike | None = None,
) -> Cost:
    """Measure an operating point.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, k), calibrated as those were that the threshold was chosen on.
        classes: k names.
        class_name: the class that must not be missed.
        threshold: from which probability on a film is called that class.
        groups: (n,) patients, for the intervals; or None.
    """
    number = list(classes).index(class_name)
    answers = decide_all(probabilities, classes, {class_name: threshold})
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (truth, answers), 1)
    positive, called = truth == number, answers == number
    return Cost(
        confusion,
        shares.estimate(called, positive, groups),
        shares.estimate(~called, ~positive, groups),
        shares.estimate(positive, called, groups),
        shares.estimate(answers == truth, None, groups),
    )


def per_thousand(cost: Cost, prevalence: float) -> PerThousand:
    """Misses and false alarms among 1,000 films of which a share is of the class.

    Args:
        cost: measured.
        prevalence: 0..1.
    """

    def among(share: Estimate, films: float) -> tuple[float, float, float]:
        value, low, high = (1000 * films * (1 - p) for p in (share.value, share.high, share.low))
        return value, low, high

    return PerThousand(among(cost.recall, prevalence), among(cost.specificity, 1 - prevalence))
