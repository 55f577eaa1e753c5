"""One figure of one subject with its 95 % interval, whatever the kind of the metric."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cxrcore.metrics import Metric
from cxrcore.metrics.uncertainty import Answers, FilmMean, Ranking, Share
from cxrcore.statistics import resampling, student
from cxrcore.statistics.estimate import Estimate

Floats = npt.NDArray[np.floating]

_AT_ONCE = 10_000_000  # weights that are worked on: 40 MB


@dataclass(frozen=True, eq=False)
class Judged:
    """One metric of one subject.

    Attributes:
        metric: of scope "class" or "overall".
        class_number: of the class; 0 for scope "overall".
        answers: of each seed, about the same films.
    """

    metric: Metric
    class_number: int
    answers: tuple[Answers, ...]

    @cached_property
    def value(self) -> float:
        """Of the only run, or the mean over the seeds; NaN where undefined."""
        if self.estimate is not None and np.isfinite(self.estimate.value):
            return self.estimate.value
        return float(np.mean([self._own(values(self.metric, each)) for each in self.answers]))

    @cached_property
    def estimate(self) -> Estimate | None:
        """Of a share or an area of one run; None for all others."""
        kind = self.metric.uncertainty
        if len(self.answers) > 1 or not isinstance(kind, Share | Ranking):
            return None
        return kind.estimate(self.answers[0], self.class_number)

    @cached_property
    def replicates(self) -> Floats:
        """(draws,) of the figure over bootstrap samples of films and seeds."""
        found = [replicates(self.metric, answers) for answers in self.answers]
        by_seed = np.stack([self._own(each) for each in found], axis=1)
        return student.over_seeds(by_seed, self.answers[0].films.seed)

    @property
    def interval(self) -> tuple[float, float]:
        """NaN where it is undefined, or no spread is seen: that is no certainty."""
        if self.estimate is not None:
            return self.estimate.low, self.estimate.high
        return resampled(self.value, self.replicates, self.answers[0].films.units)

    @property
    def method(self) -> str:
        """How the interval is found, in words."""
        of = "" if self.answers[0].films.patients is None else " of whole patients"
        if len(self.answers) > 1:
            return f"bootstrap{of or ' of films'} and {len(self.answers)} seeds"
        kind = self.metric.uncertainty
        if isinstance(kind, Share):
            made = "made of Wilson's" if kind.mean or kind.curve else "Wilson"
            return made + (", for whole patients" if of else "")
        if isinstance(kind, Ranking):
            return ("DeLong" if kind.curve == "roc" else "delta method") + (
                ", for whole patients" if of else ""
            )
        return "bootstrap" + of

    def _own(self, values: Floats) -> Floats:
        return values[..., self.class_number] if self.metric.scope == "class" else values


def values(metric: Metric, answers: Answers) -> Floats:
    """The metric of the films: () or of scope "class" (k,)."""
    key = ("value", metric.name)
    if key not in answers.kept:
        if metric.basis == "confusion":
            found = metric.compute(counts(answers))
        else:
            found = metric.compute(answers.films.truth, answers.probabilities)
        answers.kept[key] = np.asarray(found, float)
    return answers.kept[key]


def replicates(metric: Metric, answers: Answers) -> Floats:
    """The metric in bootstrap samples of the films: (draws,) or of scope "class" (draws, k)."""
    key = ("replicates", metric.name)
    if key not in answers.kept:
        answers.kept[key] = of_samples(metric, answers, answers.films.weights)
    return answers.kept[key]


def of_samples(metric: Metric, answers: Answers, weights: npt.NDArray[np.floating]) -> Floats:
    """The metric of samples of the films: (d,) or of scope "class" (d, k).

    Args:
        metric: of predictions.
        answers: about all films.
        weights: (d, n) how often each sample holds each film.
    """
    k, films = answers.probabilities.shape[1], answers.films
    if metric.basis == "confusion":
        counted = weights @ np.eye(k * k, dtype=np.float32)[answers.cells]
        return np.asarray(metric.compute(counted.reshape(-1, k, k)))
    if isinstance(metric.uncertainty, FilmMean):
        each = metric.uncertainty.values(films.truth, answers.probabilities)
        with np.errstate(invalid="ignore"):  # of a sample without films: undefined
            return weights @ each.astype(np.float32) / weights.sum(axis=1)
    if metric.weighted is None:
        rows = (np.repeat(np.arange(len(films)), each.astype(int)) for each in weights)
        return np.array(
            [metric.compute(films.truth[row], answers.probabilities[row]) for row in rows]
        )
    steps = range(0, len(weights), max(1, _AT_ONCE // len(films)))
    chunks = [weights[start : start + steps.step] for start in steps]
    given = films.truth, answers.probabilities
    return np.concatenate([metric.weighted(*given, chunk) for chunk in chunks])


def resampled(value: float, drawn: Floats, units: int) -> tuple[float, float]:
    """The interval of a value from its replicates; NaN where no spread is seen."""
    low, high = resampling.interval(value, drawn, units)
    return (low, high) if low < high else (np.nan, np.nan)


def over_folds(judged: Judged, folds: npt.NDArray[np.integer]) -> Floats:
    """(J,) the figure on the films of each fold, the mean over the seeds."""
    found = []
    for fold in np.unique(folds):
        inside = folds == fold
        parts = tuple(answers.keep(inside) for answers in judged.answers)
        found.append(replace(judged, answers=parts).value)
    return np.array(found)


def counts(answers: Answers) -> npt.NDArray[np.integer]:
    """(k, k) the confusion matrix."""
    k = answers.probabilities.shape[1]
    return np.bincount(answers.cells, minlength=k * k).reshape(k, k)


def within(
    metric: Metric, low: float, high: float, *, difference: bool = False
) -> tuple[float | None, float | None]:
    """The bounds of an interval, none beyond what is possible; None where they are undefined."""
    least, greatest = metric.bounds
    if difference:
        least, greatest = least - greatest, greatest - least
    return known(np.clip(low, least, greatest)), known(np.clip(high, least, greatest))


def known(value: float) -> float | None:
    """As JSON can hold it: None where it is undefined."""
    return float(value) if np.isfinite(value) else None
