"""Lung masks page: which images have one, and what each way of masking leaves of an image."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures, jobs, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.pixels import Preparation
from pages.data.masks import mask_cache, masked_image
from pages.data.masks.mask_cache import UNUSABLE, WITH, WITHOUT, States
from pages.shared import cache, charts, details, thumbnails, waiting
from pages.shared.text import literal, plural

STRIP = 12  # images without a usable mask that are shown
HEADS = {
    "path": "File",
    "label": "Class",
    "source": "Source",
    "reason": "Reason",
}
# Reads every mask; most models and the histograms use the same pixels.
CHECK = Preparation(224, "lungs")
COLOURS = {WITH: figures.PALETTE[2], UNUSABLE: figures.PALETTE[1], WITHOUT: figures.NEUTRAL}


def main() -> None:
    """Draw the page."""
    st.title("Lung masks")
    dataset = cache.chosen_dataset()
    measured = cache.measured_index(dataset)
    table = cache.images(dataset, measured)
    details.remarks(dataset, measured)
    st.markdown(
        "A lung mask says which pixels of an image are lung. With masks a model can be trained on "
        "the lungs alone, and it can be tested whether it scores **without** seeing them."
    )
    if dataset.table["mask"].isna().all():
        _no_masks(dataset)
        st.stop()
    try:
        found = mask_cache.states(dataset)
    except CxrError as error:
        st.error(str(error))
        st.stop()
    _overview(table, found, dataset)
    _left_out(table, found, dataset)
    masked_image.show(table, found, dataset)


def _no_masks(dataset: Dataset) -> None:
    """Say how to give a dataset masks."""
    st.info(
        f"**{literal(dataset.name)} has no lung masks.** Its models can be trained on the whole "
        "picture only; the other choices need a mask for each image.",
        icon=":material/filter_center_focus:",
    )
    st.markdown("Masks are found by themselves, in one of three forms:")
    places = charts.halves()
    with places.cell():
        st.markdown("**A picture for each image**, white on the lungs, under the same name:")
        st.code(
            "Normal/images/0001.png\nNormal/masks/0001.png\n"
            "Pneumonia/images/0002.png\nPneumonia/masks/0002.png",
            language=None,
        )
    with places.cell():
        st.markdown(
            "**Darwin JSON** (V7) with polygons named `Lung` in a folder `annotations`.\n\n"
            "**A table** (CSV) with a column `mask` that names a picture for each image:"
        )
        st.code(
            "path,label,mask\n0001.png,Normal,masks/0001.png\n0002.png,Pneumonia,masks/0002.png",
            language=None,
        )
    st.caption(
        "A mask may be smaller or larger than its image, but must have the same proportions. This "
        "page finds the masks as soon as they are there."
    )


# --- all images -----------------------------------------------------------------------------


def _overview(table: pd.DataFrame, found: States, dataset: Dataset) -> None:
    """How many have a mask, by class and source."""
    counts = found.state.value_counts()
    halves = charts.halves()
    with halves.cell():
        st.subheader("Which images have a mask")
        fig = cache.figure(
            dataset,
            lambda: _bars(table, found, dataset),
            *("masks", str(found.checked), tuple(sorted(counts.items()))),
        )
        charts.plotly(fig, key="masks", alt=_in_words(table, found, dataset))
        if table["source"].nunique() > 1:
            with st.expander("By source"):
                _by_source(table, found)
    with halves.cell():
        st.subheader("Can every mask be used?")
        columns = st.columns(3)
        columns[0].metric("With a mask", f"{counts.get(WITH, 0):,}")
        columns[1].metric("Without a mask", f"{counts.get(WITHOUT, 0):,}")
        if found.checked:
            columns[2].metric("Can't be used", f"{counts.get(UNUSABLE, 0):,}", help=_UNUSABLE_HELP)
        _check(found, dataset)
        _ignore_regions(dataset)


_UNUSABLE_HELP = (
    "The mask is empty, damaged or of other proportions than its image, or the image is damaged."
)


def _bars(table: pd.DataFrame, found: States, dataset: Dataset):  # type: ignore[no-untyped-def]
    fig = figures.class_balance(table["label"], dataset.classes, found.state)
    for note, (usable, total) in zip(
        fig.layout.annotations, _usable(table, found, dataset).values(), strict=True
    ):
        note.text = f" {usable:,} of {total:,}"
    order = {state: place for place, state in enumerate(COLOURS)}
    fig.data = sorted(fig.data, key=lambda trace: order[trace.name])
    return fig.for_each_trace(lambda trace: trace.update(marker_color=COLOURS[trace.name]))


def _usable(table: pd.DataFrame, found: States, dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Images with a mask, and images, of each class in order."""
    there = (found.state == WITH).groupby(table["label"].astype(str)).agg(["sum", "size"])
    return {c: (int(there["sum"][c]), int(there["size"][c])) for c in dataset.classes}


