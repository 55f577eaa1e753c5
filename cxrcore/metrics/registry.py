"""Every metric of the project, one record each: `METRICS`.

Tables, cards, commands, tracking and pages read these records. To add a metric, add a record. Its
values for runs that are already stored are computed from their predictions. A metric whose
definition changes needs a new name, because runs keep values by name (docs/decisions/0043).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cxrcore.metrics import calibration, counts, f1, ranking

Basis = Literal["confusion", "predictions", "run", "maps"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: key of its values in records, tables and tracking.
        title: its name for readers.
        symbol: short form of the title, for the head of a column.
        basis: what it is computed from. "confusion": the (k, k) confusion matrix; "predictions":
            true classes (n,) and probabilities (n, k); "run": the record of a run; "maps":
            explanations.
        scope: "overall", one number; "class", one for each class.
        better: whether larger ("up") or smaller ("down") values are better; None for neither.
        compute: from its basis to a number, or for scope "class" to (k,) numbers; NaN: undefined.
        meaning: one sentence for readers who are not statisticians.
        source: paper or definition; "" for what is in every textbook.
        format: format specification of Python.
        unit: "" for plain numbers.
        bounds: least and greatest possible value.
        interval: from the confusion matrix to the 95 % interval, (low, high), or for scope "class"
            one for each class; NaN: undefined. None: there is none.
        shown: whether tables show it from the start.
        summed: whether the runs of a family add up (time) instead of being averaged.
    """

    name: str
    title: str
    symbol: str
    basis: Basis
    scope: Literal["overall", "class"] = "overall"
    better: Literal["up", "down"] | None = "up"
    compute: Callable[..., Any]
    meaning: str
    source: str = ""
    format: str = ".3f"
    unit: str = ""
    bounds: tuple[float, float] = (0.0, 1.0)
    interval: Callable[..., Any] | None = None
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

    def text(self, value: float | None) -> str:
        """A value as text; "–" where it is missing."""
        if value is None or np.isnan(value):
            return "–"
        return f"{value:{self.format}} {self.unit}".rstrip()


def column(metric: Metric, class_name: str = "") -> str:
    """The column of a metric in tables of runs: "accuracy", "recall[COVID-19]"."""
    return f"{metric.name}[{class_name}]" if class_name else metric.name


def select(*bases: Basis, scope: Literal["overall", "class"] = "overall") -> list[Metric]:
    """The metrics of a scope, in the order of the registry; `bases` keeps those computed from them."""
    found = [metric for metric in METRICS.values() if metric.scope == scope]
    return [metric for metric in found if not bases or metric.basis in bases]


def mean_defined(values: npt.ArrayLike) -> float:
    """The mean of those that are not NaN; NaN if all are."""
    values = np.asarray(values, float)
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


