"""Confusion matrices side by side; a click on a cell shows its images."""

from collections.abc import Sequence

import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.store import Run
from pages.models.compare import families
from pages.models.compare.families import Family
from pages.shared import charts, run_marks, thumbnails
from pages.shared.text import literal, plural

PREDICTED_IMAGES = 24


def show(runs: Sequence[Run | Family], dataset: Dataset) -> None:
    """Draw a matrix for each run or family, and the images of the cell that is clicked."""
    st.subheader("Confusion matrices")
    share = st.segmented_control(
        "Cells show",
        ["Images", "Share of the true class"],
        default="Images",
        required=True,
        key="cells",
    )
    clicked: tuple[Run | Family, str, str] | None = None
    grid = charts.halves() if len(runs) > 1 else None
    for run in runs:
        with grid.cell() if grid else st.container(width=620):
            clicked = _confusion(run, share == "Share of the true class") or clicked
    if clicked:
        _cell_images(*clicked, dataset)
    else:
        st.caption("Click a cell to see its images.")


def _confusion(run: Run | Family, normalise: bool) -> tuple[Run | Family, str, str] | None:
    if isinstance(run, Family):
        name, test = run.name, run.test
        st.markdown(families.headline(run), help=families.tooltip(run))
    else:
        name, test = run.run_id, run.metrics["test"]
        st.markdown(
            f"**{name}**{run_marks.badge(run)}  \n"
            f":small[test accuracy {test.accuracy:.3f}, {test.n} images]",
            help=run_marks.tooltip(run),
        )
    event = st.altair_chart(
        figures.confusion_chart(test.confusion, run.classes, normalise=normalise),
        key=f"confusion_{name}_{normalise}",
        on_select="rerun",
        alt=f"Confusion matrix of {name} on the test images",
    )
    cells = event["selection"]["cell"]
    return (run, cells[0]["true"], cells[0]["predicted"]) if cells else None


def _cell_images(run: Run | Family, true: str, predicted: str, dataset: Dataset) -> None:
    name = run.name if isinstance(run, Family) else run.run_id
    found = run.predictions()
    found = found[
        (found["split"] == "test") & (found["label"] == true) & (found["predicted"] == predicted)
    ]
    found = found.sort_values(f"p_{predicted}", ascending=False)
    found = found.drop_duplicates("image_id")  # seeds of one training share test images
    with st.container(border=True):
        verdict = "correctly" if true == predicted else "wrongly"
        st.markdown(
            f"**{name}**: {plural(len(found), 'image')} of *{literal(true)}* {verdict} predicted as "
            f"*{literal(predicted)}*, the most confident first"
        )
        if found.empty:
            return
        thumbnails.grid(
            dataset,
            found["image_id"].head(PREDICTED_IMAGES).tolist(),
            [f"{p:.0%} {predicted}" for p in found[f"p_{predicted}"].head(PREDICTED_IMAGES)],
            open_in=thumbnails.LIVE,
            key=f"cell_{name}",
        )
        if len(found) > PREDICTED_IMAGES:
            st.caption(f"The first {PREDICTED_IMAGES} of {len(found)}.")
