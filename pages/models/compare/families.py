"""Families of runs: the folds of a cross-validation or the seeds of one training."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import streamlit as st

from cxrcore import store
from cxrcore.datasets import Dataset
from cxrcore.metrics import METRICS, Estimate, Metrics, Summary, pooled, select
from cxrcore.store import Run
from pages.models.compare import metric_columns, training
from pages.shared import cache, reported, run_marks
from pages.shared.text import plural

_OVER = {
    "folds": "95 % interval over the folds, wider than the plain one because the folds share "
    "training images (Nadeau and Bengio, 2003).",
    "seeds": "95 % interval over the seeds. It shows how much chance in the training matters, not "
    "how the model does on other patients: all runs are tested on the same images.",
}
_NONE = "There is none for a single run, or where all runs agree."


@dataclass(frozen=True)
class Family:
    """The runs of one family by seed and fold."""

    name: str
    runs: tuple[Run, ...]

    @property
    def classes(self) -> list[str]:
        """In the order of every run's outputs."""
        return self.runs[0].classes

    @cached_property
    def summary(self) -> Summary:
        """Mean, spread and interval."""
        return store.summary_of(self.runs)

    @cached_property
    def test(self) -> Metrics:
        """The metrics of all test predictions together."""
        return pooled([run.metrics["test"] for run in self.runs])

    @property
    def leaking(self) -> int:
        """Test images that are known from training, over all runs."""
        return sum(run.leaks.count for run in self.runs if run.leaks)

    def predictions(self) -> pd.DataFrame:
        """Those of all runs on their test images, one below the other."""
        tables = [run.predictions() for run in self.runs]
        return pd.concat([table[table["split"] == "test"] for table in tables], ignore_index=True)

    def history(self) -> pd.DataFrame:
        """The mean after each epoch, over the runs that reached it."""
        every = pd.concat([run.history() for run in self.runs])
        return every.groupby("epoch", as_index=False).mean()


def load(name: str, run_ids: Sequence[str]) -> Family:
    """A family from its row in the table.

    Raises:
        StoreError: one of its runs is missing or damaged.
    """
    return Family(name, tuple(cache.run(run_id) for run_id in run_ids))


def rows(runs: pd.DataFrame, families: pd.DataFrame) -> pd.DataFrame:
    """The runs, with one row per family in place of its members, the newest first.

    Args:
        runs: as `store.list_runs`, undamaged ones.
        families: as `family_table.table`.

    Returns:
        The columns of `runs` and besides `members` ("5 of 5 folds"), `spread` (standard deviation
        of the accuracy), `interval` (text) and `run_ids` (list), missing for single runs.
    """
    alone = runs[~runs["run_id"].isin(families["run_ids"].explode())]
    several = [
        {**row, "run_id": row["family"], "spread": row["accuracy_sd"], "state": "ok"}
        | {"interval": _interval_of_accuracy(row)}
        for row in families.to_dict("records")
    ]
    types = {**runs.dtypes, "spread": float}
    types |= dict.fromkeys(("members", "interval", "run_ids"), object)
    joined = pd.DataFrame([*several, *alone.to_dict("records")], columns=list(types)).astype(types)
    return joined.sort_values("created", ascending=False, kind="stable").reset_index(drop=True)


def _interval_of_accuracy(row: Mapping[Hashable, Any]) -> str:
    low, high = (
        None if pd.isna(row[f"accuracy_{end}"]) else row[f"accuracy_{end}"]
        for end in ("low", "high")
    )
    return Estimate(mean=None, low=low, high=high).interval


def runs_of(chosen: Sequence[Run | Family]) -> list[Run]:
    """Every run that was chosen, by itself or in a family."""
    parts = [item.runs if isinstance(item, Family) else (item,) for item in chosen]
    return [run for part in parts for run in part]


