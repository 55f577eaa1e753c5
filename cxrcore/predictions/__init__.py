"""Predictions of any model, made anywhere, as a run without a network.

    table = predictions.read("swin.csv")                          # CSV, Parquet or JSON lines
    found = predictions.match(table, dataset, predictions.divide(dataset))   # nothing is kept yet
    runs = predictions.keep(found, "Our Swin-T")                  # one run, or one a fold

Which columns a file may have: `columns`; an empty one to fill in: `template`.
"""

from cxrcore.predictions.columns import KINDS, Kind
from cxrcore.predictions.division import divide, template
from cxrcore.predictions.ensemble import ensemble
from cxrcore.predictions.matching import Matched, match
from cxrcore.predictions.reading import SUFFIXES, Table, read
from cxrcore.predictions.run_record import keep

__all__ = [
    "KINDS",
    "SUFFIXES",
    "Kind",
    "Matched",
    "Table",
    "divide",
    "ensemble",
    "keep",
    "match",
    "read",
    "template",
]
