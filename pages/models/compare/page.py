"""Compare page: runs side by side — table, confusion matrices, reports, curves."""

import json

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from cxrcore import figures, store
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.images import REGION_NAMES
from cxrcore.models.fields import WEIGHTS_NAMES
from cxrcore.store import Run
from pages.models.compare import confusion, families, family_table, report, trash
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
    usable = _together(usable, family_table.table(dataset.name), wanted)
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
        alt="Table of the trained runs with their test figures",
    )
    rows = sorted(event["selection"]["rows"])
    st.caption(
        "Measured on the test images, which were not trained on; *Leaks* counts those that are "
        "known from training all the same. Tick runs to compare them below. "
        "*Published* is what the study reported on its own data: its caveat is in the report below."
    )
    st.download_button(
        "Download the table",
        usable.to_csv(index=False),
        "runs.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
    )
    runs: list[Run | Family] = []
    for row in rows:
        name, members = usable["run_id"][row], usable["run_ids"][row]
        try:
            runs.append(cache.run(name) if pd.isna(members) else families.load(name, members))
        except CxrError as error:
            st.warning(str(error))
    return runs


def _together(runs: pd.DataFrame, told: pd.DataFrame, wanted: list[str]) -> pd.DataFrame:
    """The runs with families as one row each, unless single runs of one are asked for."""
    if told.empty:
        return families.rows(runs, told)
    inside = {run_id for ids in told["run_ids"] for run_id in json.loads(ids)}
    every = st.toggle(
        "Every run by itself",
        value=bool(inside.intersection(wanted)),
        key=f"every_{','.join(wanted)}",
        help="Folds of a cross-validation and seeds of one training are one row otherwise, with "
        "their mean.",
    )
    return families.rows(runs, told.head(0) if every else told)


def _shown(table: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The columns that people compare, best accuracy first."""
    recalls = pd.DataFrame(
        [
            dict(zip(map(_recall_of, json.loads(names)), json.loads(recalls), strict=False))
            for names, recalls in zip(table["classes"], table["recalls"], strict=True)
        ],
        columns=_class_columns(table),
        index=table.index,
    )
    shown = pd.DataFrame(
        {
            "Run": table["run_id"],
            "Sees": [
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
            "Macro F1": table["macro_f1"],
            "Loss": table["loss"],
        }
    )
    if table["run_ids"].isna().all():
        shown = shown.drop(columns=["Runs", "±", "95 % interval"])
    shown = pd.concat([shown, recalls], axis=1)
    shown["Starts from"] = [
        _start(recipe, used)
        for recipe, used in zip(table["recipe"], table["weights_used"], strict=True)
    ]
    shown["Parameters"] = table["parameters"]
    shown["Training"] = table["seconds"]
    shown["Trained"] = pd.to_datetime(table["created"])
    return shown


def _start(recipe: str, used: str) -> str:
    if published := store.instead_of(recipe, used):
        return f"⚠ {used} (published: {WEIGHTS_NAMES.get(published, published)})"
    return WEIGHTS_NAMES.get(used, used)


def _leaking(number: object) -> str:
    if pd.isna(number):
        return "not checked"
    return f"⚠ {number:,} images" if number else "none"


def _class_columns(table: pd.DataFrame) -> list[str]:
    """Of all classes of all runs: folders may have been added or taken away in between."""
    return list(dict.fromkeys(_recall_of(c) for row in table["classes"] for c in json.loads(row)))


def _recall_of(label: str) -> str:
    return f"Recall {label}"


def _columns(table: pd.DataFrame) -> dict[str, ColumnConfig]:
    number = st.column_config.NumberColumn
    columns: dict[str, ColumnConfig] = {
        name: number(format="%.3f")
        for name in ("Accuracy", "Macro F1", "Loss", *_class_columns(table))
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
        help="Test images that are known from training: the same patient or a duplicate is there "
        "too. Their run's figures are too good. Not checked: trained before this was counted. "
        "Imported: what the weights were trained on is unknown."
    )
    columns["Starts from"] = st.column_config.TextColumn(
        help="The weights before the training. ⚠: random ones, where the study used pretrained "
        "ones; the figures then say little about the published model."
    )
    columns["Parameters"] = number(format="compact")
    columns["Training"] = number(format="%.0f s")
    columns["Trained"] = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    return columns


def _marks(chosen: list[Run | Family]) -> None:
    """What a reader must know before trusting the figures."""
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
        + (" Of several runs told as one: their mean after each epoch." if mean else "")
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
