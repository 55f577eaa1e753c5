"""Numbers computed from a run's predictions; nothing here needs the model.

`METRICS` is the registry: one record for each metric, which all tables, cards and commands read.
"""

from cxrcore.metrics.families import Estimate, Member, Summary, pooled, summarise
from cxrcore.metrics.record import Metric, column
from cxrcore.metrics.registry import METRICS, select
from cxrcore.metrics.scores import ClassMetrics, Metrics, evaluate, normalised

__all__ = [
    "METRICS",
    "ClassMetrics",
    "Estimate",
    "Member",
    "Metric",
    "Metrics",
    "Summary",
    "column",
    "evaluate",
    "normalised",
    "pooled",
    "select",
    "summarise",
]
