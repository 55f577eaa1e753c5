"""A dataset's own masks: which images have one, whether each can be used, and one image."""

import pandas as pd
import streamlit as st

from cxrcore import figures, jobs, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.pixels import Preparation
from cxrcore.pixels.mask_states import UNUSABLE, WITH_MASK, WITHOUT_MASK, MaskStates
from pages.data.masks import film_choice, mask_cache, mask_counts, masked_image
from pages.shared import cache, charts, offers, tables, waiting
from pages.shared.text import literal, plural

# Preparing these pixels reads every mask; most models and the histograms use them.
CHECK = Preparation(224, "lungs")
COLOURS = {
    WITH_MASK: figures.PALETTE[2],
    UNUSABLE: figures.PALETTE[1],
    WITHOUT_MASK: figures.NEUTRAL,
}


def show(images: pd.DataFrame, dataset: Dataset) -> None:
    """Draw the sections.

    Args:
        images: from `cache.images`.
        dataset: of the images; some have masks.
    """
    try:
        states = mask_cache.states(dataset)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    _overview(images, states, dataset)
    if states.checked and (states.state == WITH_MASK).all():
        st.success("Every image has a mask that can be used.", icon=":material/check_circle:")
    mask_counts.without(
        images, states.state, states.reason, dataset, usable=(WITH_MASK,), first=UNUSABLE
    )
    st.subheader("Image, mask and what the model sees")
    rows = film_choice.rows(
        images,
        dataset,
        states.state,
        names=tuple(COLOURS),
        first=WITH_MASK,
        orders={"File name": None},
        key="mask",
    )
    if not len(rows):
        st.info("No image matches. Choose another class, or all images.")
        return
    image_id = film_choice.pick(images, rows, dataset, lambda row: images["label"].iloc[row])
    row = images.iloc[cache.places(dataset)[image_id]]
    masked_image.title(row)
    masked_image.show(row, dataset)


def _overview(images: pd.DataFrame, states: MaskStates, dataset: Dataset) -> None:
    """How many images have a mask, by class and source."""
    counts = states.state.value_counts()
    halves = charts.halves()
    with halves.cell():
        st.subheader("Which images have a mask")
        fig = cache.figure(
            dataset,
            lambda: mask_counts.bars(images, states.state, dataset, COLOURS, (WITH_MASK,)),
            *("masks", str(states.checked), tuple(sorted(counts.items()))),
        )
        alt = mask_counts.summary(images, states.state, dataset, (WITH_MASK,))
        charts.plotly(fig, key="masks", alt=alt)
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


def _by_source(images: pd.DataFrame, states: MaskStates) -> None:
    source = images["source"].astype(object).where(images["source"].notna(), "unknown")
    counted = pd.crosstab(source, states.state)
    present = [state for state in (WITH_MASK, WITHOUT_MASK, UNUSABLE) if state in counted]
    counted = counted[present].assign(images=counted.sum(axis=1))
    counted = counted.sort_values("images", ascending=False, kind="stable").reset_index()
    names = {"source": "Source", "images": "Images"} | {s: s.capitalize() for s in present}
    tables.table(counted.rename(columns=names), alt="Images with and without mask, by source")
