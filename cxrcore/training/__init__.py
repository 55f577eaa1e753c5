"""Train a recipe on a dataset: plan it without TensorFlow, then train, evaluate and store the run.

    plan -> TrainSpec -> train -> Run in the store

`train` returns an existing run at once, and continues from a checkpoint.
"""

from cxrcore.training.monitor import TrainingProgress
from cxrcore.training.plan import TrainSpec, estimate, pace, plan
from cxrcore.training.series import MOST_REPEATS, plan_series
from cxrcore.training.session import train

__all__ = [
    "MOST_REPEATS",
    "TrainSpec",
    "TrainingProgress",
    "estimate",
    "pace",
    "plan",
    "plan_series",
    "train",
]
