"""The values of all registered metrics for one set of predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from cxrcore.errors import CxrError
from cxrcore.metrics.record import Metric, column
from cxrcore.metrics.registry import select
from cxrcore.metrics.uncertainty import Answers, Films, Share


class _Values(BaseModel):
    """Values of metrics by name, as attributes and in JSON; None where a metric is undefined."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, float | None]

    def value(self, name: str) -> float | None:
        """The value of a metric; None where it is undefined or not known."""
        return getattr(self, name, None)

    def knows(self, metrics: Sequence[Metric]) -> bool:
        """Whether all of the metrics have been computed, defined or not."""
        return all(hasattr(self, metric.name) for metric in metrics)


class ClassMetrics(_Values):
    """The metrics of one class, or their average over the classes.

    `support` is the number of images whose true class this is; for an average that of all images.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Metrics(_Values):
    """All metrics of one set of predictions.

    The confusion matrix and the names of the classes are enough to make one: what follows from them
    is filled in, also in records of version 0.4, which lack newer metrics. `confusion[i][j]` counts
    images of class i (row, true) that were predicted as class j (column). `macro` is the mean over
    the classes, `weighted` the mean by their images; classes for which a metric is undefined are
    left out of its means.
    """

    n: int
    accuracy: float
    loss: float  # mean cross-entropy in nats
    classes: list[ClassMetrics]
    macro: ClassMetrics
    weighted: ClassMetrics
    confusion: list[list[int]]

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """What is given, and what follows from it; without a usable matrix what is given."""
        if not isinstance(given, Mapping):
            return given
        try:
            counts = np.array(given["confusion"], dtype=np.int64)
            rows = [{**row} for row in given["classes"]]
        except (KeyError, TypeError, ValueError, OverflowError):
            return given
        if counts.shape != (len(rows), len(rows)) or counts.sum() < 1 or counts.min() < 0:
            raise ValueError("confusion must be a square of counts, one row and column a class")
        return _merged({**_derived(counts, rows), **_averages(counts, rows)}, given)

    def columns(self) -> dict[str, float | None]:
        """Every registered metric by its column in tables of runs, see `registry.column`."""
        overall = {metric.name: self.value(metric.name) for metric in _of_images("overall")}
        return overall | {
            column(metric, row.name): row.value(metric.name)
            for metric in _of_images("class")
            for row in self.classes
        }

    def intervals(self, metric: Metric) -> list[tuple[float, float] | None]:
        """The 95 % interval of a metric, for one of scope "class" in class order.

        None where it is undefined or does not follow from the confusion matrix. Images count as independent, which those of
        one patient are not: the truth is wider.
        """
        k = len(self.classes)
        places = range(k if metric.scope == "class" else 1)
        if not isinstance(metric.uncertainty, Share):
            return [None for _ in places]
        cells = np.repeat(np.arange(k * k), np.ravel(self.confusion))
        answers = Answers(Films(cells // k), np.eye(k)[cells % k])
        found = [metric.uncertainty.estimate(answers, place) for place in places]
        return [(each.low, each.high) if np.isfinite(each.low) else None for each in found]

    @property
    def complete(self) -> bool:
        """Whether every registered metric of predictions has been computed."""
        overall, by_class = _of_images("overall"), _of_images("class")
        return self.knows(overall) and all(row.knows(by_class) for row in self.classes)

    def completed(self, computed: "Metrics") -> "Metrics":
        """These values, and where a metric is not known that of `computed`.

        Raises:
            CxrError: the classes differ.
        """
        names, others = ([row.name for row in each.classes] for each in (self, computed))
        if names != others:
            raise CxrError(
                f"Metrics of {others} cannot complete those of {names}. Compute them anew."
            )
        return Metrics.model_validate(_merged(computed.model_dump(), self.model_dump()))


def evaluate(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, class_names: Sequence[str]
) -> Metrics:
    """Compute all registered metrics of predictions.

    Args:
        y_true: (n,) class numbers, 0 to k-1.
        probabilities: (n, k) shares, 0..1; the largest of a row is the prediction.
        class_names: the k classes in column order.

    Raises:
        CxrError: the arrays do not fit each other, are empty, or hold
            class numbers or probabilities that cannot be.

    >>> evaluate([0, 1], [[0.9, 0.1], [0.2, 0.8]], ["A", "B"]).accuracy
    1.0
    """
    truth, shares = _checked(y_true, probabilities, class_names)
    k = len(class_names)
    cells = np.bincount(truth * k + shares.argmax(axis=1), minlength=k * k).reshape(k, k)
    rows: list[dict[str, Any]] = [{"name": name} for name in class_names]
    for metric in select("predictions", scope="class"):
        for row, value in zip(rows, metric.compute(truth, shares), strict=True):
            row[metric.name] = _known(value)
    overall = select("predictions")
    values = {metric.name: _known(metric.compute(truth, shares)) for metric in overall}
    return Metrics.model_validate({**values, "classes": rows, "confusion": cells.tolist()})


def normalised(confusion: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(k, k) shares of the true class: each row sums to 1, or to 0 where a class has no image.

    >>> normalised([[3, 1], [0, 0]]).tolist()
    [[0.75, 0.25], [0.0, 0.0]]
    """
    counts = np.asarray(confusion, dtype=np.float64)
    return counts / counts.sum(axis=1, keepdims=True).clip(min=1)


