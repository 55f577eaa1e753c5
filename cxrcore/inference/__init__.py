"""Prediction and explanation of single images by stored runs.

`Worker` does it for the pages in a process of its own, so that they never load TensorFlow;
`predict_here` does it in this process. `child` is the worker's process and `models` what both
compute. The separate process is there for memory, speed and crashes; it is no sandbox: it runs
with the same rights, and both ends trust each other.
"""

from cxrcore.inference.models import Models, predict_here
from cxrcore.inference.prediction import Prediction
from cxrcore.inference.worker import Worker

__all__ = ["Models", "Prediction", "Worker", "predict_here"]
