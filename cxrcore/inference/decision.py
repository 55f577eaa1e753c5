"""What a run answers once what people set for it is taken into account."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore import store
from cxrcore.inference.prediction import Prediction
from cxrcore.metrics.decision import calibrated, decide


@dataclass(frozen=True)
class Decision:
    """An answer.

    Attributes:
        answer: the class, by the run's operating points.
        shares: (k,) probabilities, calibrated where the run has a temperature.
        temperature: that it has, or None.
        thresholds: class -> least probability, of the classes it knows.
    """

    answer: str
    shares: npt.NDArray[np.floating]
    temperature: float | None
    thresholds: dict[str, float]


def decision(prediction: Prediction) -> Decision:
    """What a run answers; the thresholds are those of calibrated probabilities.

    Args:
        prediction: without an error.

    Raises:
        StoreError: what people said about the run is damaged.
    """
    said = store.annotation(prediction.run_id)
    shares = calibrated(prediction.probabilities, said.temperature)
    known = {name: t for name, t in said.thresholds.items() if name in prediction.classes}
    return Decision(decide(shares, prediction.classes, known), shares, said.temperature, known)
