"""The dataset's own masks and the estimated ones, side by side; the least alike first."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.lungs import Estimates
from pages.data.masks import film_choice, mask_cache, masked_image, outlines
from pages.shared import cache, lung_masks, tables
from pages.shared.text import literal, plural

LOW = 0.90  # Dice below which the two are clearly different
SIDE = masked_image.USUAL_SIZE
ALIKE, DIFFERENT, UNKNOWN = "alike", "different", "not compared"


def show(images: pd.DataFrame, dataset: Dataset, estimates: Estimates) -> None:
    """Draw the section.

    Args:
        images: from `cache.images`.
        dataset: of the images; some have masks.
        estimates: of its lungs.
    """
    verdicts = estimates.table.set_axis(images.index)
    own = dataset.table["mask"].notna().to_numpy(bool)
    dice = verdicts["dice"].where(own)
    _numbers(dice, int(own.sum()))
    states = pd.Series(UNKNOWN, images.index, dtype=object)
    states[dice >= LOW], states[dice < LOW] = ALIKE, DIFFERENT
    rows = film_choice.rows(
        images,
        dataset,
        states,
        names=(DIFFERENT, ALIKE, UNKNOWN),
        orders={"Lowest Dice first": dice, "File name": None},
        key="agreement",
    )
    rows = rows[own[rows]]
    if not len(rows):
        st.info("No film matches. Choose another class, or all masks.")
        return

    def caption(row: int) -> str:
        score = "not compared" if pd.isna(dice.iloc[row]) else f"Dice {dice.iloc[row]:.2f}"
        return f"{images['label'].iloc[row]}\n{score}"

    image_id = film_choice.pick(images, rows, dataset, caption)
    place = cache.places(dataset)[image_id]
    row, verdict = images.iloc[place], verdicts.iloc[place]
    score = "" if pd.isna(dice.iloc[place]) else f"Dice {dice.iloc[place]:.3f}"
    masked_image.title(row, score)
    try:
        _film(dataset, row, verdict)
    except CxrError as error:
        st.warning(literal(str(error)))
    tables.download(
        "Download the comparison (CSV)",
        lambda: images[["image_id", "path", "label"]].assign(
            dice=dice, confidence=verdicts["confidence"], reason=verdicts["reason"]
        )[own],
        f"{dataset.name}-mask-agreement.csv",
    )


def _numbers(dice: pd.Series, own: int) -> None:
    """How alike the masks are over all films."""
    known = dice.dropna()
    columns = st.columns(4)
    columns[0].metric("Compared", f"{len(known):,} of {own:,}")
    columns[1].metric("Mean Dice", f"{known.mean():.3f}" if len(known) else "none")
    columns[2].metric("Lowest", f"{known.min():.2f}" if len(known) else "none")
    columns[3].metric(f"Below {LOW:.2f}", f"{(known < LOW).sum():,}")
    st.caption(
        "Dice: twice the area that both masks call lung, divided by the sum of their areas. 1: the "
        "same; 0: nothing in common. People draw the heart's shadow and the lower edge differently, "
        "so a low value does not say which mask is right."
    )
    if len(known) < own:
        st.caption(
            f"{plural(own - len(known), 'film')} not compared: the estimate was refused or corrected, "
            "or the dataset's own mask can't be used."
        )


def _film(dataset: Dataset, row: pd.Series, verdict: pd.Series) -> None:
    """The two masks on the film, and both lines over each other.

    Raises:
        ImageError: the image is damaged or gone.
    """
    image_id, estimated = str(row["image_id"]), lung_masks.estimated(dataset)
    own = mask_cache.view(dataset, image_id, SIDE)
    found = mask_cache.view(estimated, image_id, SIDE, outlines.ESTIMATED)
    three = st.grid(3, min_column_width=200, gap="small")
    for name, view, reason in (
        ("The dataset's own mask", own, None),
        ("Estimated mask", found, verdict["reason"]),
    ):
        with three.cell():
            st.image(view.image, width="stretch", alt=f"{name} on {row['path']}")
            if view.mask is None:
                st.warning(literal(str(view.problem if pd.isna(reason) else reason)))
            else:
                st.caption(f"**{name}**. The lungs are {view.shares['lungs']:.0%} of the image.")
    with three.cell():
        st.image(
            outlines.both(dataset, estimated, image_id),
            width="stretch",
            alt=f"Both outlines on {row['path']}",
        )
        st.caption("**Both**: the dataset's own in blue, estimated in pink.")
