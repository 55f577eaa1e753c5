"""The record of one metric."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cxrcore.metrics.uncertainty import FilmMean, Ranking, Share

Basis = Literal["confusion", "predictions", "run", "maps"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: key of its values in records, tables and tracking.
        title: its name for readers.
        symbol: short form of the title, for the head of a column.
        noun: the title within a sentence; "" for the title without its capital.
        claim: what a model does that is better than another, in a sentence before "than", with
            "{class_name}" for the class; "" for "has a higher ..." or "has a lower ...".
        basis: what it is computed from. "confusion": confusion matrices (..., k, k); "predictions":
            true classes (n,) and probabilities (n, k); "run": the record of a run; "maps": maps of
            a run's test films, of which the run has the result.
        scope: "overall", one number; "class", one for each class.
        better: whether larger ("up") or smaller ("down") values are better; None for neither.
        compute: from its basis, for "maps" the run, to a number (of several matrices to (...)
            numbers), or for scope "class" to (k,) or (..., k) numbers; NaN: undefined; None: the
            run does not know it.
        interval: for basis "maps", from the run to the ends of its 95 % interval, or None.
        weighted: for basis "predictions", from true classes, probabilities and weights (d, n) to the
            values of d samples that hold each image so often, (d,) or (d, k). None: `compute` is
            called for each sample, which takes longer.
        uncertainty: how its interval and the differences of two models are found. None: by bootstrap,
            and by permutation where it follows from the confusion matrix.
        meaning: one sentence for readers who are not statisticians.
        absent: for basis "maps", how to get a value that a run does not know: a command, with
            "{run_id}" for the run.
        source: paper or definition; "" for what is in every textbook.
        format: format specification of Python.
        unit: "" for plain numbers.
        bounds: least and greatest possible value.
        shown: whether tables show it from the start.
        summed: whether the runs of a family add up (time) instead of being averaged.
    """

    name: str
    title: str
    symbol: str
    noun: str = ""
    claim: str = ""
    basis: Basis
    scope: Literal["overall", "class"] = "overall"
    better: Literal["up", "down"] | None = "up"
    compute: Callable[..., Any]
    interval: Callable[[Any], tuple[float, float] | None] | None = None
    weighted: Callable[..., Any] | None = None
    uncertainty: Share | Ranking | FilmMean | None = None
    meaning: str
    absent: str = ""
    source: str = ""
    format: str = ".3f"
    unit: str = ""
    bounds: tuple[float, float] = (0.0, 1.0)
    shown: bool = False
    summed: bool = False

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.format.endswith("d")

    @property
    def help(self) -> str:
        """The meaning, which direction is better, and the source."""
        direction = {"up": "Higher is better.", "down": "Lower is better.", None: ""}[self.better]
        return " ".join(filter(None, (self.meaning, direction, self.source)))

    @property
    def spoken(self) -> str:
        """The title within a sentence: "accuracy", "AUC"."""
        return self.noun or self.title[0].lower() + self.title[1:]

    def text(self, value: float | None) -> str:
        """A value as text; "–" where it is missing."""
        if value is None or np.isnan(value):
            return "–"
        return f"{value:{self.format}} {self.unit}".rstrip()


def column(metric: Metric, class_name: str = "") -> str:
    """The column of a metric in tables of runs: "accuracy", "recall[COVID-19]"."""
    return f"{metric.name}[{class_name}]" if class_name else metric.name
