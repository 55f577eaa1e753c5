"""What a report says, gathered from the records of runs."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxrcore import comparison, datasets, mistakes, remarks, store, thresholds
from cxrcore.comparison import Comparison
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError
from cxrcore.figures import CLASS_CURVES, NEUTRAL, Line, run_colours
from cxrcore.metrics import METRICS
from cxrcore.mistakes import Mistakes
from cxrcore.progress import Report, silent
from cxrcore.remarks import Remark
from cxrcore.reports.checklist import Item, checklist
from cxrcore.reports.training import Trained, trained
from cxrcore.store import Run
from cxrcore.thresholds import OperatingPoint

Curves = list[tuple[str, list[Line], float]]  # kind, lines, share of films of the class


@dataclass(frozen=True)
class Content:
    """All of a report.

    Attributes:
        dataset: of the runs.
        runs: in the order of the leaderboard.
        titles, colours: by run id.
        found: their comparison; its verdict is the first sentence.
        intervals: every metric of each run, see `comparison.intervals`.
        class_name: the class that the curves and operating points are about.
        recall: wanted at the operating points.
        curves: of each kind.
        points: by run id; `without` says why others have none.
        errors: films that runs get wrong.
        trained: how, by run id.
        remarks: the gravest first.
        items: of CLAIM.
        made: when, UTC.
    """

    dataset: Dataset
    runs: Sequence[Run]
    titles: dict[str, str]
    colours: dict[str, str]
    found: Comparison
    intervals: pd.DataFrame
    class_name: str
    recall: float
    curves: Curves
    points: dict[str, OperatingPoint]
    without: dict[str, str]
    errors: Mistakes
    trained: dict[str, Trained]
    remarks: Sequence[Remark]
    items: Sequence[Item]
    made: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))


def gather(
    run_ids: Sequence[str],
    metric: str = "accuracy",
    class_name: str = "",
    recall: float = 0.95,
    *,
    report: Report = silent,
) -> Content:
    """Read and compute what a report of these runs says.

    Args:
        run_ids: of single runs on one dataset.
        metric: that the verdict speaks of; of a class if it is one of a class.
        class_name: of the curves and operating points; the first class by default.
        recall: wanted at the operating points, above 0 and at most 1.
        report: hears of the progress.

    Raises:
        ComparisonError: they have no film in common, or no such metric, class or recall.
        DatasetError: their dataset is not registered any more.
        StoreError: a run is missing or damaged.
    """
    subjects = comparison.subjects(run_ids)
    if several := [each.name for each in subjects if len(each.runs) > 1]:
        raise ComparisonError(
            f"A report is about single runs; {several[0]} is a family. Name one of its runs."
        )
    scoped = class_name if metric in METRICS and METRICS[metric].scope == "class" else ""
    found = comparison.compare(subjects, metric, scoped)
    runs = [store.load_run(figure.name) for figure in found.figures]
    dataset = datasets.current(runs[0].dataset)
    about = class_name or runs[0].classes[0]
    titles, members = store.titles(dataset.name), store.by_creation(dataset.name)
    colours = run_colours(members, members)
    points, without = _points(runs, about, recall)
    return Content(
        dataset=dataset,
        runs=runs,
        titles={run.run_id: titles.get(run.run_id, run.run_id) for run in runs},
        colours={run.run_id: colours.get(run.run_id, NEUTRAL) for run in runs},
        found=found,
        intervals=comparison.intervals(subjects, report=report),
        class_name=about,
        recall=recall,
        curves=_curves(runs, about, titles, colours, points),
        points=points,
        without=without,
        errors=mistakes.find(subjects),
        trained=trained(runs, titles, colours),
        remarks=remarks.remarks(dataset, None, runs),
        items=checklist(runs, dataset),
    )


def _points(
    runs: Sequence[Run], class_name: str, recall: float
) -> tuple[dict[str, OperatingPoint], dict[str, str]]:
    points, without = {}, {}
    for run in runs:
        try:
            points[run.run_id] = thresholds.operating_point(run, class_name, recall)
        except ComparisonError as error:
            without[run.run_id] = str(error)
    if not points and any("has no class" in text for text in without.values()):
        raise ComparisonError(next(iter(without.values())))
    return points, without


def _curves(
    runs: Sequence[Run],
    class_name: str,
    titles: dict[str, str],
    colours: dict[str, str],
    points: dict[str, OperatingPoint],
) -> Curves:
    found: Curves = []
    parts = [(run, thresholds.part(run, "test")) for run in runs if class_name in run.classes]
    for kind, drawn in CLASS_CURVES.items():
        lines, shares = [], []
        for run, part in parts:
            number = run.classes.index(class_name)
            of_class = part.truth == number
            if 0 < of_class.sum() < len(of_class):
                point = points.get(run.run_id)
                title, colour = titles.get(run.run_id, run.run_id), colours.get(run.run_id, NEUTRAL)
                lines.append(drawn.line(title, colour, part, number, point))
                shares.append(float(of_class.mean()))
        if lines:
            found.append((kind, lines, float(np.mean(shares))))
    return found
