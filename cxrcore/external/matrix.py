"""Trained on x, tested on y: figures of external tests beside those of the home test."""

from dataclasses import replace

import numpy as np
import pandas as pd

from cxrcore import store
from cxrcore.comparison import Subject, patients
from cxrcore.comparison.compute import chosen
from cxrcore.comparison.figures import Judged
from cxrcore.comparison.films import align
from cxrcore.errors import StoreError
from cxrcore.metrics import Metric
from cxrcore.metrics.uncertainty import Answers, Films, Ranking, Share
from cxrcore.statistics import estimate
from cxrcore.statistics.estimate import Estimate
from cxrcore.store import Run
from cxrcore.store.differences import left_out, tested_on, trained_on

COLUMNS = {
    "run_id": "str",
    "home": "str",
    "trained_on": "str",
    "tested_on": "str",
    "source": "str",
    "classes": "object",
    "films": "int64",
    "left_out": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "home_value": "float64",
    "drop": "float64",
    "drop_low": "float64",
    "drop_high": "float64",
}


def table(metric: str = "accuracy", class_name: str = "") -> pd.DataFrame:
    """One row an external test, and one with its own test films for each run that has any.

    Columns: run_id (of the test), home (the run), trained_on, tested_on, source (that
    was left out of the training and, in its own dataset, tested; else ""), classes (that have films
    there: averages are those of these), films, left_out, value, low and high (95 % interval),
    home_value (on the home test films of the same classes), drop (what is lost elsewhere: home_value
    less value, of a loss value less home_value), drop_low and drop_high; NaN where undefined. The newest first.

    Args:
        metric: a metric of predictions in `METRICS` that has a better direction.
        class_name: of a metric of scope "class", else ""; runs without that class are left out.

    Raises:
        ComparisonError: there is no such metric.
        StoreError: predictions are missing or damaged.
    """
    rows = []
    for run in store.runs():
        if run.home and (not class_name or class_name in run.classes):
            rows.append(row(run, metric, class_name))
    homes = {str(row["home"]) for row in rows if row["home_value"] is not None}
    for name in sorted(homes):
        own = store.load_run(name)
        elsewhere = any(each["home"] == name and not each["source"] for each in rows)
        source = "" if elsewhere else own.split.without_source or ""
        rows.append(row(own, metric, class_name) | {"source": source})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def matrix(tests: pd.DataFrame) -> pd.DataFrame:
    """The values of `table`, a row a run and a column a dataset; of several tests the newest."""
    newest = tests.drop_duplicates(["home", "tested_on"])
    return newest.pivot(index="home", columns="tested_on", values="value")


def row(run: Run, metric: str, class_name: str) -> dict[str, object]:
    """The row of `table` of an external test, or of a run and its own test films."""
    record, number = chosen(metric, class_name, run.classes)
    answers = _answers(run)
    present = np.unique(answers.films.truth)
    here = _figure(record, number, answers, present)
    found: dict[str, object] = {
        "run_id": run.run_id,
        "home": run.home.run_id if run.home else run.run_id,
        "trained_on": trained_on(run),
        "tested_on": tested_on(run),
        "source": left_out(run),
        "classes": [run.classes[place] for place in present],
        "films": len(answers.films),
        "left_out": len(run.removed),
        "value": here.value,
        "low": here.low,
        "high": here.high,
        "home_value": None,
    }
    home = _home(run)
    if home is None:
        return found
    there = _figure(record, number, _of_classes(_answers(home), present), present)
    drop = estimate.unpaired(*((there, here) if record.better == "up" else (here, there)))
    found |= {"home_value": there.value, "drop": drop.value}
    return found | {"drop_low": drop.low, "drop_high": drop.high}


def _home(run: Run) -> Run | None:
    """The run that is tested; None where it was deleted, or this is its own test."""
    try:
        return store.load_run(run.home.run_id) if run.home else None
    except StoreError:
        return None


def _answers(run: Run) -> Answers:
    subject = Subject(run.run_id, (run,))
    [found] = align([subject], patients.find([run])).answers[run.run_id]
    return found


def _of_classes(answers: Answers, present: np.ndarray) -> Answers:
    """The answers about films of some classes."""
    films, kept = answers.films, np.isin(answers.films.truth, present)
    names = None if films.patients is None else films.patients[kept]
    return Answers(Films(films.truth[kept], names, films.seed), answers.probabilities[kept])


def _figure(record: Metric, number: int, answers: Answers, present: np.ndarray) -> Estimate:
    """A figure; an average over classes is that over those that are present."""
    none = np.zeros(len(answers.films))
    if not len(answers.films):
        return Estimate(np.nan, np.nan, np.nan, none)
    kind = record.uncertainty
    if isinstance(kind, Share | Ranking) and kind.mean:
        each = replace(kind, mean="") if isinstance(kind, Share) else replace(kind, mean=False)
        parts = [each.estimate(answers, int(place)) for place in present]
        return estimate.mean(parts, answers.films.patients)
    judged = Judged(record, number, (answers,))
    low, high = judged.interval
    return Estimate(judged.value, low, high, none)
