"""Estimated masks: look for the lungs, what was found on which films, one film and its correction."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures, images, lungs, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.lungs import Estimates
from pages.data.masks import (
    correction,
    exchange,
    film_choice,
    mask_counts,
    masked_image,
    outlines,
    own_forms,
)
from pages.shared import cache, charts, lung_masks, offers
from pages.shared.text import duration, literal, plural

ACCEPTED, CORRECTED, REFUSED, LEFT_OUT = "accepted", "corrected", "refused", "left out"
COLOURS = {
    ACCEPTED: figures.PALETTE[2],
    CORRECTED: figures.PALETTE[5],
    REFUSED: figures.PALETTE[1],
    LEFT_OUT: figures.NEUTRAL,
}
USABLE = (ACCEPTED, CORRECTED)
CARD = Path(lungs.__file__).parent / "lungs.md"


def found(dataset: Dataset) -> Estimates | None:
    """The estimates of a dataset; while its lungs were not looked for, offer that."""
    try:
        estimates = lung_masks.estimates(dataset)
    except CxrError as error:
        st.error(literal(str(error)))
        return None
    if estimates is not None:
        _limits()
        return estimates
    offer = st.container()
    if not lung_masks.has_own(dataset):
        with st.expander("Your own masks", icon=":material/draw:"):
            own_forms.show()
    with offer:
        offers.required(
            work.find("lungs", dataset=dataset.name),
            doing="The lungs are being looked for.",
            offer=f"**The lungs of {literal(dataset.name)} were not looked for yet.** A network in "
            f"this program outlines them{_time(dataset)}. This is done once, and can be stopped "
            "and continued; the films stay as they are.",
            button=f"Look for the lungs on every film ({len(dataset.table):,})",
            icon=":material/pulmonology:",
            failed="search for lungs",
            submit=lambda: work.submit_lungs(dataset.name),
        )


def _limits() -> None:
    """What the network can and cannot do; said here only."""
    st.caption(
        ":material/info: **Estimated masks** are drawn by a small network that learned from films of "
        "COVID-19 patients, outlined by people, and from simulated ones. On other diseases, on "
        "children and on unusual films it may be wrong: look through its outlines before you rely "
        "on them. They are made to train and test models, not to measure lungs."
    )
    with st.expander("About this network", icon=":material/description:"):
        text = CARD.read_text("utf-8").partition("\n")[2]  # without its title
        st.markdown(text.replace("\n## ", "\n##### "))


def _time(dataset: Dataset) -> str:
    """How long it takes, measured on one film: ", here in about 3 min"; "" if it is damaged."""
    seconds = _seconds_a_film(dataset, cache.token(dataset))
    if seconds is None:
        return ""
    every = seconds * len(dataset.table) / (os.cpu_count() or 1)
    return f", here in about {duration(max(every, 5))}"


@st.cache_data(max_entries=16, show_spinner=False)
def _seconds_a_film(_of: Dataset, token: str) -> float | None:
    row = _of.table.iloc[len(_of.table) // 2]
    try:
        lungs.segment(np.zeros((64, 64), np.uint8))  # the first call reads the network
        start = time.perf_counter()
        lungs.segment(images.decode(_of.path_of(row["image_id"])))
    except CxrError:
        return None
    return time.perf_counter() - start


def show(table: pd.DataFrame, dataset: Dataset, estimates: Estimates) -> None:
    """Draw the sections.

    Args:
        table: from `cache.images`.
        dataset: of the images.
        estimates: of its lungs.
    """
    verdicts = estimates.table.set_axis(table.index)
    states = _states(verdicts)
    _overview(table, states, dataset, estimates)
    mask_counts.without(table, states, verdicts["reason"], dataset, usable=USABLE, first=REFUSED)
    _film(table, dataset, verdicts, states)
    exchange.show(dataset)


def _states(verdicts: pd.DataFrame) -> pd.Series:
    """(n,) ACCEPTED, CORRECTED, REFUSED or LEFT_OUT."""
    mask, people = verdicts["file"].notna(), verdicts["corrected"].astype(bool)
    by_network = np.where(mask, ACCEPTED, REFUSED)
    by_people = np.where(mask, CORRECTED, LEFT_OUT)
    return pd.Series(np.where(people, by_people, by_network), verdicts.index, dtype=object)


def _overview(
    table: pd.DataFrame, states: pd.Series, dataset: Dataset, estimates: Estimates
) -> None:
    """How many films have a mask, by class, and how sure the network is of them."""
    counts = states.value_counts()
    halves = charts.halves()
    with halves.cell():
        st.subheader("On which films lungs were found")
        fig = cache.figure(
            dataset,
            lambda: mask_counts.bars(table, states, dataset, COLOURS, USABLE),
            *("estimates", tuple(counts.items()), lungs.stamp()),
        )
        alt = mask_counts.summary(table, states, dataset, USABLE)
        charts.plotly(fig, key="estimates", alt=alt)
    with halves.cell():
        st.subheader("Can they be used?")
        columns = st.columns(len(COLOURS))
        for place, state in zip(columns, COLOURS, strict=True):
            place.metric(state.capitalize(), f"{counts.get(state, 0):,}", help=_HELPS[state])
        st.caption(literal(lungs.summary(dataset, estimates)))
        if counts.get(REFUSED, 0):
            st.caption(
                "A training on a region leaves films without a mask out. To compare regions, compare "
                "runs on the films that all of them have."
            )
        own = int(dataset.table["mask"].notna().sum())
        if own:
            st.caption(
                f"{plural(own, 'film')} also have a mask of the dataset's own: it is used first, "
                "unless a training asks for estimated masks only."
            )


_HELPS = {
    ACCEPTED: "The network found two lungs of plausible size, shape and position.",
    CORRECTED: "A person chose another mask for the film, below or by masks import.",
    REFUSED: "No mask: the reason stands with each film.",
    LEFT_OUT: "A person decided that the film has no usable mask.",
}


def _film(table: pd.DataFrame, dataset: Dataset, verdicts: pd.DataFrame, states: pd.Series) -> None:
    """Choose a film, look at its mask, correct it."""
    st.subheader("Film, estimated mask and what the model sees")
    former, confidence = _before(verdicts, states)
    rows = film_choice.rows(
        table,
        dataset,
        states,
        former=former,
        names=tuple(COLOURS),
        orders={"Least confident first": confidence, "File name": None},
        key="estimate",
    )
    if not len(rows):
        st.info("No film matches. Choose another class, or all masks.")
        return
    with_masks = lung_masks.estimated(dataset)

    def caption(row: int) -> str:
        sure = verdicts["confidence"].iloc[row]
        known = "" if pd.isna(sure) else f" · {sure:.0%}"
        return f"{table['label'].iloc[row]}\n{states.iloc[row]}{known}"

    image_id = film_choice.pick(
        table,
        rows,
        dataset,
        caption,
        lambda image_id: outlines.outlined(dataset, with_masks, image_id),
    )
    place = cache.places(dataset)[image_id]
    row, verdict, state = table.iloc[place], verdicts.iloc[place], states.iloc[place]
    masked_image.title(row, _remark(verdict, state))
    masked_image.show(
        row,
        with_masks,
        name="Corrected mask" if verdict["corrected"] else "Estimated mask",
        colour=outlines.ESTIMATED,
        reason=None if pd.isna(verdict["reason"]) else str(verdict["reason"]),
        between=lambda: correction.show(
            dataset,
            image_id,
            state,
            float(verdict["confidence"]),
            corrected=bool(verdict["corrected"]),
        ),
    )


def _before(verdicts: pd.DataFrame, states: pd.Series) -> tuple[pd.Series, pd.Series]:
    """States and confidences without the corrections of this session."""
    former, confidence = states.copy(), verdicts["confidence"].copy()
    for row in verdicts.index[verdicts["corrected"]]:
        if (known := correction.before().get(verdicts.at[row, "image_id"])) is not None:
            former[row], confidence[row] = known
    return former, confidence


def _remark(verdict: pd.Series, state: str) -> str:
    """What is known of the mask of a film, in a few words."""
    parts = [state]
    if pd.notna(verdict["confidence"]):
        parts.append(f"confidence of the network {verdict['confidence']:.0%}")
    if pd.notna(verdict["dice"]):
        parts.append(f"Dice with the dataset's own mask {verdict['dice']:.2f}")
    if pd.notna(verdict["notes"]):
        parts.append(str(verdict["notes"]))
    return " · ".join(parts)
