"""All that a run has to say of its test figures: the report by class, and what to beware of."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.store import Run
from pages.models.compare import training
from pages.shared import reported, run_marks


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
    run_marks.details(run, dataset)
    reported.beside(run.recipe, test, dataset)
    counts = ", ".join(f"{n:,} {part}" for part, n in run.split_counts.items())
    st.caption(f"Images: {counts}. {run.split_note}")
    training.show([run], run.run_id)
    st.download_button(
        "Download the predictions",
        run.predictions().to_csv(index=False),
        f"{run.run_id}-predictions.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        key=f"download_{run.run_id}",
    )
