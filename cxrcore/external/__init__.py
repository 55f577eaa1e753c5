"""External tests: what a run answers about the films of another dataset, and what it loses there.

    mapping = external.suggest(dataset.classes, run.classes)
    tested = external.evaluate(run, dataset, mapping)       # a run of the store, without a network
    external.table("recall", "COVID-19")                # trained on x, tested on y
    external.leave_one_out(recipe, dataset)             # trained without each source, tested on it

An external test is kept as a run of the other dataset: its test films are those of the other dataset,
its validation films those of home, so that thresholds and temperatures come from home
(docs/decisions/0055). Films that the run learned from, and near copies of them, are left out.
"""

from cxrcore.external.computation import evaluate, find
from cxrcore.external.mapping import OTHER, check, suggest
from cxrcore.external.matrix import matrix, table
from cxrcore.external.recalibration import FEWEST, Recalibration, recalibrate
from cxrcore.external.sources import LeftOut, frame, leave_one_out

__all__ = [
    "FEWEST",
    "OTHER",
    "LeftOut",
    "Recalibration",
    "check",
    "evaluate",
    "find",
    "frame",
    "leave_one_out",
    "matrix",
    "recalibrate",
    "suggest",
    "table",
]
