"""A comparison as a notebook shows it: sentences and pandas frames."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from cxrcore import comparison, store
from cxrcore.comparison import Common
from cxrcore.store import Run


@dataclass(frozen=True)
class Compared:
    """Runs compared by one figure; a notebook shows the verdict and the figures.

    Attributes:
        verdict: which run is better, in one or two sentences.
        sure: whether the run that it begins with is proven better than every other.
        figures: one row a run, the best first: title, value, low and high (95 %), best_rank, worst_rank
            and method.
        pairs: one row for each two runs: first, second, difference, low, high, p, adjusted (after
            Holm), proven, method and sentence.
        common: the films: how many, patients, and what limits the comparison.
    """

    verdict: str
    sure: bool
    figures: pd.DataFrame
    pairs: pd.DataFrame
    common: Common

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in self.common.reasons)
        line = f"{html.escape(self.verdict)} ({self.common.films:,} films)"
        return f"<p>{line}</p>{self.figures.to_html()}<ul>{reasons}</ul>"


def compare(runs: Sequence[str | Run], metric: str = "accuracy", class_name: str = "") -> Compared:
    """Which run is better on the films that all were tested on, and whether that is sure.

    Args:
        runs: runs, their ids, or names of families.
        metric: a figure in METRICS.
        class_name: of a figure of one class, such as recall.

    Raises:
        StoreError: there is no such run, or it is damaged.
        ComparisonError: classes differ, no film is in common, or there is no such metric or class.
    """
    names = [run.run_id if isinstance(run, Run) else run for run in runs]
    found = comparison.compare(comparison.subjects(names), metric, class_name)
    titles = store.titles()
    told = comparison.verdict(found, titles)
    table = pd.DataFrame([figure.model_dump() for figure in found.figures]).set_index("name")
    ranks = pd.DataFrame(table.pop("ranks").tolist(), columns=["best_rank", "worst_rank"])
    table.insert(0, "title", [titles.get(name, name) for name in table.index])
    table[list(ranks)] = ranks.astype("Int64").to_numpy()
    pairs = pd.DataFrame(
        [
            pair.model_dump()
            | {"proven": pair.proven, "sentence": comparison.sentence(pair, found, titles)}
            for pair in found.pairs
        ]
    )
    common = found.common.model_copy(update={"reasons": comparison.reasons(found, titles)})
    return Compared(told.text, told.sure, table, pairs, common)
