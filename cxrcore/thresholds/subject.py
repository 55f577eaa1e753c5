"""The operating point of a stored run."""

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.comparison import patients
from cxrcore.errors import ComparisonError
from cxrcore.metrics.decision import calibrated
from cxrcore.metrics.temperature import fit
from cxrcore.store import Run, annotation
from cxrcore.thresholds.choice import Choice, choose
from cxrcore.thresholds.cost import Cost, measure

VALIDATION = "validation"


@dataclass(frozen=True)
class Part:
    """The films of a part of a run's split, with its answers.

    Attributes:
        image_ids: (n,) of the films.
        truth: (n,) class numbers.
        probabilities: (n, k), calibrated where the run has a temperature.
        groups: (n,) patients; None where they are not known.
    """

    image_ids: tuple[str, ...]
    truth: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.floating]
    groups: npt.NDArray[np.integer] | None


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold for one class: chosen on validation films, measured on test films."""

    class_name: str
    choice: Choice
    cost: Cost
    prevalence: float  # of the class among the test films, 0..1


def part(run: Run, name: str, *, raw: bool = False) -> Part:
    """The films of a part of a run's split.

    Args:
        run: in the store.
        name: "validation" or "test".
        raw: with the probabilities as trained, not calibrated.

    Raises:
        ComparisonError: the run has no predictions of that part.
        StoreError: its predictions are missing or were changed.
    """
    table = run.predictions()
    rows = table[table["split"] == name]
    if rows.empty:
        raise ComparisonError(
            f"{run.run_id} has no predictions of {name} films"
            + (
                ": no threshold and no temperature can be chosen without looking at the test films. "
                "Train it here, with a share of films for validation."
                if name == VALIDATION
                else ". Choose a run that was tested."
            )
        )
    shares = rows[[f"p_{label}" for label in run.classes]].to_numpy(np.float64)
    truth = pd.Categorical(rows["label"], categories=run.classes).codes.astype(np.int64)
    groups = patients.numbers(patients.find([run]).known.reindex(rows["image_id"]))
    temperature = None if raw else annotation(run.run_id).temperature
    # The same films in 20 runs are one text each in memory.
    image_ids = tuple(map(sys.intern, rows["image_id"]))
    return Part(image_ids, truth, calibrated(shares, temperature), groups)


def temperature(run: Run) -> float:
    """The temperature that fits a run's validation films best, see `metrics.temperature`.

    Validation films also chose the epoch, so they look a little too good for this.

    Raises:
        ComparisonError: the run has no predictions of validation films.
        StoreError: its predictions are missing or were changed.
    """
    films = part(run, VALIDATION, raw=True)
    return fit(films.truth, films.probabilities)


def operating_point(
    run: Run, class_name: str, recall: float, parts: tuple[Part, Part] | None = None
) -> OperatingPoint:
    """The threshold at which a run catches a class as often as wanted, and what it costs.

    Args:
        run: with predictions of validation and test films.
        class_name: that must not be missed.
        recall: wanted, above 0 and at most 1.
        parts: its validation and test films, where they were read before.

    Raises:
        ComparisonError: no such class, a recall out of range, or predictions that allow no threshold.
        StoreError: its predictions are missing or were changed.
    """
    if class_name not in run.classes:
        raise ComparisonError(
            f"{run.run_id} has no class {class_name!r}. Choose one of {', '.join(run.classes)}."
        )
    if not 0 < recall <= 1:
        raise ComparisonError(
            f"A recall lies above 0 and is at most 1. Received: {recall:g}. Try 0.95."
        )
    number = run.classes.index(class_name)
    chosen_on, measured_on = parts or (part(run, VALIDATION), part(run, "test"))
    choice = choose(chosen_on.truth == number, chosen_on.probabilities[:, number], recall)
    cost = measure(
        measured_on.truth,
        measured_on.probabilities,
        run.classes,
        class_name,
        choice.threshold,
        measured_on.groups,
    )
    return OperatingPoint(class_name, choice, cost, float((measured_on.truth == number).mean()))
