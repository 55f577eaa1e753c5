"""Compare page: runs side by side — table, confusion matrices, reports, curves."""

import json

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.recipes import RECIPES
from cxrcore.store import Run
from pages.parts import cached, charts, leak_marks, run_report, run_trash, thumbs
from pages.parts.words import ARM_NAMES

MOST_SIDE_BY_SIDE = 3
PREDICTED_IMAGES = 24


def main() -> None:
    """Draw the page."""
    st.title("Compare models")
    dataset = cached.chosen_dataset()
    table = cached.runs_table(dataset.name)
    if table.empty:
        st.info(
            f"No model has been trained on **{dataset.name}** yet. Choose one in the sidebar and press **Train**: "
            "it appears here when it is finished.",
            icon=":material/arrow_back:",
        )
        run_trash.show(())
        st.stop()
    chosen = _choose_runs(table)
    run_trash.show(chosen)
    if not chosen:
        st.info(
            "Tick at least one run in the table to see its confusion matrix, report and curves."
        )
        st.stop()
    _marks(chosen)
    _confusions(chosen, dataset)
    _reports(chosen, dataset)
    _curves(chosen)


def _choose_runs(table: pd.DataFrame) -> list[Run]:
    """The table of runs; those ticked (or named in the address) in the table's order."""
    usable = table[table["state"] == "ok"].reset_index(drop=True)
    for row in table[table["state"] != "ok"].itertuples():
        st.warning(f"**{row.run_id}** is left out. {row.state}")
    wanted = st.query_params.get("runs", "").split(",")
    default = [i for i, run_id in enumerate(usable["run_id"]) if run_id in wanted]
    default = default or list(range(min(MOST_SIDE_BY_SIDE, len(usable))))
    event = st.dataframe(
        _shown(usable),
        hide_index=True,
        key="runs_" + "_".join(map(str, default)) + f"_{len(usable)}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": default, "columns": [], "cells": []}},
        column_config=_columns(usable),
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
    runs: list[Run] = []
    for row in rows:
        try:
            runs.append(cached.run(usable["run_id"][row]))
        except CxrError as error:
            st.warning(str(error))
    return runs


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that people compare, best accuracy first."""
    recalls = pd.DataFrame(
        [json.loads(row) for row in table["recalls"]], columns=_class_columns(table)
    )
    shown = pd.DataFrame(
        {
            "Run": table["run_id"],
            "Sees": [
                f"{ARM_NAMES.get(arm, arm)}, {size} px"
                for arm, size in zip(table["arm"], table["image_size"], strict=True)
            ],
            "Accuracy": table["accuracy"],
            "Leaks": [_leaking(number) for number in table["leaking"]],
            "Published": [_published(name) for name in table["recipe"]],
            "Macro F1": table["macro_f1"],
            "Loss": table["loss"],
        }
    )
    shown = pd.concat([shown, recalls], axis=1)
    shown["Starts from"] = table["weights_used"]
    shown["Parameters"] = table["parameters"]
    shown["Training"] = table["seconds"]
    shown["Trained"] = pd.to_datetime(table["created"])
    return shown


def _leaking(number: object) -> str:
    if pd.isna(number):
        return "not checked"
    return f"⚠ {number:,} images" if number else "none"


def _class_columns(table: pd.DataFrame) -> list[str]:
    return [f"Recall {name}" for name in json.loads(table["classes"].iloc[0])] if len(table) else []


def _published(recipe: str) -> float | None:
    return RECIPES[recipe].reported.accuracy if recipe in RECIPES else None


def _columns(table: pd.DataFrame) -> dict[str, ColumnConfig]:
    number = st.column_config.NumberColumn
    columns: dict[str, ColumnConfig] = {
        name: number(format="%.3f")
        for name in ("Accuracy", "Macro F1", "Loss", *_class_columns(table))
    }
    columns["Run"] = st.column_config.TextColumn(width="medium", pinned=True)
    columns["Published"] = number(
        format="%.3f", help="Accuracy the study reported on its own data and split."
    )
    columns["Leaks"] = st.column_config.TextColumn(
        help="Test images that are known from training: the same patient or a duplicate is there "
        "too. Their run's figures are too good. Not checked: trained before this was counted."
    )
    columns["Parameters"] = number(format="compact")
    columns["Training"] = number(format="%.0f s")
    columns["Trained"] = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    return columns


def _marks(runs: list[Run]) -> None:
    """What a reader must know before trusting the figures."""
    for run in runs:
        leak_marks.warning(run)
        if run.weights_used == "random" and run.recipe.weights_choices != ("random",):
            st.warning(
                f"**{run.run_id}** started from random weights, not from the pretrained ones that "
                "its study used: its figures say little about the published model."
            )


def _confusions(runs: list[Run], dataset: Dataset) -> None:
    st.subheader("Confusion matrices")
    share = st.segmented_control(
        "Cells show",
        ["Images", "Share of the true class"],
        default="Images",
        required=True,
        key="cells",
    )
    clicked: tuple[Run, str, str] | None = None
    grid = charts.halves() if len(runs) > 1 else None
    for run in runs:
        with grid.cell() if grid else st.container(width=620):
            clicked = _confusion(run, share == "Share of the true class") or clicked
    if clicked:
        _cell_images(*clicked, dataset)
    else:
        st.caption("Click a cell to see its images.")


def _confusion(run: Run, normalise: bool) -> tuple[Run, str, str] | None:
    test = run.metrics["test"]
    st.markdown(
        f"**{run.run_id}**{leak_marks.badge(run)}  \n"
        f":small[test accuracy {test.accuracy:.3f}, {test.n} images]",
        help=leak_marks.tooltip(run),
    )
    event = st.altair_chart(
        figures.confusion_chart(test.confusion, run.classes, normalise=normalise),
        key=f"confusion_{run.run_id}_{normalise}",
        on_select="rerun",
        alt=f"Confusion matrix of {run.run_id} on the test images",
    )
    cells = event["selection"]["cell"]
    return (run, cells[0]["true"], cells[0]["predicted"]) if cells else None


def _cell_images(run: Run, true: str, predicted: str, dataset: Dataset) -> None:
    found = run.predictions()
    found = found[
        (found["split"] == "test") & (found["label"] == true) & (found["predicted"] == predicted)
    ]
    found = found.sort_values(f"p_{predicted}", ascending=False)
    with st.container(border=True):
        verdict = "rightly" if true == predicted else "wrongly"
        st.markdown(
            f"**{run.run_id}**: {len(found)} images of *{true}* {verdict} called *{predicted}*, the surest first"
        )
        if found.empty:
            return
        thumbs.grid(
            dataset,
            found["image_id"].head(PREDICTED_IMAGES).tolist(),
            [f"{p:.0%} {predicted}" for p in found[f"p_{predicted}"].head(PREDICTED_IMAGES)],
            link_to_live=True,
            key=f"cell_{run.run_id}",
        )
        if len(found) > PREDICTED_IMAGES:
            st.caption(f"The first {PREDICTED_IMAGES} of {len(found)}.")


def _reports(runs: list[Run], dataset: Dataset) -> None:
    st.subheader("Classification reports")
    for tab, run in zip(st.tabs([leak_marks.name(run) for run in runs]), runs, strict=True):
        with tab:
            run_report.show(run, dataset)


def _curves(runs: list[Run]) -> None:
    st.subheader("Learning curves")
    st.caption("Dotted: training images. Solid: validation images.")
    grid = charts.halves()
    histories = {leak_marks.name(run): run.history() for run in runs}
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


main()
