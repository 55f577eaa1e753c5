"""Compare page: runs side by side: table, confusion matrices, reports, curves."""

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from cxrcore import figures, store
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.images import REGION_NAMES
from cxrcore.metrics import Metric
from cxrcore.models.fields import WEIGHTS_NAMES
from cxrcore.store import Run
from pages.models.compare import confusion, families, family_table, metric_columns, report, trash
from pages.models.compare.families import Family
from pages.shared import cache, charts, reported, run_marks

MOST_SIDE_BY_SIDE = 3


def main() -> None:
    """Draw the page."""
    st.title("Compare models")
    dataset = cache.chosen_dataset()
    table = cache.runs_table(dataset.name)
    if table.empty:
        st.info(
            f"No model has been trained on **{dataset.name}** yet. Choose one in the sidebar and press **Train**: "
            "it appears here when it is finished.",
            icon=":material/arrow_back:",
        )
        trash.show(())
        st.stop()
    chosen = _choose_runs(table, dataset)
    trash.show(families.runs_of(chosen))
    if not chosen:
        st.info(
            "Tick at least one run in the table to see its confusion matrix, report and curves."
        )
        st.stop()
    _marks(chosen)
    confusion.show(chosen, dataset)
    _reports(chosen, dataset)
    _curves(chosen)


def _choose_runs(table: pd.DataFrame, dataset: Dataset) -> list[Run | Family]:
    """The table of runs; those ticked (or named in the address) in the table's order."""
    usable = table[table["state"] == "ok"].reset_index(drop=True)
    for row in table[table["state"] != "ok"].itertuples():
        trash.damaged(str(row.run_id), str(row.state))
    wanted = st.query_params.get("runs", "").split(",")
    usable = _with_families(usable, family_table.table(dataset.name), wanted)
    default = [i for i, run_id in enumerate(usable["run_id"]) if run_id in wanted]
    default = default or list(range(min(MOST_SIDE_BY_SIDE, len(usable))))
    event = st.dataframe(
        _shown(usable, dataset),
        hide_index=True,
        key="runs_" + "_".join(map(str, default)) + f"_{len(usable)}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": default, "columns": [], "cells": []}},
        column_config=_columns(usable),
        placeholder="—",
        alt="Table of the trained runs with their test metrics",
    )
    rows = sorted(event["selection"]["rows"])
    st.caption(
        "Measured on the test images, which were not trained on; *Leaks* counts those that are "
        "known from training nevertheless. Tick runs to compare them below. More metrics are in the "
        "menu of columns above the table. "
        "*Published* is what the study reported on its own data; its caveat is in the report below."
    )
    st.download_button(
        "Download the table",
        usable.drop(columns=["classes", "run_ids"]).to_csv(index=False),
        "runs.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
    )
    runs: list[Run | Family] = []
    for row in rows:
        name, members = usable["run_id"][row], usable["run_ids"][row]
        try:
            single = not isinstance(members, list)
            runs.append(cache.run(name) if single else families.load(name, members))
        except CxrError as error:
            st.warning(str(error))
    return runs


def _with_families(runs: pd.DataFrame, several: pd.DataFrame, wanted: list[str]) -> pd.DataFrame:
    """The runs, with one row per family unless its single runs are chosen."""
    if several.empty:
        return families.rows(runs, several)
    members = set(several["run_ids"].explode())
    every = st.toggle(
        "Every run by itself",
        value=bool(members.intersection(wanted)),
        key=f"every_{','.join(wanted)}",
        help="Otherwise the folds of a cross-validation and the seeds of one training are one row, "
        "with their mean.",
    )
    return families.rows(runs, several.head(0) if every else several)


