"""How sure a metric is: a record of the registry names one of these kinds, or none for a bootstrap.

A share of films has Wilson's interval, and exact tests where both models are judged on the same films;
an AUC has DeLong's, an average precision the delta method's; a mean of what each film has is bootstrapped and tested by flipping signs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxrcore.statistics import auc, estimate, precision, resampling, shares
from cxrcore.statistics.estimate import Difference, Estimate

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Cells = Callable[[int, int], Bools]

_MOST_DRAWS, _FEWEST_DRAWS = 1_000, 400
_MOST_WEIGHTS = 10_000_000  # drawn at once: 40 MB


@dataclass(frozen=True, eq=False)
class Films:
    """The films that models are compared on.

    Attributes:
        truth: (n,) class numbers.
        patients: (n,) numbers of the patients; None where films count as independent.
        seed: of the samples that are drawn; the same films should have the same.
    """

    truth: Ints
    patients: Ints | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.truth)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Films) or self.seed != other.seed:
            return False
        if self.patients is None or other.patients is None:
            same = self.patients is other.patients
        else:
            same = np.array_equal(self.patients, other.patients)
        return same and np.array_equal(self.truth, other.truth)

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """(draws, n) how often each film is in each bootstrap sample, of whole patients."""
        draws = int(np.clip(_MOST_WEIGHTS // len(self), _FEWEST_DRAWS, _MOST_DRAWS))
        return np.concatenate(list(resampling.weights(len(self), draws, self.seed, self.patients)))

    @cached_property
    def drawn(self) -> npt.NDArray[np.float32]:
        """(draws,) films in each sample; of whole patients not always as many."""
        return self.weights.sum(axis=1)

    @cached_property
    def units(self) -> int:
        """Patients, or films where they count as independent."""
        return len(self) if self.patients is None else len(np.unique(self.patients))


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model says about the films: (n, k) probabilities.

    `kept` is for what is computed of them more than once.
    """

    films: Films
    probabilities: Floats
    kept: dict[tuple[str, str], Floats] = field(default_factory=dict)

    @cached_property
    def called(self) -> Ints:
        """(n,) predicted class numbers."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def cells(self) -> Ints:
        """(n,) cells of the confusion matrix, counted row by row."""
        return self.films.truth * self.probabilities.shape[1] + self.called

    def keep(self, kept: Bools) -> "Answers":
        """The answers about some of the films, whose patients do not count then."""
        return Answers(Films(self.films.truth[kept]), self.probabilities[kept])


@dataclass(frozen=True)
class Share:
    """Hits among the films that a figure is about, or the mean of such shares over the classes.

    Attributes:
        about: (k, class number) -> (k, k) cells of the films that the figure is about.
        hits: likewise; only those that it is about count.
        curve: from the share to the metric, increasing; None where they are the same.
        mean: "" for one share; "all" for the mean over all classes, 0 for a class without films;
            "present" for the mean over the classes that have films.
    """

    about: Cells
    hits: Cells
    curve: Callable[[float], float] | None = None
    mean: Literal["", "all", "present"] = ""

    def paired(self, k: int, class_number: int) -> bool:
        """Whether the figure is about the same films, whatever the models say."""
        rows = self.about(k, class_number)
        return not self.mean and self.curve is None and bool((rows == rows[:, :1]).all())

    def of(self, answers: Answers, class_number: int) -> tuple[Bools, Bools]:
        """(n,) films that the figure is about, and hits."""
        k = answers.probabilities.shape[1]
        about, hits = self.about(k, class_number).ravel(), self.hits(k, class_number).ravel()
        return about[answers.cells], (about & hits)[answers.cells]

    def estimate(self, answers: Answers, class_number: int) -> Estimate:
        """The figure with its interval; NaN where it is about no film."""
        if not self.mean:
            return self._one(answers, class_number)
        parts = [self._one(answers, number) for number in range(answers.probabilities.shape[1])]
        if self.mean == "all":
            none = np.zeros(len(answers.films))
            parts = [p if np.isfinite(p.value) else Estimate(0.0, 0.0, 1.0, none) for p in parts]
        return _mean(parts, answers.films)

    def _one(self, answers: Answers, class_number: int) -> Estimate:
        about, hits = self.of(answers, class_number)
        found = shares.estimate(hits, about, answers.films.patients)
        if self.curve is None or not np.isfinite(found.value):
            return found
        step = 1e-6
        slope = (self.curve(found.value + step) - self.curve(found.value - step)) / (2 * step)
        value, low, high = map(self.curve, (found.value, found.low, found.high))
        return Estimate(value, low, high, found.influence * slope)


@dataclass(frozen=True)
class Ranking:
    """The area under a curve of a class, or with `mean` over the classes that have films.

    Attributes:
        curve: "roc", or "precision" for the average precision.
        mean: over the classes.
    """

    curve: Literal["roc", "precision"]
    mean: bool = False

    def estimate(self, answers: Answers, class_number: int) -> Estimate:
        """The area with its interval; NaN where it is undefined."""
        k = answers.probabilities.shape[1]
        numbers = range(k) if self.mean else [class_number]
        parts = [self._one(answers, number) for number in numbers]
        return _mean(parts, answers.films) if self.mean else parts[0]

    def difference(self, first: Estimate, second: Estimate, films: Films) -> Difference:
        """Of two models' areas, see `statistics.auc` and `statistics.precision`."""
        test = auc.difference if self.curve == "roc" else precision.difference
        return test(first, second, films.patients)

    def _one(self, answers: Answers, class_number: int) -> Estimate:
        films, scores = answers.films, answers.probabilities[:, class_number]
        positive = films.truth == class_number
        if self.curve == "precision":
            return precision.estimate(positive, scores, films.patients)
        [found] = auc.estimate(positive, scores[None], films.patients)
        return found


@dataclass(frozen=True)
class FilmMean:
    """The mean of what each film has: (n,) truth and (n, k) probabilities to (n,) values."""

    values: Callable[[Ints, Floats], Floats]


def _mean(parts: Sequence[Estimate], films: Films) -> Estimate:
    """Of classes; no bound lies beyond 0 or 1."""
    found = estimate.mean(parts, films.patients)
    low, high = np.clip([found.low, found.high], 0.0, 1.0)
    return replace(found, low=float(low), high=float(high))
