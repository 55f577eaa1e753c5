"""Families of runs: the folds of a cross-validation or the seeds of one training."""

import pandas as pd
import streamlit as st

from cxrcore import store
from cxrcore.datasets import Dataset
from cxrcore.metrics import METRICS, select
from pages.models.compare import metric_columns, training
from pages.shared import reported, run_marks
from pages.shared.entries import Family
from pages.shared.text import literal, plural

_OVER = {
    "folds": "95 % interval over the folds, wider than the plain one because the folds share "
    "training images (Nadeau and Bengio, 2003).",
    "seeds": "95 % interval over the seeds. It shows how much chance in the training matters, not "
    "how the model does on other patients: all runs are tested on the same images.",
}
_NONE = "There is none for a single run, or where all runs agree."


def mark(family: Family, title: str) -> None:
    """What a reader must know before trusting the metrics.

    Args:
        family: of several runs.
        title: what it is called, as plain text.
    """
    summary, name = family.summary, literal(title)
    if missing := summary.wanted - summary.runs:
        st.warning(
            f"**{name}**: {plural(missing, 'run')} of {summary.wanted} missing. Its metrics "
            "are those of the others; until all are there, not every image has been tested."
        )
    if leaks := _leaks(family):
        st.warning(
            f"**{name}**: {leaks} Divide the images again (More options of the training "
            "form) for metrics to rely on.",
            icon=":material/warning:",
        )
    run_marks.random_warning(title, *family.runs)


def tooltip(family: Family) -> str | None:
    """What the badges of a family mean, for `help=`; None without badges."""
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
    st.caption(literal(family.runs[0].split_note if not summary.folds else _division(family)))
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
