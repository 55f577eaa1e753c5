"""A metric in each slice, and whether the worst one is worse than chance makes the worst of so many.

How the worst is searched, and why so: docs/decisions/0054.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cxrcore.comparison.figures import Judged, within
from cxrcore.metrics import Metric
from cxrcore.metrics.uncertainty import Answers, FilmMean, Films, Share
from cxrcore.slices.groups import Attribute

FEWEST = 20  # films below which a slice says little
DRAWS = 1_000


@dataclass(frozen=True)
class Slice:
    """A metric among the films with one value of an attribute.

    Attributes:
        attribute, value: which films.
        films: how many; `patients` of how many, None where they are not known.
        estimate: the metric; `low` and `high` its 95 % interval; None where undefined.
    """

    attribute: str
    value: str
    films: int
    patients: int | None
    estimate: float | None
    low: float | None
    high: float | None

    @property
    def small(self) -> bool:
        """Whether it has too few films to say much."""
        return self.films < FEWEST


@dataclass(frozen=True)
class Worst:
    """The slice that lies farthest below the other films, for its size.

    Attributes:
        attribute, value: which films.
        inside, outside: the metric among them and among all others of the attribute.
        p: how often the worst of all slices is as bad by chance, 0 < p <= 1.
        slices: among how many it was searched.
    """

    attribute: str
    value: str
    inside: float
    outside: float
    p: float
    slices: int


def measure(
    metric: Metric, class_number: int, answers: Answers, attribute: Attribute
) -> list[Slice]:
    """The metric in every slice of an attribute that has films, in the order of its values.

    Args:
        metric: of predictions.
        class_number: of the class, for metrics of one; else 0.
        answers: about the films that the attribute describes.
        attribute: of the films.
    """
    found = []
    for place, value in enumerate(attribute.values):
        inside = attribute.codes == place
        if not inside.any():
            continue
        films = answers.films
        patients = None if films.patients is None else films.patients[inside]
        part = Answers(
            Films(films.truth[inside], patients, films.seed), answers.probabilities[inside]
        )
        judged = Judged(metric, class_number, (part,))
        low, high = within(metric, *judged.interval)
        # A share of no film is undefined, whatever counts make of it.
        number = judged.value if judged.estimate is None else judged.estimate.value
        known = number if np.isfinite(number) else None
        count = None if patients is None else len(np.unique(patients))
        found.append(Slice(attribute.title, value, int(inside.sum()), count, known, low, high))
    return found


def unpaired(first: Slice, second: Slice) -> tuple[float, float, float] | None:
    """The metric in one slice less that in another, with its 95 % interval; None where undefined.

    The films differ, so that no test in pairs is possible: how hard they are is part of the difference.

    Source: the intervals of both are joined as by Zou and Donner 2008, doi 10.1002/sim.3095; of shares
    with Wilson's that is method 10 of Newcombe 1998.
    """
    if None in (first.low, first.high, second.low, second.high):
        return None
    (a, low_a, high_a), (b, low_b, high_b) = (
        np.array([each.estimate, each.low, each.high], dtype=float) for each in (first, second)
    )
    difference = a - b
    low = difference - np.hypot(a - low_a, high_b - b)
    high = difference + np.hypot(high_a - a, b - low_b)
    return float(difference), float(low), float(high)


def worst(
    metric: Metric,
    class_number: int,
    answers: Answers,
    searched: Sequence[Attribute],
    draws: int = DRAWS,
) -> Worst | None:
    """The slice with the greatest deficit, and its p after the search; None where none is large enough.

    The deficit is the metric among the other films less that in the slice (the other way round for
    metrics that are better small), times the root of n1 n2 / (n1 + n2), so that small slices do not win
    by chance. The films of a patient keep their answers together: values of the attributes are exchanged
    between patients with as many films, and the greatest deficit of all slices is found anew. So the p
    pays for having looked at all of them (Westfall and Young 1993, Resampling-Based Multiple Testing).
    Of recall and specificity only the films that they are about are exchanged: that a class is common
    in a slice makes it no worse.

    Args:
        metric: that is `searchable`; None is returned for others.
        class_number: of the class, for metrics of one; else 0.
        answers: about the films that the attributes describe.
        searched: the attributes.
        draws: exchanges.
    """
    places = [
        (attribute, number)
        for attribute in searched
        for number in range(len(attribute.values))
        if _large(attribute, number)
    ]
    if not places or not searchable(metric):
        return None
    answers, places = _judged(metric, class_number, answers, places)
    tallies = _Tallies(metric, class_number, answers, places)
    seen, inside, outside = tallies.deficits(tallies.values[None])
    if not np.isfinite(seen).any():
        return None
    best = int(np.nanargmax(seen))
    rng = np.random.default_rng(answers.films.seed)
    units = _exchangeable(answers.films)
    drawn = (_exchanged(tallies.values, units, rng) for _ in range(draws))
    by_chance, _, _ = tallies.deficits(drawn)
    greatest = np.nanmax(by_chance, axis=1, initial=-np.inf)
    attribute, number = places[best]
    return Worst(
        attribute.title,
        attribute.values[number],
        float(inside[0, best]),
        float(outside[0, best]),
        (1 + int((greatest >= seen[0, best] - 1e-9).sum())) / (1 + draws),
        len(places),
    )


def searchable(metric: Metric) -> bool:
    """Whether the worst slice can be searched: a metric of counts, or a mean over films."""
    counted = metric.basis == "confusion" or isinstance(metric.uncertainty, FilmMean)
    return counted and metric.better is not None


def _judged(
    metric: Metric, class_number: int, answers: Answers, places: Sequence[tuple[Attribute, int]]
) -> tuple[Answers, list[tuple[Attribute, int]]]:
    """The films that the metric is about where that is known beforehand: for recall those of the class."""
    kind, films = metric.uncertainty, answers.films
    if not isinstance(kind, Share) or not kind.paired(answers.probabilities.shape[1], class_number):
        return answers, list(places)
    about, _ = kind.of(answers, class_number)
    patients = None if films.patients is None else films.patients[about]
    kept = Films(films.truth[about], patients, films.seed)
    fewer = {id(one): replace(one, codes=one.codes[about]) for one, _ in places}
    return Answers(kept, answers.probabilities[about]), [(fewer[id(o)], n) for o, n in places]


def _large(attribute: Attribute, number: int) -> bool:
    inside = int((attribute.codes == number).sum())
    return inside >= FEWEST and int((attribute.codes >= 0).sum()) - inside >= FEWEST


class _Tallies:
    """A metric in all slices at once, from how many films of each combination of values are answered how.

    A thousand exchanges of 20,000 films take a third of a second: each only counts the films anew.

    Attributes:
        values: (n,) number of each film's combination of the attributes' values.
    """

    def __init__(
        self,
        metric: Metric,
        class_number: int,
        answers: Answers,
        places: Sequence[tuple[Attribute, int]],
    ) -> None:
        self._metric, self._class = metric, class_number
        self._sign = -1.0 if metric.better == "down" else 1.0
        self._k = answers.probabilities.shape[1]
        if isinstance(metric.uncertainty, FilmMean):
            each = metric.uncertainty.values(answers.films.truth, answers.probabilities)
            self._cells: npt.NDArray[np.integer] = np.zeros(len(each), dtype=np.intp)
            self._width = 1
            self._weights: list[npt.NDArray[np.floating] | None] = [None, each]
        else:
            self._cells, self._width, self._weights = answers.cells, self._k**2, [None]
        known = {id(attribute): attribute for attribute, _ in places}
        codes = np.stack([attribute.codes for attribute in known.values()])
        combinations, values = np.unique(codes, axis=1, return_inverse=True)
        self.values = values.ravel().astype(np.int32)
        rows = dict(zip(known, combinations, strict=True))
        inside = [rows[id(attribute)] == number for attribute, number in places]
        outside = [
            (rows[id(attribute)] >= 0) & (rows[id(attribute)] != number)
            for attribute, number in places
        ]
        self._members = np.array([*inside, *outside], dtype=np.float64)  # (2 p, combinations)

    def deficits(
        self, drawn: Iterable[npt.NDArray[np.integer]]
    ) -> tuple[npt.NDArray[np.floating], ...]:
        """The deficit of each of p slices, the metric inside and outside: (d, p) of d times `values`."""
        counts = np.stack([self._count(values) for values in drawn])
        if len(self._weights) > 1:
            sizes = counts[..., 0]
            with np.errstate(invalid="ignore", divide="ignore"):
                found = counts[..., 1] / sizes
        else:
            found = self._metric.compute(counts.reshape(*counts.shape[:-1], self._k, self._k))
            found = found[..., self._class] if self._metric.scope == "class" else found
            sizes = counts.sum(axis=-1)
        (inside, outside), (n1, n2) = (np.split(each, 2, axis=1) for each in (found, sizes))
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.where((n1 > 0) & (n2 > 0), np.sqrt(n1 * n2 / (n1 + n2)), np.nan)
        return self._sign * (outside - inside) * scale, inside, outside

    def _count(self, values: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
        """(2 p, cells) films in each slice and outside it; of means (2 p, 2), films and their sum."""
        places, size = values * self._width + self._cells, self._members.shape[1] * self._width
        parts = [np.bincount(places, weights, size) for weights in self._weights]
        return self._members @ np.concatenate(
            [part.reshape(-1, self._width) for part in parts], axis=1
        )


def _exchangeable(films: Films) -> list[npt.NDArray[np.integer]]:
    """Rows whose values may change places, one table for each number of films: (patients, films)."""
    if films.patients is None:
        return [np.arange(len(films))[:, None]]
    order = np.argsort(films.patients, kind="stable")
    starts = np.flatnonzero(np.diff(films.patients[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    return [order[starts[sizes == n][:, None] + np.arange(n)] for n in np.unique(sizes)]


def _exchanged(
    values: npt.NDArray[np.integer],
    units: Sequence[npt.NDArray[np.integer]],
    rng: np.random.Generator,
) -> npt.NDArray[np.integer]:
    """(n,) values, each table's rows in another order."""
    result = np.empty_like(values)
    for rows in units:
        result[rows] = rng.permutation(values[rows])
    return result
