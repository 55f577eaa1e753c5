"""What the curves of one class show, for pages and reports: the points, the axes, what they mean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cxrcore.figures.class_curves import Axes, Line
from cxrcore.metrics import curves
from cxrcore.metrics.curves import Curve
from cxrcore.thresholds import OperatingPoint, Part

_MOST = 400  # points of a line
_AT = np.linspace(0, 0.95, 96)  # probabilities at which the net benefit is drawn
_DIAGONAL = ([0, 1], [0, 1])

Points = Callable[[Part, int, OperatingPoint | None], dict[str, object]]


@dataclass(frozen=True)
class Kind:
    """A kind of curve.

    Attributes:
        axes: of the share of films that are of the class, 0..1.
        points: the fields of a `Line` that follow from the films.
        text: what it shows, for readers.
    """

    axes: Callable[[float], Axes]
    points: Points
    text: str

    def line(
        self, title: str, colour: str, part: Part, number: int, point: OperatingPoint | None
    ) -> Line:
        """A model's curve.

        Args:
            title: of the model; `colour` its own.
            part: test films of the class and others.
            number: of the class.
            point: its operating point, if there is one.
        """
        return Line(title, colour, **self.points(part, number, point))  # type: ignore[arg-type]


def _roc(part: Part, number: int, point: OperatingPoint | None) -> dict[str, object]:
    curve = curves.roc(part.truth == number, part.probabilities[:, number])
    marked = None
    if point is not None:
        marked = (1 - point.cost.specificity.value, point.cost.recall.value)
    return _thinned(curve) | {"marked": marked}


def _precision(part: Part, number: int, point: OperatingPoint | None) -> dict[str, object]:
    curve = curves.precision_recall(part.truth == number, part.probabilities[:, number])
    marked = None
    if point is not None and not np.isnan(point.cost.precision.value):
        marked = (point.cost.recall.value, point.cost.precision.value)
    return _thinned(curve) | {"marked": marked}


def _calibration(part: Part, number: int, _: OperatingPoint | None) -> dict[str, object]:
    found = curves.reliability(part.truth == number, part.probabilities[:, number], part.groups)
    texts = [f"({films:,} films)" for films in found.films]
    ends = {"low": found.low, "high": found.high}
    return {"x": found.probability, "y": found.share, "texts": texts} | ends


def _benefit(part: Part, number: int, point: OperatingPoint | None) -> dict[str, object]:
    positive, scores = part.truth == number, part.probabilities[:, number]
    marked = None
    if point is not None and point.choice.threshold < 1:
        at = point.choice.threshold
        marked = (at, float(curves.net_benefit(positive, scores, np.array([at]))[0]))
    return {"x": _AT, "y": curves.net_benefit(positive, scores, _AT), "marked": marked}


def _thinned(curve: Curve) -> dict[str, object]:
    """At most so many points of a curve with one for each film; the ends stay."""
    rows = np.unique(np.linspace(0, len(curve.x) - 1, min(len(curve.x), _MOST)).round().astype(int))
    return {"x": curve.x[rows], "y": curve.y[rows]}


def _benefit_axes(share: float) -> Axes:
    everyone = share - (1 - share) * _AT / (1 - _AT)
    references = {"call every film": (_AT, everyone), "call none": (_AT, np.zeros(len(_AT)))}
    ends = (-0.05, max(0.1, share * 1.1))
    return Axes("Acting from this probability on", "Net benefit per film", references, y_range=ends)


CLASS_CURVES = {
    "ROC": Kind(
        lambda _: Axes(
            "False alarms: 1 − specificity", "Recall", {"chance": _DIAGONAL}, steps=True
        ),
        _roc,
        "Dots: the operating points. The closer to the top left, the better.",
    ),
    "Precision and recall": Kind(
        lambda share: Axes("Recall", "Precision", {"chance": ([0, 1], [share, share])}),
        _precision,
        "Dots: the operating points. With a rare class this says more than ROC.",
    ),
    "Calibration": Kind(
        lambda _: Axes(
            "Probability given", "Share of films of the class", {"calibrated": _DIAGONAL}
        ),
        _calibration,
        "Of films that were given a probability, so many should be of the class. Bins of about equally "
        "many test films, with 95 % intervals.",
    ),
    "Net benefit": Kind(
        _benefit_axes,
        _benefit,
        "What acting on the model is worth, if one missed film is as bad as (1 − t) / t false alarms "
        "(decision curve, Vickers and Elkin 2006). Above both dotted lines it helps.",
    ),
}
