"""Predict and explain in a process of its own, so that the pages never load TensorFlow.

`Worker` is the pages' end: it starts one child process, which keeps the networks
loaded, and asks it. `child` is the other end, `models` what the child does (and `predict_here` does it here).
The process is there for memory, speed and crashes; it is no sandbox: it runs with
the same rights, and both ends trust each other.
"""

from cxrcore.inference.models import predict_here
from cxrcore.inference.prediction import Prediction
from cxrcore.inference.worker import Worker

__all__ = ["Prediction", "Worker", "predict_here"]
