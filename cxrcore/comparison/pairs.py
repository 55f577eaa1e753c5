"""Differences of two subjects on the same films: the test and the interval that fit the figure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from cxrcore.comparison.figures import Judged, resampled
from cxrcore.metrics.uncertainty import FilmMean, Ranking, Share
from cxrcore.statistics import estimate, exchange, shares
from cxrcore.statistics.estimate import Difference

Places = Sequence[tuple[int, int]]


def differences(judged: Sequence[Judged], pairs: Places) -> list[Difference]:
    """The differences of pairs of subjects, given by their places; of undefined figures NaN.

    Of one run each: exact McNemar for shares of the same films, DeLong for areas, flipped signs for
    means of films, exchanged answers for what follows from the confusion matrix. Of several seeds,
    and for all other figures: films (and seeds) are resampled, the same for both.

    Args:
        judged: of one metric and the same films.
        pairs: (first, second) places in it.
    """
    metric, kind = judged[0].metric, judged[0].metric.uncertainty
    alone = [(i, j) for i, j in pairs if len(judged[i].answers) == len(judged[j].answers) == 1]
    flipped = _flips(judged, alone, kind) if isinstance(kind, FilmMean) else {}
    found = []
    for pair in pairs:
        first, second = (judged[place] for place in pair)
        if not np.isfinite(first.value - second.value):
            nothing = Difference(np.nan, np.nan, np.nan, None, "not tested: a figure is undefined")
            found.append(nothing)
        elif pair in alone and metric.basis == "confusion":
            found.append(_of_counts(first, second))
        elif isinstance(kind, Ranking) and first.estimate and second.estimate:
            films = first.answers[0].films
            found.append(kind.difference(first.estimate, second.estimate, films))
        else:
            found.append(_resampled(first, second, flipped.get(pair)))
    return found


def _of_counts(first: Judged, second: Judged) -> Difference:
    kind, number = first.metric.uncertainty, first.class_number
    [a], [b] = first.answers, second.answers
    k, groups = a.probabilities.shape[1], a.films.patients
    if isinstance(kind, Share) and kind.paired(k, number):
        about, hits = kind.of(a, number)
        inside = None if groups is None else groups[about]
        return shares.difference(hits[about], kind.of(b, number)[1][about], inside)
    if np.array_equal(a.called, b.called):
        return Difference(0.0, np.nan, np.nan, None, "not tested: both give the same answers")

    def figure(drawn: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        values = np.asarray(first.metric.compute(drawn.reshape(-1, k, k)))
        return values[..., number] if first.metric.scope == "class" else values

    p = exchange.swaps(a.cells, b.cells, k * k, figure, groups, seed=a.films.seed)
    if first.estimate is not None and second.estimate is not None:
        return estimate.difference(first.estimate, second.estimate, p, "permutation", groups)
    return _resampled(first, second, p)


def _flips(judged: Sequence[Judged], pairs: Places, kind: FilmMean) -> dict[tuple[int, int], float]:
    """p of means of films, all pairs with the same flips of signs."""
    if not pairs:
        return {}
    films = judged[0].answers[0].films
    values = np.array([kind.values(films.truth, each.answers[0].probabilities) for each in judged])
    firsts, seconds = np.transpose(pairs)
    p = exchange.sign_flips(values[firsts] - values[seconds], films.patients, seed=films.seed)
    return dict(zip(pairs, p.tolist(), strict=True))


def _resampled(first: Judged, second: Judged, p: float | None = None) -> Difference:
    """From replicates of the same samples; without a test that fits better by their spread.

    The share of replicates beyond 0 would never be small enough for Holm over many pairs.
    """
    units = first.answers[0].films.units
    replicates = first.replicates, second.replicates
    moved = replicates[0] - replicates[1]
    spread = float(np.nanstd(moved)) if np.isfinite(moved).any() else 0.0
    value = first.value - second.value
    if not spread:
        return Difference(value, np.nan, np.nan, p, "not tested: no spread is seen")
    method = "permutation; bootstrap interval"
    if p is None:
        p = 2 * float(stdtr(max(1, units - 1), -abs(value) / spread))
        method = max(first, second, key=lambda each: len(each.answers)).method
        method = f"paired {method}"
    low, high = resampled(value, moved, units)
    return Difference(value, low, high, p, method)
