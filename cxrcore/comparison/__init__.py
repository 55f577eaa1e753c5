"""Runs and families compared on the films that all were tested on: which is better, and is it sure?

    chosen = comparison.subjects(["cnn-plain-0123abcd", "cnn-five-4567ef01"])
    found = comparison.compare(chosen, "recall", "COVID-19")
    comparison.verdict(found, titles).text

How, and why so: docs/decisions/0046. Results are kept in the store by their content (`kept`). `heavy`
says what is too much for the dashboard's process; `cxrcore.work` has a job for that.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from cxrcore.comparison import compute, kept, own_films, patients
from cxrcore.comparison.records import LEVEL, Common, Comparison, Figure, Pair
from cxrcore.comparison.subjects import Subject, check_classes, subjects
from cxrcore.comparison.wording import Verdict, reasons, sentence, verdict
from cxrcore.progress import Meter, Report, silent

__all__ = [
    "LEVEL",
    "Common",
    "Comparison",
    "Figure",
    "Pair",
    "Subject",
    "Verdict",
    "compare",
    "heavy",
    "intervals",
    "load",
    "load_intervals",
    "reasons",
    "sentence",
    "subjects",
    "verdict",
]

_LIGHT_SECONDS, _SECONDS_A_RUN, _SECONDS_A_FILM = 0.3, 0.04, 3e-5  # of a processor, measured


def compare(
    compared: Sequence[Subject], metric: str = "accuracy", class_name: str = ""
) -> Comparison:
    """Figures, pairs and ranks of one metric on the films in common; kept for the next time.

    The order of the subjects does not matter, and the same predictions give the same result.

    Args:
        compared: one or more subjects.
        metric: a metric of predictions in `METRICS` that has a better direction.
        class_name: of a metric of scope "class", else "".

    Raises:
        ComparisonError: classes differ, no film is in common, or there is no such metric or class.
        StoreError: predictions are missing or damaged.
    """
    if (found := load(compared, metric, class_name)) is not None:
        return found
    ordered, known = _facts(compared)
    found = compute.computed(ordered, metric, class_name, known)
    file = kept.path(ordered, known, "comparison", metric, class_name)
    kept.write(file, found.model_dump(mode="json"))
    return found


def load(compared: Sequence[Subject], metric: str, class_name: str = "") -> Comparison | None:
    """What `compare` kept; None if there is nothing. Arguments and errors as there."""
    compute.chosen(metric, class_name, check_classes(compared))
    ordered, known = _facts(compared)
    found = kept.read(kept.path(ordered, known, "comparison", metric, class_name))
    try:
        return Comparison.model_validate(found)
    except ValidationError:
        return None


def intervals(compared: Sequence[Subject], *, report: Report = silent) -> pd.DataFrame:
    """Every figure with its 95 % interval, each subject on all of its own test films; kept.

    Args:
        compared: one or more subjects; each is kept on its own.
        report: receives how many are done; may raise to stop.

    Returns:
        Indexed by name; for every column of a metric of predictions (`metrics.column`) the value, and
        with "_low" and "_high" the bounds, NaN where they are undefined. Of a family the mean.

    Raises:
        StoreError: predictions are missing or damaged.
    """
    rows: dict[str, own_films.Row] = {}
    films = None
    meter = Meter("computing intervals", len(compared), report)
    for done, subject in enumerate(compared):
        meter.update(done)
        file, known = _own(subject)
        if (row := kept.read(file)) is None:
            row, films = own_films.figures(subject, known, films)
            kept.write(file, row)
        rows[subject.name] = row
    return _frame(rows)


def load_intervals(compared: Sequence[Subject]) -> pd.DataFrame | None:
    """What `intervals` kept; None unless it is there for all subjects."""
    rows = {subject.name: kept.read(_own(subject)[0]) for subject in compared}
    return None if any(row is None for row in rows.values()) else _frame(rows)


def heavy(compared: Sequence[Subject]) -> bool:
    """Whether comparing takes the processor for more than about 0.3 s, unless it was kept."""
    runs = [run for subject in compared for run in subject.runs]
    films = sum(run.metrics["test"].n for run in runs)
    return len(runs) * _SECONDS_A_RUN + films * _SECONDS_A_FILM > _LIGHT_SECONDS


def _facts(compared: Sequence[Subject]) -> tuple[list[Subject], patients.Patients]:
    """The subjects in an order of their own, and the patients of their films."""
    ordered = sorted(compared, key=lambda subject: subject.name)
    return ordered, patients.find(run for subject in ordered for run in subject.runs)


def _own(subject: Subject) -> tuple[Path, patients.Patients]:
    known = patients.find(subject.runs)
    return kept.path([subject], known, "intervals"), known


def _frame(rows: dict[str, own_films.Row]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float).rename_axis("name")
