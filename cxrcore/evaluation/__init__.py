"""Numbers computed from a run's predictions; nothing here needs the model."""

from cxrcore.evaluation.metrics import ClassMetrics, Metrics, evaluate, normalised

__all__ = ["ClassMetrics", "Metrics", "evaluate", "normalised"]
