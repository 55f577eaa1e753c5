"""The test metrics of one run, by class and overall, with their caveats."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.metrics import select
from cxrcore.store import Run
from pages.models.compare import metric_columns, training
from pages.shared import reported, run_marks
from pages.shared.text import literal


def show(run: Run, dataset: Dataset) -> None:
    """Draw the report of one run.

    Args:
        run: with its files in the store.
        dataset: for the pictures of leaking images.
    """
    test = run.metrics["test"]
    by_class = select("confusion", "predictions", scope="class")
    rows = [*test.classes, test.macro, test.weighted]
    report = pd.DataFrame({"Class": [row.name for row in rows]})
    for metric in by_class:
        report[metric.symbol] = pd.array([row.value(metric.name) for row in rows], dtype="Float64")
    report["Images"] = [row.support for row in rows]
    st.dataframe(
        report,
        hide_index=True,
        column_config={metric.symbol: metric_columns.number(metric) for metric in by_class},
        placeholder="—",
        alt=f"Classification report of {run.run_id}",
    )
    overall = select("confusion", "predictions")
    st.dataframe(
        pd.DataFrame(
            [(m.title, m.text(test.value(m.name)), m.help) for m in overall],
            columns=["Metric", "Value", "Meaning"],
        ),
        hide_index=True,
        column_config={"Meaning": st.column_config.TextColumn(width="large")},
        alt=f"Overall test metrics of {run.run_id}",
    )
    run_marks.details(run, dataset)
    if run.has_network:
        reported.beside(run.recipe, test, dataset)
    known = run.split_counts if run.has_network else {"test": test.n}
    counts = ", ".join(f"{n:,} {part}" for part, n in known.items())
    st.caption(f"Images: {counts}. {literal(run.split_note)}")
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