def _in_words(table: pd.DataFrame, found: States, dataset: Dataset) -> str:
    counts = _usable(table, found, dataset).items()
    return "Images with a mask: " + ", ".join(f"{c} {n:,} of {total:,}" for c, (n, total) in counts)


def _by_source(table: pd.DataFrame, found: States) -> None:
    source = table["source"].astype(object).where(table["source"].notna(), "unknown")
    counted = pd.crosstab(source, found.state)
    states = [state for state in (WITH, WITHOUT, UNUSABLE) if state in counted]
    counted = counted[states].assign(images=counted.sum(axis=1))
    counted = counted.sort_values("images", ascending=False, kind="stable").reset_index()
    names = {"source": "Source", "images": "Images"} | {s: s.capitalize() for s in states}
    st.dataframe(
        counted.rename(columns=names),
        hide_index=True,
        alt="Images with and without mask, by source",
    )


def _check(found: States, dataset: Dataset) -> None:
    """Offer to read every mask, show how far that is, or tell that it was done."""
    job = work.find("pixels", dataset=dataset.name, size=CHECK.size, region=CHECK.region)
    if job is not None and job.active:
        st.caption("Every mask is being read, and every image prepared.")
        waiting.follow(job)
    elif found.checked:
        st.caption(":material/check_circle: Every mask was read, and every image prepared with it.")
    else:
        _offer(job, dataset)


def _offer(job: jobs.Job | None, dataset: Dataset) -> None:
    if job is not None and job.state != "done" and job.message:
        st.warning(f"The last check ended early. {job.message}")
    masks = int(dataset.table["mask"].notna().sum())
    pressed = st.button(f"Check all {plural(masks, 'mask')}", icon=":material/fact_check:")
    st.caption(
        "Finds masks that are empty, damaged or of other proportions than their image. Every "
        f"image is prepared on the way, lungs only at {CHECK.size} px; trainings and histograms "
        "use the same pixels."
    )
    if pressed:
        try:
            work.submit_pixels(dataset.name, CHECK.size, CHECK.region)
        except CxrError as error:
            st.error(str(error))
        else:
            st.rerun()


def _ignore_regions(dataset: Dataset) -> None:
    """Tell of regions marked Ignore, and how to leave them out or that they are."""
    ignored = mask_cache.ignored(dataset)
    if not ignored:
        return
    start = f":material/gesture: On {plural(len(ignored), 'image')} regions are marked *Ignore*. "
    if dataset.options.get("without_ignored"):
        st.caption(f"{start}They are left out of the lungs.")
        return
    st.caption(f"{start}They count as lung where they lie on it. To leave them out:")
    st.code(
        f"python -m cxrcore data add {dataset.name} FOLDER --option without_ignored=true",
        language=None,
        wrap_lines=True,
    )


def _left_out(table: pd.DataFrame, found: States, dataset: Dataset) -> None:
    """The images without a mask or with an unusable one: list, CSV, the first of them."""
    rows = np.flatnonzero((found.state != WITH).to_numpy(bool))
    # First those that have a mask which is of no use: they are fewer and say more.
    rows = rows[np.argsort(found.state.iloc[rows] != UNUSABLE, kind="stable")]
    if not len(rows):
        if found.checked:
            st.success("Every image has a mask that can be used.", icon=":material/check_circle:")
        return
    with st.expander(f"The {plural(len(rows), 'image')} without a usable mask"):
        listed = table.iloc[rows][["path", "label", "source", "mask"]].assign(
            reason=found.reason.iloc[rows]
        )

        st.dataframe(
            listed.drop(columns="mask").dropna(axis="columns", how="all").rename(columns=HEADS),
            hide_index=True,
            column_config={"Reason": st.column_config.TextColumn(width="large")},
            alt="Images without a usable mask, with the reason",
        )
        st.download_button(
            "Download the list (CSV)",
            lambda: listed.assign(image_id=table["image_id"]).to_csv(index=False),
            f"{dataset.name}-without-mask.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
        first = rows[:STRIP]
        picked = thumbnails.grid(
            dataset,
            table["image_id"].iloc[first].tolist(),
            found.state.iloc[first].tolist(),
            key=f"unmasked_{dataset.name}",
            label="Images without a usable mask",
            side=100,
        )
        st.caption(
            f"The first {len(first)} of {len(rows):,}. " * (len(first) < len(rows))
            + "Click an image to see it large in the gallery."
        )
    if picked:
        st.switch_page("pages/data/gallery/page.py", query_params={"image": picked})


main()
