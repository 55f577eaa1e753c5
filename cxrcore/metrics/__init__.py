"""Numbers computed from a run's predictions; nothing here needs the model."""

from cxrcore.metrics.families import Estimate, Member, Summary, pooled, summarise
from cxrcore.metrics.scores import ClassMetrics, Metrics, evaluate, normalised

__all__ = [
    "ClassMetrics",
    "Estimate",
    "Member",
    "Metrics",
    "Summary",
    "evaluate",
    "normalised",
    "pooled",
    "summarise",
]
