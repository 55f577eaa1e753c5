"""Sweeps: one recipe trained with many values of its fields, and which of them is best."""

from cxrcore.sweeps.plan import MOST_RUNS, estimate, plan_sweep, values_of
from cxrcore.sweeps.record import Sweep, read, save, sweeps
from cxrcore.sweeps.trials import Trial, histories, trials, verdict

__all__ = [
    "MOST_RUNS",
    "Sweep",
    "Trial",
    "estimate",
    "histories",
    "plan_sweep",
    "read",
    "save",
    "sweeps",
    "trials",
    "values_of",
    "verdict",
]
