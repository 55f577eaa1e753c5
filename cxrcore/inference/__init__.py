"""Prediction and explanation of films by stored runs.

`Worker` does it for the pages in a process of its own, so that they never load TensorFlow;
`predict_here` does it in this process, `batch` for many films in either. `child` is the worker's
process and `models` what both compute. The separate process is there for memory, speed and
crashes; it is no sandbox: it runs with the same rights, and both ends trust each other. What is
not trusted, the files, is decoded elsewhere (`cxrcore.films`).
"""

from cxrcore.films import Decoder, Film, Wait
from cxrcore.inference.decision import Decision, decision
from cxrcore.inference.models import Models, predict_here
from cxrcore.inference.prediction import Prediction
from cxrcore.inference.series import Row, batch, films_in
from cxrcore.inference.worker import Worker

__all__ = [
    "Decision",
    "Decoder",
    "Film",
    "Models",
    "Prediction",
    "Row",
    "Wait",
    "Worker",
    "batch",
    "decision",
    "films_in",
    "predict_here",
]
