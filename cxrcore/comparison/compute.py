"""From subjects to figures, pairs and ranks."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from cxrcore.comparison.figures import Judged, known, over_folds, within
from cxrcore.comparison.films import Aligned, align
from cxrcore.comparison.pairs import differences
from cxrcore.comparison.patients import Patients
from cxrcore.comparison.records import LEVEL, Comparison, Figure, Pair
from cxrcore.comparison.subjects import Subject
from cxrcore.errors import ComparisonError
from cxrcore.metrics import METRICS, Metric
from cxrcore.metrics.uncertainty import Share
from cxrcore.statistics import holm, power, student
from cxrcore.statistics.estimate import Difference

# Two models that are each right on 82 % of the films, independently, answer 30 % of them differently;
# models that were trained on the same images agree more, so it is on the cautious side. Where even the
# greatest difference that it allows could not be shown, the least discordance that could is assumed.
DISCORDANCE = 0.3


def chosen(metric: str, class_name: str, classes: Sequence[str]) -> tuple[Metric, int]:
    """The record of a metric, and the number of the class (0 for a metric of all classes).

    Raises:
        ComparisonError: there is no such metric or class; the message lists those that exist.
    """
    known = [m for m in METRICS.values() if m.basis in ("confusion", "predictions") and m.better]
    found = next((each for each in known if each.name == metric), None)
    if found is None:
        raise ComparisonError(
            f"Models cannot be compared by {metric!r}. Choose one of: "
            f"{', '.join(each.name for each in known)}."
        )
    if found.scope == "overall":
        if class_name:
            raise ComparisonError(
                f"{found.title} is one figure for all classes. Leave the class {class_name!r} out."
            )
        return found, 0
    if class_name not in classes:
        raise ComparisonError(
            f"{found.title} is a figure of one class. Received: {class_name!r}. Choose one of: "
            f"{', '.join(classes)}."
        )
    return found, list(classes).index(class_name)


def computed(
    compared: Sequence[Subject], metric: str, class_name: str, patients: Patients
) -> Comparison:
    """The comparison, nothing kept; arguments and errors as `comparison.compare`."""
    aligned = align(compared, patients)
    record, number = chosen(metric, class_name, aligned.classes)
    judged = {n: Judged(record, number, answers) for n, answers in aligned.answers.items()}
    names = sorted(judged, key=lambda name: (_badness(record, judged[name].value), name))
    places = list(combinations(range(len(names)), 2))
    ordered = [judged[name] for name in names]
    if aligned.folds is None:
        found = differences(ordered, places)
        figures = [_figure(name, each) for name, each in zip(names, ordered, strict=True)]
    else:
        share = _test_share(compared)
        values = [over_folds(each, aligned.folds) for each in ordered]
        found = [student.paired_folds(values[i] - values[j], share) for i, j in places]
        folded = [student.paired_folds(each, share) for each in values]
        figures = [_of_folds(name, record, each) for name, each in zip(names, folded, strict=True)]
    pairs = _pairs(record, names, places, found)
    relevant = _relevant(record, number, aligned)
    level = LEVEL / max(1, len(pairs))
    detectable, discordance = _detectable(record, number, aligned, relevant, level)
    return Comparison(
        metric=metric,
        class_name=class_name,
        figures=tuple(
            figure.model_copy(update={"ranks": _ranks(figure, figures, pairs)})
            for figure in figures
        ),
        pairs=pairs,
        common=aligned.common,
        relevant=relevant,
        detectable=detectable,
        discordance=discordance,
        level=level,
    )


def _badness(record: Metric, value: float) -> float:
    """What figures are sorted by: the best first, undefined ones last."""
    if not np.isfinite(value):
        return np.inf
    return -value if record.better == "up" else value


def _figure(name: str, judged: Judged) -> Figure:
    low, high = within(judged.metric, *judged.interval)
    value, method = known(judged.value), judged.method
    return Figure(name=name, value=value, low=low, high=high, ranks=None, method=method)


def _of_folds(name: str, record: Metric, found: Difference) -> Figure:
    low, high = within(record, found.low, found.high)
    value, method = known(found.value), found.method.replace("test", "interval")
    return Figure(name=name, value=value, low=low, high=high, ranks=None, method=method)


def _pairs(
    record: Metric,
    names: Sequence[str],
    places: Sequence[tuple[int, int]],
    found: Sequence[Difference],
) -> tuple[Pair, ...]:
    given = [np.nan if each.p is None else each.p for each in found]
    pairs = []
    for (i, j), each, adjusted in zip(places, found, holm.adjust(given), strict=True):
        low, high = within(record, each.low, each.high, difference=True)
        pairs.append(
            Pair(
                first=names[i],
                second=names[j],
                difference=known(each.value),
                low=low,
                high=high,
                p=each.p,
                adjusted=known(adjusted),
                method=each.method,
            )
        )
    return tuple(pairs)


def _ranks(
    figure: Figure, figures: Sequence[Figure], pairs: Sequence[Pair]
) -> tuple[int, int] | None:
    """The best and worst place that are not excluded; None where the figure is undefined."""
    if figure.value is None:
        return None
    defined = sum(each.value is not None for each in figures)
    better = sum(pair.proven and pair.second == figure.name for pair in pairs)
    worse = sum(pair.proven and pair.first == figure.name for pair in pairs)
    return 1 + better, defined - worse


def _relevant(record: Metric, number: int, aligned: Aligned) -> int:
    """How many films the figure is about; of figures that depend on the model those of the class."""
    truth, kind = aligned.films.truth, record.uncertainty
    k = len(aligned.classes)
    if isinstance(kind, Share) and kind.paired(k, number):
        return int(kind.about(k, number)[truth, 0].sum())
    return int((truth == number).sum()) if record.scope == "class" else len(truth)


def _detectable(
    record: Metric, number: int, aligned: Aligned, relevant: int, level: float
) -> tuple[float | None, float]:
    """The smallest difference that could be shown, and the discordance that is assumed."""
    kind = record.uncertainty
    alone = all(len(answers) == 1 for answers in aligned.answers.values())
    exact = isinstance(kind, Share) and kind.paired(len(aligned.classes), number)
    if not exact or not alone or aligned.folds is not None:
        return None, DISCORDANCE
    for discordance in np.arange(DISCORDANCE, 1.01, 0.05):
        if found := power.smallest_difference(relevant, level, min(1.0, float(discordance))):
            return found, round(float(discordance), 2)
    return None, 1.0


def _test_share(compared: Sequence[Subject]) -> float:
    """Test films by training films, the mean over the folds."""
    runs = [run for subject in compared for run in subject.runs]
    return float(np.mean([r.metrics["test"].n / r.split_counts["train"] for r in runs]))