def headline(family: Family) -> str:
    """What stands above its confusion matrix, as Markdown."""
    summary = family.summary
    accuracy = summary.estimates["accuracy"]
    spread = "" if accuracy.sd is None else f" ± {accuracy.sd:.3f}"
    images = "predictions" if summary.seeds > 1 else "images"
    return (
        f"**{family.name}**{run_marks.badge(*family.runs)}  \n:small[mean test accuracy {accuracy.mean:.3f}{spread}, "
        f"{summary.members} together, {family.test.n:,} {images}]"
    )


def mark(family: Family) -> None:
    """What a reader must know before trusting the metrics."""
    summary = family.summary
    if missing := summary.wanted - summary.runs:
        st.warning(
            f"**{family.name}**: {plural(missing, 'run')} of {summary.wanted} missing. Its metrics "
            "are those of the others; until all are there, not every image has been tested."
        )
    if leaks := _leaks(family):
        st.warning(
            f"**{family.name}**: {leaks} Divide the images again (More options of the training "
            "form) for metrics to rely on.",
            icon=":material/warning:",
        )
    run_marks.random_warning(family.name, *family.runs)


def tooltip(family: Family) -> str | None:
    """What the badges of its headline mean, for `help=`; None without badges."""
    random = dict.fromkeys(map(store.random_start, family.runs))
    return " ".join(filter(None, (_leaks(family), *random))) or None


def _leaks(family: Family) -> str:
    if not family.leaking:
        return ""
    return (
        f"{plural(family.leaking, 'test image')} known from training, over all runs. The metrics are "
        "better than they would be on new patients."
    )


def report(family: Family, dataset: Dataset) -> None:
    """Draw mean, spread and interval of every metric, what was published, and the runs."""
    summary = family.summary
    table = pd.DataFrame(
        [
            (metric_columns.title(name), e.mean, e.sd, e.interval or "—")
            for name, e in summary.estimates.items()
        ],
        columns=["Metric", "Mean", "Spread", "95 % interval"],
    ).astype({"Mean": float, "Spread": float})
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "Mean": number(format="%.3f", help="Of the runs."),
            "Spread": number(format="%.3f", help="Standard deviation of the runs."),
            "95 % interval": st.column_config.TextColumn(help=f"{_OVER[summary.interval]} {_NONE}"),
        },
        placeholder="—",
        alt=f"Mean, spread and interval of the test metrics of {family.name}",
    )
    st.caption(f"{_OVER[summary.interval]} {_NONE}")
    st.caption(family.runs[0].split_note if not summary.folds else _division(family))
    reported.beside(family.runs[0].recipe, family.test, dataset)
    training.show(family.runs, family.name)
    with st.expander(f"The {plural(summary.runs, 'run')} of this family"):
        _runs(family)


def _division(family: Family) -> str:
    """How the images were divided, without the number of the fold."""
    return (
        f"{family.summary.folds} folds: every image is tested by the model that was not trained "
        f"on it. {family.runs[0].split_note.partition('. ')[2]}"
    )


def _runs(family: Family) -> None:
    ids = [run.run_id for run in family.runs]
    table = pd.DataFrame(
        {
            "Run": ids,
            "Fold": pd.array([run.split.fold for run in family.runs], dtype="Int64"),
            "Seed": [run.recipe.seed for run in family.runs],
        }
    )
    shown = [metric for metric in select("confusion", "predictions") if metric.shown]
    for metric in shown:
        table[metric.symbol] = pd.array(
            [run.metrics["test"].value(metric.name) for run in family.runs], dtype="Float64"
        )
    table["Test images"] = [run.metrics["test"].n for run in family.runs]
    table["Training"] = [run.seconds for run in family.runs]
    st.dataframe(
        table if family.summary.folds else table.drop(columns="Fold"),
        hide_index=True,
        column_config={
            **{metric.symbol: metric_columns.number(metric) for metric in shown},
            "Training": metric_columns.number(METRICS["seconds"]),
        },
        alt=f"The runs of {family.name}",
    )
    st.page_link(
        "pages/models/compare/page.py",
        label="Compare these runs one by one",
        icon=":material/unfold_more:",
        query_params={"runs": ",".join(ids)},
    )