_METRICS = (
    Metric(
        name="accuracy",
        title="Accuracy",
        symbol="Accuracy",
        basis="confusion",
        compute=counts.accuracy,
        interval=counts.accuracy_interval,
        meaning="Share of the images whose predicted class is the true one.",
        shown=True,
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        symbol="Balanced acc.",
        basis="confusion",
        compute=counts.balanced_accuracy,
        meaning="Mean recall of the classes, so that rare classes count as much as common ones.",
        source="Brodersen et al. 2010, doi 10.1109/ICPR.2010.764.",
        shown=True,
    ),
    Metric(
        name="macro_f1",
        title="Macro F1",
        symbol="Macro F1",
        basis="confusion",
        compute=lambda matrix: counts.f1(matrix).mean(),
        interval=f1.macro_interval,
        meaning="Mean F1 of the classes, each counting the same.",
        shown=True,
    ),
    Metric(
        name="macro_precision",
        title="Macro precision",
        symbol="Macro precision",
        basis="confusion",
        compute=lambda matrix: counts.precision(matrix).mean(),
        meaning="Mean precision of the classes, each counting the same.",
    ),
    Metric(
        name="macro_recall",
        title="Macro recall",
        symbol="Macro recall",
        basis="confusion",
        compute=lambda matrix: counts.recall(matrix).mean(),
        meaning="Mean recall of all classes; a class without test images counts as 0.",
    ),
    Metric(
        name="mcc",
        title="Matthews correlation",
        symbol="MCC",
        basis="confusion",
        compute=counts.matthews,
        meaning="Correlation of predicted and true classes: 1 is perfect, 0 no better than chance.",
        source="Gorodkin 2004, doi 10.1016/j.compbiolchem.2004.09.006.",
        bounds=(-1.0, 1.0),
    ),
    Metric(
        name="macro_auc",
        title="Macro AUC",
        symbol="Macro AUC",
        basis="predictions",
        compute=lambda *predictions: mean_defined(ranking.auc(*predictions)),
        meaning="Mean AUC of the classes that can be ranked against the rest; 0.5 is chance.",
        source="Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747.",
        shown=True,
    ),
    Metric(
        name="macro_average_precision",
        title="Macro average precision",
        symbol="Macro AP",
        basis="predictions",
        compute=lambda *predictions: mean_defined(ranking.average_precision(*predictions)),
        meaning="Mean average precision of the classes that have test images.",
    ),
    Metric(
        name="loss",
        title="Log loss",
        symbol="Log loss",
        basis="predictions",
        better="down",
        compute=calibration.log_loss,
        meaning="Cross-entropy in nats: how improbable the model thought the true classes.",
        bounds=(0.0, float("inf")),
        shown=True,
    ),
    Metric(
        name="brier",
        title="Brier score",
        symbol="Brier",
        basis="predictions",
        better="down",
        compute=calibration.brier,
        meaning="Mean squared error of the probabilities, summed over the classes: 0 to 2.",
        source="Brier 1950, Monthly Weather Review 78, 1-3.",
        bounds=(0.0, 2.0),
    ),
    Metric(
        name="ece",
        title="Calibration error (ECE)",
        symbol="ECE",
        basis="predictions",
        better="down",
        compute=calibration.calibration_error,
        meaning="How far the confidence in the predicted class is from the share that is correct; 0 "
        "also where few images show no more than chance would.",
        source="Root mean square, debiased: Kumar et al. 2019, arXiv:1909.10155.",
        shown=True,
    ),
    Metric(
        name="recall",
        title="Recall (sensitivity)",
        symbol="Recall",
        basis="confusion",
        scope="class",
        compute=counts.recall,
        interval=counts.recall_intervals,
        meaning="Share of the images of this class that are recognised.",
        shown=True,
    ),
    Metric(
        name="precision",
        title="Precision",
        symbol="Precision",
        basis="confusion",
        scope="class",
        compute=counts.precision,
        interval=counts.precision_intervals,
        meaning="Share of the images predicted as this class that are of it.",
    ),
    Metric(
        name="f1",
        title="F1",
        symbol="F1",
        basis="confusion",
        scope="class",
        compute=counts.f1,
        interval=f1.class_intervals,
        meaning="Harmonic mean of precision and recall.",
    ),
    Metric(
        name="specificity",
        title="Specificity",
        symbol="Specificity",
        basis="confusion",
        scope="class",
        compute=counts.specificity,
        interval=counts.specificity_intervals,
        meaning="Share of the images of other classes that are not taken for this one.",
    ),
    Metric(
        name="auc",
        title="AUC",
        symbol="AUC",
        basis="predictions",
        scope="class",
        compute=ranking.auc,
        meaning="Chance that an image of this class is ranked above one of another class.",
        source="Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747.",
    ),
    Metric(
        name="average_precision",
        title="Average precision",
        symbol="AP",
        basis="predictions",
        scope="class",
        compute=ranking.average_precision,
        meaning="Mean precision over all thresholds; chance scores the share of the class.",
    ),
    Metric(
        name="parameters",
        title="Parameters",
        symbol="Parameters",
        basis="run",
        better=None,
        compute=lambda run: run.parameters,
        meaning="Numbers that the network consists of.",
        format=",d",
        bounds=(0.0, float("inf")),
        shown=True,
    ),
    Metric(
        name="seconds",
        title="Training time",
        symbol="Training",
        basis="run",
        better=None,
        compute=lambda run: run.seconds,
        meaning="How long the training took on its machine.",
        format=".0f",
        unit="s",
        bounds=(0.0, float("inf")),
        shown=True,
        summed=True,
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
