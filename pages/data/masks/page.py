"""Lung masks page: which images have a mask, and what each region shows of an image."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures, jobs, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.pixels import Preparation
from cxrcore.pixels.mask_states import UNUSABLE, WITH_MASK, WITHOUT_MASK, MaskStates
from pages.data.masks import mask_cache, masked_image
from pages.shared import cache, charts, data_page, offers, tables, thumbnails, waiting
from pages.shared.text import literal, plural

STRIP = 12  # images without a usable mask that are shown
HEADS = {
    "path": "File",
    "label": "Class",
    "source": "Source",
    "reason": "Reason",
}
# Preparing these pixels reads every mask; most models and the histograms use them.
CHECK = Preparation(224, "lungs")
COLOURS = {
    WITH_MASK: figures.PALETTE[2],
    UNUSABLE: figures.PALETTE[1],
    WITHOUT_MASK: figures.NEUTRAL,
}


def main() -> None:
    """Draw the page."""
    data = data_page.begin("Lung masks")
    dataset, images = data.dataset, data.images
    st.markdown(
        "A lung mask says which pixels of an image are lung. With masks, a model can be trained on "
        "the lungs alone, or tested for whether it scores **without** seeing them."
    )
    if dataset.table["mask"].isna().all():
        _no_masks(dataset)
        st.stop()
    try:
        states = mask_cache.states(dataset)
    except CxrError as error:
        st.error(str(error))
        st.stop()
    _overview(images, states, dataset)
    _without_mask(images, states, dataset)
    masked_image.show(images, states, dataset)


def _no_masks(dataset: Dataset) -> None:
    """Say how to give a dataset masks."""
    st.info(
        f"**{literal(dataset.name)} has no lung masks.** Models can be trained on its whole images "
        "only; the other regions need a mask for each image.",
        icon=":material/filter_center_focus:",
    )
    st.markdown("Masks are found automatically, in one of three forms:")
    places = charts.halves()
    with places.cell():
        st.markdown("**A mask image for each image**, white on the lungs, with the same name:")
        st.code(
            "Normal/images/0001.png\nNormal/masks/0001.png\n"
            "Pneumonia/images/0002.png\nPneumonia/masks/0002.png",
            language=None,
        )
    with places.cell():
        st.markdown(
            "**Darwin JSON** (V7) with polygons named `Lung` in a folder `annotations`.\n\n"
            "**A table** (CSV) with a column `mask` that names a mask image for each image:"
        )
        st.code(
            "path,label,mask\n0001.png,Normal,masks/0001.png\n0002.png,Pneumonia,masks/0002.png",
            language=None,
        )
    st.caption(
        "A mask may be smaller or larger than its image, but must have the same proportions. This "
        "page shows new masks at once."
    )


# --- all images -----------------------------------------------------------------------------


def _overview(images: pd.DataFrame, states: MaskStates, dataset: Dataset) -> None:
    """How many images have a mask, by class and source."""
    counts = states.state.value_counts()
    halves = charts.halves()
    with halves.cell():
        st.subheader("Which images have a mask")
        fig = cache.figure(
            dataset,
            lambda: _bars(images, states, dataset),
            *("masks", str(states.checked), tuple(sorted(counts.items()))),
        )
        charts.plotly(fig, key="masks", alt=_summary(images, states, dataset))
        if images["source"].nunique() > 1:
            with st.expander("By source"):
                _by_source(images, states)
    with halves.cell():
        st.subheader("Can every mask be used?")
        columns = st.columns(3)
        columns[0].metric("With a mask", f"{counts.get(WITH_MASK, 0):,}")
        columns[1].metric("Without a mask", f"{counts.get(WITHOUT_MASK, 0):,}")
        if states.checked:
            columns[2].metric("Can't be used", f"{counts.get(UNUSABLE, 0):,}", help=_UNUSABLE_HELP)
        _check(states, dataset)
        _ignore_regions(dataset)


_UNUSABLE_HELP = (
    "The mask is empty, damaged or of other proportions than its image, or the image is damaged."
)


def _bars(images: pd.DataFrame, states: MaskStates, dataset: Dataset):  # type: ignore[no-untyped-def]
    fig = figures.class_balance(images["label"], dataset.classes, states.state)
    for note, (usable, total) in zip(
        fig.layout.annotations, _usable(images, states, dataset).values(), strict=True
    ):
        note.text = f" {usable:,} of {total:,}"
    order = {state: place for place, state in enumerate(COLOURS)}
    fig.data = sorted(fig.data, key=lambda trace: order[trace.name])
    return fig.for_each_trace(lambda trace: trace.update(marker_color=COLOURS[trace.name]))


def _usable(
    images: pd.DataFrame, states: MaskStates, dataset: Dataset
) -> dict[str, tuple[int, int]]:
    """Images with a mask, and images, of each class in order."""
    there = (states.state == WITH_MASK).groupby(images["label"].astype(str)).agg(["sum", "size"])
    return {c: (int(there["sum"][c]), int(there["size"][c])) for c in dataset.classes}


def _summary(images: pd.DataFrame, states: MaskStates, dataset: Dataset) -> str:
    counts = _usable(images, states, dataset).items()
    return "Images with a mask: " + ", ".join(f"{c} {n:,} of {total:,}" for c, (n, total) in counts)


def _by_source(images: pd.DataFrame, states: MaskStates) -> None:
    source = images["source"].astype(object).where(images["source"].notna(), "unknown")
    counted = pd.crosstab(source, states.state)
    present = [state for state in (WITH_MASK, WITHOUT_MASK, UNUSABLE) if state in counted]
    counted = counted[present].assign(images=counted.sum(axis=1))
    counted = counted.sort_values("images", ascending=False, kind="stable").reset_index()
    names = {"source": "Source", "images": "Images"} | {s: s.capitalize() for s in present}
    tables.table(counted.rename(columns=names), alt="Images with and without mask, by source")


def _check(states: MaskStates, dataset: Dataset) -> None:
    """Offer to read every mask, show how far that is, or say that it was done."""
    job = work.find("pixels", dataset=dataset.name, size=CHECK.size, region=CHECK.region)
    if job is not None and job.active:
        st.caption("Every mask is being read, and every image prepared.")
        waiting.follow(job)
    elif states.checked:
        st.caption(":material/check_circle: Every mask was read, and every image prepared with it.")
    else:
        _offer(job, dataset)


def _offer(job: jobs.Job | None, dataset: Dataset) -> None:
    offers.failure(job, "check")
    offers.start(
        f"Check all {plural(int(dataset.table['mask'].notna().sum()), 'mask')}",
        lambda: work.submit_pixels(dataset.name, CHECK.size, CHECK.region),
        icon=":material/fact_check:",
    )
    st.caption(
        "Finds masks that are empty, damaged or of other proportions than their image. This "
        f"prepares every image, lungs only at {CHECK.size} px; trainings and histograms use the "
        "same pixels."
    )


def _ignore_regions(dataset: Dataset) -> None:
    """Say whether regions marked Ignore count as lung, and how to change that."""
    number = len(mask_cache.ignore_regions(dataset))
    if not number:
        return
    start = f":material/gesture: {plural(number, 'image')} with regions marked *Ignore*. "
    if dataset.options.get("without_ignored"):
        st.caption(f"{start}They are cut out of the lungs.")
        return
    st.caption(f"{start}Where they overlap a lung they count as lung. To cut them out:")
    st.code(
        f"python -m cxrcore data add {dataset.name} FOLDER --option without_ignored=true",
        language=None,
        wrap_lines=True,
    )


def _without_mask(images: pd.DataFrame, states: MaskStates, dataset: Dataset) -> None:
    """The images without a mask or with an unusable one: list, CSV, thumbnails of the first."""
    rows = np.flatnonzero((states.state != WITH_MASK).to_numpy(bool))
    # Unusable masks first: they are fewer and more interesting.
    rows = rows[np.argsort(states.state.iloc[rows] != UNUSABLE, kind="stable")]
    if not len(rows):
        if states.checked:
            st.success("Every image has a mask that can be used.", icon=":material/check_circle:")
        return
    with st.expander(f"The {plural(len(rows), 'image')} without a usable mask"):
        listed = images.iloc[rows][["path", "label", "source", "mask"]].assign(
            reason=states.reason.iloc[rows]
        )
        tables.table(
            listed.drop(columns="mask").dropna(axis="columns", how="all").rename(columns=HEADS),
            wide=["Reason"],
            alt="Images without a usable mask, with the reason",
        )
        tables.download(
            "Download the list (CSV)",
            lambda: listed.assign(image_id=images["image_id"]),
            f"{dataset.name}-without-mask.csv",
        )
        first = rows[:STRIP]
        thumbnails.grid(
            dataset,
            images["image_id"].iloc[first].tolist(),
            states.state.iloc[first].tolist(),
            key=f"unmasked_{dataset.name}",
            open_in=thumbnails.GALLERY,
            label="Images without a usable mask",
            side=100,
        )
        st.caption(
            f"The first {len(first)} of {len(rows):,}. " * (len(first) < len(rows))
            + "Click an image to see it large in the gallery."
        )


main()
