"""The mask of one film, chosen by a person in place of the estimate, and back again."""

import numpy as np
import streamlit as st

from cxrcore import images, lungs
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.lungs.threshold import USUAL
from pages.data.masks import outlines
from pages.shared import charts
from pages.shared.text import literal

THRESHOLD, WHOLE, OUT = "Another threshold", "The whole film", "Leave out"


_BEFORE = "mask_before"  # in the session: image_id -> state and confidence before a correction


def before() -> dict[str, tuple[str, float]]:
    """State and confidence that films had before they were corrected in this session.

    Lists go by them, so that a film keeps its place while one looks through the list.
    """
    found: dict[str, tuple[str, float]] = st.session_state.setdefault(_BEFORE, {})
    return found


def show(
    dataset: Dataset, image_id: str, state: str, confidence: float, *, corrected: bool
) -> None:
    """Offer other masks of a film, and the way back.

    Args:
        dataset: of the film.
        image_id: of the film.
        state: of its mask.
        confidence: of the network, 0..1; NaN for a mask that a person chose.
        corrected: whether a person chose its mask before.
    """
    if not corrected:
        before()[image_id] = state, confidence
    if corrected and st.button("Undo: use the estimate again", icon=":material/undo:"):
        _apply(dataset, image_id, restore=True)
    with st.expander(
        "Correct this mask", icon=":material/edit:", on_change="rerun", key="correct_mask"
    ) as expander:
        if not expander.open:
            return
        choice = st.segmented_control(
            "Instead of the estimate",
            [THRESHOLD, WHOLE, OUT],
            default=THRESHOLD,
            required=True,
            key="correction",
        )
        if choice == THRESHOLD:
            _threshold(dataset, image_id)
        elif choice == WHOLE:
            st.markdown(
                "The whole film counts as lung, so that it stays in trainings on the lungs, unmasked."
            )
            if st.button("Use the whole film", type="primary"):
                _apply(dataset, image_id, whole=True)
        else:
            st.markdown("The film has no mask: trainings that need the lungs exclude it.")
            if st.button("Leave this film out", type="primary"):
                _apply(dataset, image_id)
        st.caption(
            "What you choose counts for this film in every dataset, in trainings and on pages from "
            "now on. Models that were trained before stay as they are."
        )


def _threshold(dataset: Dataset, image_id: str) -> None:
    """A slider and what it finds."""
    halves = charts.halves()
    with halves.cell():
        threshold = st.slider(
            "How sure the network must be",
            5,
            95,
            round(100 * USUAL),
            5,
            format="%d %%",
            key=f"threshold_{image_id}",
            help="Lower: larger lungs. Estimates use 50 %. No verdict is passed on what is found "
            "here: look at it.",
        )
        try:
            picture, share = outlines.at_threshold(dataset, image_id, threshold / 100)
        except CxrError as error:
            st.warning(literal(str(error)))
            return
        st.markdown(
            f"The lungs are {share:.0%} of the image."
            if share
            else "No lungs are found at this value."
        )
        if st.button("Use this mask", type="primary", disabled=not share):
            _apply(dataset, image_id, threshold=threshold / 100)
    with halves.cell():
        st.image(picture, width=420, alt=f"The film with its lungs at {threshold} %")


def _apply(
    dataset: Dataset,
    image_id: str,
    *,
    threshold: float | None = None,
    whole: bool = False,
    restore: bool = False,
) -> None:
    """Keep what was chosen and draw the page again; without a choice the film is left out."""
    try:
        if restore:
            lungs.restore([image_id])
        else:
            mask = None
            if whole or threshold is not None:
                gray = images.decode(dataset.path_of(image_id))
                mask = np.ones(gray.shape, bool) if whole else lungs.above(gray, threshold or 0)
            lungs.correct({image_id: mask})
    except CxrError as error:
        st.error(literal(str(error)))
        return
    st.query_params["image"] = image_id  # it may not pass the filters any more
    st.rerun()