def _of_images(scope: Any) -> list[Metric]:
    """The metrics of a scope that are computed from predictions, by way of the matrix or not."""
    return select("confusion", "predictions", scope=scope)


def _derived(counts: npt.NDArray[np.int64], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What follows from the confusion matrix; the rows of the classes are filled in place."""
    true = counts.sum(axis=1)
    for row, support in zip(rows, true, strict=True):
        row.setdefault("support", int(support))
    for metric in select("confusion", scope="class"):
        for row, value in zip(rows, metric.compute(counts), strict=True):
            row.setdefault(metric.name, _known(value))
    values = {metric.name: _known(metric.compute(counts)) for metric in select("confusion")}
    return {**values, "n": int(counts.sum()), "classes": rows}


def _averages(
    counts: npt.NDArray[np.int64], rows: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The plain mean over the classes and the one weighted by their images."""
    true = counts.sum(axis=1)
    found = {}
    for name, weights in (("macro", np.ones(len(rows))), ("weighted", true)):
        average: dict[str, Any] = {"name": f"{name} average", "support": int(counts.sum())}
        for metric in _of_images("class"):
            if all(metric.name in row for row in rows):
                values = np.array([row[metric.name] for row in rows], dtype=float)
                average[metric.name] = _known(_mean(values, weights))
        found[name] = average
    return found


def _mean(values: npt.NDArray[np.float64], weights: npt.NDArray[Any]) -> float:
    defined = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[defined], weights=weights[defined])) if defined.any() else np.nan


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, also inside the rows of classes and averages; `over` wins."""
    merged = {**base, **over}
    for name in ("macro", "weighted"):
        if name in base and isinstance(over.get(name), Mapping):
            merged[name] = {**base[name], **over[name]}
    merged["classes"] = [
        {**row, **other} for row, other in zip(base["classes"], over["classes"], strict=True)
    ]
    return merged


def _known(value: Any) -> float | None:
    """As JSON can hold it: None where it is undefined."""
    return float(value) if np.isfinite(value) else None


def _checked(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, class_names: Sequence[str]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    truth = np.asarray(y_true)
    shares = np.asarray(probabilities, dtype=np.float64)
    k = len(class_names)
    if truth.ndim != 1 or shares.shape != (len(truth), k) or len(truth) == 0:
        raise CxrError(
            f"An evaluation needs (n,) true classes and (n, {k}) probabilities, with n of 1 or "
            f"more. Received: {truth.shape} and {shares.shape}. Give one row an image and one "
            f"column a class ({', '.join(class_names)})."
        )
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= k:
        raise CxrError(
            f"True classes must be whole numbers from 0 to {k - 1}. "
            f"Received: {np.unique(truth)[:5].tolist()} ({truth.dtype}). Turn labels into class "
            "numbers by their place in the class names first."
        )
    if not np.isfinite(shares).all() or shares.min() < -1e-6 or shares.max() > 1 + 1e-3:
        raise CxrError(
            "Probabilities must lie between 0 and 1. Received values from "
            f"{shares.min()} to {shares.max()}. If the model's weights are not numbers any more, "
            "train it again with a lower learning rate."
        )
    return truth.astype(np.intp), shares
