"""Operating points: the threshold that catches a class as often as wanted, and what it costs.

Chosen on validation films, measured on test films. Files of a run are read in `subject`.
"""

from cxrcore.thresholds.choice import ROUNDING, Choice, choose
from cxrcore.thresholds.cost import Cost, PerThousand, measure, per_thousand
from cxrcore.thresholds.subject import OperatingPoint, Part, operating_point, part, temperature
from cxrcore.thresholds.wording import promise, sentence

__all__ = [
    "ROUNDING",
    "Choice",
    "Cost",
    "OperatingPoint",
    "Part",
    "PerThousand",
    "choose",
    "measure",
    "operating_point",
    "part",
    "per_thousand",
    "promise",
    "sentence",
    "temperature",
]
