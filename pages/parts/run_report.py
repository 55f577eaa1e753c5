"""All that a run has to say of its test figures: the report by class, and what to beware of."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.recipes import CHANGEABLE, FAST, RECIPES, Plateau, Stopping, schedule_of
from cxrcore.store import Run
from pages.parts import leak_marks, reported
from pages.parts.words import plural


def show(run: Run, dataset: Dataset) -> None:
    """Draw the report of one run.

    Args:
        run: with its files in the store.
        dataset: for the pictures of leaking images.
    """
    test = run.metrics["test"]
    rows = [*test.classes, test.macro, test.weighted]
    report = pd.DataFrame([row.model_dump() for row in rows])
    report.columns = pd.Index(["Class", "Precision", "Recall", "F1", "Images"])
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        report,
        hide_index=True,
        column_config={"Precision": number, "Recall": number, "F1": number},
        alt=f"Classification report of {run.run_id}",
    )
    leak_marks.details(run, dataset)
    reported.beside(run.recipe, test, dataset)
    _changes(run)
    for note in run.notes:
        st.caption(note)
    counts = ", ".join(f"{n:,} {part}" for part, n in run.split_counts.items())
    st.caption(f"Images: {counts}. {run.split_note}")
    recipe = run.recipe
    if run.imported:
        st.caption(
            f"{recipe.title}: {recipe.image_size} px, {run.weights_used}, scored in "
            f"{run.precision} on {run.device}."
        )
    else:
        st.caption(
            f"{recipe.title}: {recipe.image_size} px, batch {recipe.batch_size}, {run.epochs_run} of at most {recipe.epochs} epochs, "
            f"learning rate {recipe.learning_rate:g}, weights {run.weights_used}, {run.precision} on {run.device}, "
            f"{run.images_per_second:,.0f} images/s, {run.stopped_because}."
        )
    if run.removed:
        _removed(run)
    st.download_button(
        "Download the predictions",
        run.predictions().to_csv(index=False),
        f"{run.run_id}-predictions.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        key=f"download_{run.run_id}",
    )


def _removed(run: Run) -> None:
    """Every image that this run left out, with the reason."""
    removed = pd.DataFrame([dict(row) for row in run.removed])
    with st.expander(f"{plural(len(removed), 'image')} left out of this run"):
        names = {"path": "File", "reason": "Reason"}
        st.dataframe(
            removed[list(names)].rename(columns=names),
            hide_index=True,
            column_config={"Reason": st.column_config.TextColumn(width="large")},
            alt=f"Images left out of {run.run_id}, with the reason",
        )
        st.download_button(
            "Download the list (CSV)",
            lambda: removed.to_csv(index=False),
            f"{run.run_id}-left-out.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key=f"removed_{run.run_id}",
        )


def _changes(run: Run) -> None:
    """What this run does otherwise than its study."""
    if (published := RECIPES.get(run.recipe.name)) is None:
        return
    fast = schedule_of(run.recipe) == "fast"
    changed = ["fast schedule"] if fast else []
    changed += [
        f"{field.replace('_', ' ')} {_value(getattr(run.recipe, field))} "
        f"(published: {_value(getattr(published, field))})"
        for field in (("image_size", "arm") if run.imported else CHANGEABLE)
        if not (fast and field in FAST) and getattr(run.recipe, field) != getattr(published, field)
    ]
    if changed:
        st.caption("Other than published: " + ", ".join(changed) + ".")


def _value(value: object) -> str:
    if isinstance(value, Plateau):
        return (
            f"÷{1 / value.factor:g} after {value.patience} epochs without a better {value.monitor}"
        )
    if isinstance(value, Stopping):
        return f"after {value.patience} epochs without a better {value.monitor}"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