def _shown(table: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The columns to compare, the newest run first."""
    shown = pd.DataFrame(
        {
            "Run": table["run_id"],
            "Region": [
                f"{REGION_NAMES.get(region, region)}, {size} px"
                for region, size in zip(table["region"], table["image_size"], strict=True)
            ],
            "Runs": table["members"].fillna("1 run"),
            "Accuracy": table["accuracy"],
            "±": ["" if pd.isna(spread) else f"{spread:.3f}" for spread in table["spread"]],
            "95 % interval": table["interval"].fillna(""),
            "Leaks": [
                _leaking(number) if pd.isna(file) else "imported"
                for number, file in zip(table["leaking"], table["imported"], strict=True)
            ],
            "Published": [reported.accuracy(name, dataset) for name in table["recipe"]],
        }
    )
    if table["run_ids"].isna().all():
        shown = shown.drop(columns=["Runs", "±", "95 % interval"])
    metrics = _metric_columns(table)
    tested = {name: table[name] for name, m in metrics.items() if m.basis != "run"}
    shown = shown.assign(**{metric_columns.title(name): values for name, values in tested.items()})
    shown["Starts from"] = [
        _start(recipe, used)
        for recipe, used in zip(table["recipe"], table["weights_used"], strict=True)
    ]
    for name, metric in metrics.items():
        if metric.basis == "run":
            shown[metric.symbol] = table[name]
    shown["Trained"] = pd.to_datetime(table["created"])
    return shown


def _metric_columns(table: pd.DataFrame) -> dict[str, Metric]:
    """The columns of `store.list_runs` that hold metrics, those of the images before those of classes.

    Of all classes of all runs: folders of a dataset may have been added or removed in between.
    """
    found = {name: metric for name in table if (metric := metric_columns.of(name))}
    return dict(sorted(found.items(), key=lambda item: item[1].scope == "class"))


def _start(recipe: str, used: str) -> str:
    if published := store.missing_pretraining(recipe, used):
        return f"⚠ {used} (published: {WEIGHTS_NAMES.get(published, published)})"
    return WEIGHTS_NAMES.get(used, used)


def _leaking(number: object) -> str:
    if pd.isna(number):
        return "not checked"
    return f"⚠ {number:,} images" if number else "none"


def _columns(table: pd.DataFrame) -> dict[str, ColumnConfig]:
    number = st.column_config.NumberColumn
    columns: dict[str, ColumnConfig] = {
        metric_columns.title(name): metric_columns.number(metric, hidden=not metric.shown)
        for name, metric in _metric_columns(table).items()
    }
    columns["Run"] = st.column_config.TextColumn(width="medium", pinned=True)
    columns["±"] = st.column_config.TextColumn(help="Standard deviation over the runs.")
    columns["95 % interval"] = st.column_config.TextColumn(
        help="Of the mean accuracy, over folds or seeds; the report below says which."
    )
    columns["Published"] = number(
        format="%.3f", help="Accuracy the study reported on its own data and split."
    )
    columns["Leaks"] = st.column_config.TextColumn(
        help="Test images known from training, where the same patient or a duplicate is: the metrics of "
        "the run are too good. Not checked: trained before leaks were counted. "
        "Imported: what the weights were trained on is unknown."
    )
    columns["Starts from"] = st.column_config.TextColumn(
        help="The weights before the training. ⚠: random weights where the study used pretrained "
        "ones; the metrics then say little about the published model."
    )
    columns["Trained"] = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    return columns


def _marks(chosen: list[Run | Family]) -> None:
    """What a reader must know before trusting the metrics."""
    for run in chosen:
        if isinstance(run, Family):
            families.mark(run)
        else:
            run_marks.warning(run)


def _reports(chosen: list[Run | Family], dataset: Dataset) -> None:
    st.subheader("Classification reports")
    for tab, item in zip(st.tabs([_name(item) for item in chosen]), chosen, strict=True):
        with tab:
            if isinstance(item, Family):
                families.report(item, dataset)
            else:
                report.show(item, dataset)


def _curves(chosen: list[Run | Family]) -> None:
    st.subheader("Learning curves")
    mean = any(isinstance(item, Family) for item in chosen)
    st.caption(
        "Dotted: training images. Solid: validation images."
        + (" Of a family: the mean of its runs after each epoch." if mean else "")
    )
    trained = [item for item in chosen if isinstance(item, Family) or not item.imported]
    if len(trained) < len(chosen):
        st.caption("Imported weights were not trained here: they have no curves.")
    if not trained:
        return
    grid = charts.halves()
    histories = {_name(item): item.history() for item in trained}
    with grid.cell():
        charts.plotly(
            figures.curves(histories, "loss"), key="curve_loss", alt="Loss after each epoch"
        )
    with grid.cell():
        charts.plotly(
            figures.curves(histories, "accuracy"),
            key="curve_accuracy",
            alt="Accuracy after each epoch",
        )


def _name(item: Run | Family) -> str:
    if isinstance(item, Family):
        return run_marks.name(item.name, *item.runs)
    return run_marks.name(item.run_id, item)


main()
