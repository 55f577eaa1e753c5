"""Are probabilities as large as they should be, and what does a temperature change?"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from cxrcore import store
from cxrcore.errors import ComparisonError
from cxrcore.metrics import calibration
from cxrcore.metrics.decision import calibrated
from cxrcore.store import Run
from cxrcore.thresholds import Part
from pages.header import header
from pages.models.thresholds import points
from pages.shared.entries import Entry
from pages.shared.text import literal

BEFORE, AFTER = "As trained", "After temperature scaling"
_KEY = "calibration"


def view() -> str:
    """Which probabilities are asked for: BEFORE or AFTER."""
    return str(st.session_state.get(_KEY, BEFORE))


def parts(entries: Sequence[Entry]) -> list[tuple[Entry, Part]]:
    """Draw the choice, and return the test films with the probabilities that are asked for."""
    view = st.segmented_control(
        "Probabilities",
        [BEFORE, AFTER],
        default=BEFORE,
        required=True,
        key=_KEY,
        label_visibility="collapsed",
    )
    found = []
    for entry in entries:
        part = points.raw_part(entry.runs[0], "test")
        if view == AFTER:
            if (temperature := _temperature(entry)) is None:
                continue
            part = replace(part, probabilities=calibrated(part.probabilities, temperature))
        found.append((entry, part))
    return found


def show(entries: Sequence[Entry]) -> None:
    """Draw what scaling changes on the test films, and the buttons that use it."""
    known = [(entry, t) for entry in entries if (t := _temperature(entry)) is not None]
    if not known:
        return
    rows = []
    for entry, temperature in known:
        part = points.raw_part(entry.runs[0], "test")
        after = calibrated(part.probabilities, temperature)
        rows.append(
            {
                "Run": entry.title,
                "Temperature": temperature,
                "Log loss": calibration.log_loss(part.truth, part.probabilities),
                "Log loss after": calibration.log_loss(part.truth, after),
                "ECE": calibration.calibration_error(part.truth, part.probabilities),
                "ECE after": calibration.calibration_error(part.truth, after),
                "In use": store.annotation(entry.name).temperature,
            }
        )
    number = st.column_config.NumberColumn(format="%.3f")
    names = ("Temperature", "Log loss", "Log loss after", "ECE", "ECE after", "In use")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        column_config=dict.fromkeys(names, number),
        alt="What a temperature changes for each model on the test films",
    )
    st.caption(
        "Fitted on validation films alone, which also chose the epoch and so look a little too good; "
        "losses and calibration errors (ECE) are those of the test films. Above 1 a temperature makes "
        "answers less sure; it changes no model's first choice."
    )
    if not header.presenting():
        _buttons(known)


def _buttons(known: Sequence[tuple[Entry, float]]) -> None:
    runs = [entry.name for entry, _ in known]
    if any(store.annotation(run).thresholds for run in runs):
        st.caption(
            ":material/warning: These models have operating points in use, chosen for their present "
            "probabilities. Calibrating removes them: press *Use in live prediction* above again."
        )
    with st.container(horizontal=True):
        st.button(
            "Calibrate live prediction",
            on_click=_save,
            args=({entry.name: temperature for entry, temperature in known},),
            help="Saves the temperatures with the runs. Thresholds saved before are removed: they were "
            "chosen for other probabilities.",
        )
        if any(store.annotation(run).temperature is not None for run in runs):
            st.button(
                "As trained again", type="tertiary", on_click=_save, args=(dict.fromkeys(runs),)
            )


def _save(temperatures: dict[str, float | None]) -> None:
    for run, temperature in temperatures.items():
        if store.annotation(run).temperature != temperature:
            store.annotate(run, temperature=temperature, thresholds={})


def _temperature(entry: Entry) -> float | None:
    """None where there are no validation films, which is said."""
    run: Run = entry.runs[0]
    try:
        return points.temperature(run)
    except ComparisonError as error:
        st.caption(f"{literal(entry.title)}: {literal(str(error))}")
        return None
