"""Several runs shown as one: folds of a cross-validation, seeds of one training."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import streamlit as st

from cxrcore import store
from cxrcore.datasets import Dataset
from cxrcore.metrics import Estimate, Metrics, Summary, pooled
from cxrcore.store import Run
from pages.models.compare import training
from pages.shared import cache, reported, run_marks
from pages.shared.text import plural

_OVER = {
    "folds": "95 % interval over the folds, wider than the plain one because the folds share "
    "training images (Nadeau and Bengio, 2003).",
    "seeds": "95 % interval over the seeds. It tells how much chance in the training matters, not "
    "how the model does on other patients: all runs are tested on the same images.",
}
_NONE = "None where it can't be told: one run so far, or runs that all agree."


@dataclass(frozen=True)
class Family:
    """The runs of one family by seed and fold, as one thing to compare."""

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
        """The figures of all test predictions together."""
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
        """The mean of the runs after each epoch, of those that got so far."""
        every = pd.concat([run.history() for run in self.runs])
        return every.groupby("epoch", as_index=False).mean()


def load(name: str, run_ids: str) -> Family:
    """A family from its row in the table.

    Raises:
        StoreError: one of its runs is missing or damaged.
    """
    return Family(name, tuple(cache.run(run_id) for run_id in json.loads(run_ids)))


def rows(runs: pd.DataFrame, families: pd.DataFrame) -> pd.DataFrame:
    """The runs with each family as one row in place of its members, the newest first.

    Args:
        runs: as `store.list_runs`, undamaged ones.
        families: as `cached_families.table`.

    Returns:
        The columns of `runs` and besides `members` ("5 of 5 folds"), `spread` (standard deviation
        of the accuracy), `interval` (text) and `run_ids` (JSON list), missing for single runs.
    """
    inside = {run_id for ids in families["run_ids"] for run_id in json.loads(ids)}
    alone = runs[~runs["run_id"].isin(inside)]
    told = families.rename(columns={"family": "run_id", "accuracy_sd": "spread"})
    told = told.assign(
        members=[members(row) for row in families.to_dict("records")],
        interval=[
            interval(Estimate(mean=row.accuracy, low=_known(row.low), high=_known(row.high)))
            for row in families.rename(
                columns={"accuracy_low": "low", "accuracy_high": "high"}
            ).itertuples()
        ],
        loss=[
            runs.loc[runs["run_id"].isin(json.loads(ids)), "loss"].mean()
            for ids in families["run_ids"]
        ],
        recalls=[json.dumps([e["mean"] for e in json.loads(text)]) for text in families["recalls"]],
        state="ok",
    )
    columns = [*runs.columns, "members", "spread", "interval", "run_ids"]
    texts = dict.fromkeys(("members", "interval", "run_ids"), object)
    parts = [part.reindex(columns=columns).astype(texts) for part in (told, alone)]
    if told.empty or alone.empty:  # pandas warns of columns that one of the parts lacks
        return (parts[1] if told.empty else parts[0]).reset_index(drop=True)
    joined = pd.DataFrame(
        [*parts[0].to_dict("records"), *parts[1].to_dict("records")], columns=columns
    )
    return joined.sort_values("created", ascending=False, kind="stable").reset_index(drop=True)


def runs_of(chosen: Sequence[Run | Family]) -> list[Run]:
    """Every run that was chosen, by itself or in a family."""
    parts = [item.runs if isinstance(item, Family) else (item,) for item in chosen]
    return [run for part in parts for run in part]


def members(row: dict[str, Any]) -> str:
    """How many runs of how many, from a row of `store.families`."""
    if pd.isna(row["folds"]):
        return f"{row['runs']} seeds"
    if row["seeds"] > 1:
        return f"{row['runs']} of {row['wanted']}: {row['folds']} folds × {row['seeds']} seeds"
    return f"{row['runs']} of {row['folds']} folds"


def interval(estimate: Estimate) -> str:
    """The 95 % interval as text; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def headline(family: Family) -> str:
    """What stands above its confusion matrix, as Markdown."""
    accuracy = family.summary.accuracy
    spread = "" if accuracy.sd is None else f" ± {accuracy.sd:.3f}"
    images = "predictions" if family.summary.seeds > 1 else "images"
    return (
        f"**{family.name}**{run_marks.badge(*family.runs)}  \n:small[mean test accuracy {accuracy.mean:.3f}{spread}, "
        f"{members(family.summary.model_dump())} together, {family.test.n:,} {images}]"
    )


def mark(family: Family) -> None:
    """What a reader must know before trusting the figures."""
    told = family.summary
    if missing := told.wanted - told.runs:
        st.warning(
            f"**{family.name}**: {plural(missing, 'run')} of {told.wanted} missing. Its figures "
            "are those of the others; until all are there, not every image has been tested."
        )
    if leaks := _leaks(family):
        st.warning(
            f"**{family.name}**: {leaks} Divide the images anew (More options of the training "
            "form) for figures to rely on.",
            icon=":material/warning:",
        )
    run_marks.random_warning(family.name, *family.runs)


def tooltip(family: Family) -> str | None:
    """What the badges of its headline mean, for `help=`; None where there is none."""
    random = dict.fromkeys(map(store.random_start, family.runs))
    return " ".join(filter(None, (_leaks(family), *random))) or None


def _leaks(family: Family) -> str:
    if not family.leaking:
        return ""
    return (
        f"{plural(family.leaking, 'test image')} known from training, over all runs. Figures are "
        "better than they would be on new patients."
    )


def report(family: Family, dataset: Dataset) -> None:
    """Draw mean, spread and interval of every figure, what was published, and the runs."""
    told = family.summary
    figures = [("Accuracy", told.accuracy), ("Macro F1", told.macro_f1)]
    figures += [
        (f"Recall {name}", estimate)
        for name, estimate in zip(family.classes, told.recalls, strict=True)
    ]
    table = pd.DataFrame(
        [(name, e.mean, e.sd, interval(e) or "—") for name, e in figures],
        columns=["Figure", "Mean", "Spread", "95 % interval"],
    ).astype({"Spread": "float64"})
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "Mean": number(format="%.3f", help="Of the runs."),
            "Spread": number(format="%.3f", help="Standard deviation of the runs."),
            "95 % interval": st.column_config.TextColumn(help=f"{_OVER[told.interval]} {_NONE}"),
        },
        alt=f"Mean, spread and interval of the test figures of {family.name}",
    )
    st.caption(f"{_OVER[told.interval]} {_NONE}")
    st.caption(family.runs[0].split_note if not told.folds else _division(family))
    reported.beside(family.runs[0].recipe, family.test, dataset)
    training.show(family.runs, family.name)
    with st.expander(f"The {plural(told.runs, 'run')} of this family"):
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
            "Accuracy": [run.metrics["test"].accuracy for run in family.runs],
            "Macro F1": [run.metrics["test"].macro.f1 for run in family.runs],
            "Test images": [run.metrics["test"].n for run in family.runs],
            "Training": [run.seconds for run in family.runs],
        }
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table if family.summary.folds else table.drop(columns="Fold"),
        hide_index=True,
        column_config={
            "Accuracy": number(format="%.3f"),
            "Macro F1": number(format="%.3f"),
            "Training": number(format="%.0f s"),
        },
        alt=f"The runs of {family.name}",
    )
    st.page_link(
        "pages/models/compare/page.py",
        label="Compare these runs one by one",
        icon=":material/unfold_more:",
        query_params={"runs": ",".join(ids)},
    )


def _known(value: float) -> float | None:
    return None if pd.isna(value) else value
