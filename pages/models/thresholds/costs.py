"""What each run's operating point costs: a table, and using it in live prediction."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import store, thresholds
from cxrcore.figures import bar_axis, interval_bar, swatch
from cxrcore.statistics.estimate import Estimate
from cxrcore.thresholds import OperatingPoint
from pages.models.thresholds.aim import Aim
from pages.shared import tables
from pages.shared.entries import Entry

_SHARES = {
    "recall": ("Recall", "Share of the films of the class that are caught, on test films."),
    "precision": (
        "Precision",
        "Share of the films called the class that are of it, on test films.",
    ),
    "specificity": (
        "Specificity",
        "Share of the other films that are not called it, on test films.",
    ),
}


def show(entries: Sequence[Entry], points: Mapping[str, OperatingPoint], aim: Aim) -> None:
    """Draw the table.

    Args:
        entries: those that have a point, in order.
        points: by run id.
        aim: what was chosen.
    """
    table = pd.DataFrame({" ": [swatch(entry.colour) for entry in entries]})
    table["Run"] = [entry.title for entry in entries]
    found = [points[entry.name] for entry in entries]
    table["Called from"] = [point.choice.threshold for point in found]
    for title, which in (("Missed of 1,000", "missed"), ("False alarms of 1,000", "alarms")):
        counts = [getattr(thresholds.per_thousand(p.cost, aim.prevalence), which) for p in found]
        table[title] = [count[0] for count in counts]
        table[f"{title}, 95 %"] = [_between(count) for count in counts]
    for name, (title, _) in _SHARES.items():
        estimates = [getattr(point.cost, name) for point in found]
        table[f"{title}, 95 %"] = _bars(estimates, entries)
        table[title] = [estimate.value for estimate in estimates]
    table["On validation films"] = [
        f"{point.choice.caught} of {point.choice.positives}" for point in found
    ]
    # Rounded down, as in the sentence above.
    table["Sure of"] = [math.floor(100 * point.choice.bound + 1e-9) for point in found]
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        row_height=34,
        placeholder="–",
        column_config={
            " ": st.column_config.ImageColumn(width=30, pinned=True),
            "Run": st.column_config.TextColumn(width=tables.TITLE_WIDTH, pinned=True),
            "Called from": number(
                format="%.3f",
                help="A film is called the class from this probability on; otherwise the most likely "
                "of the other classes. Chosen on validation films alone.",
            ),
            "Sure of": number(
                format="%d %%",
                help="The recall that these validation films vouch for with 95 % confidence (Clopper "
                "and Pearson).",
            ),
            **{f"{t}, 95 %": st.column_config.ImageColumn(width=130) for t, _ in _SHARES.values()},
            **{title: number(format="%.3f", help=text) for title, text in _SHARES.values()},
            "Missed of 1,000": number(format="%.0f"),
            "Missed of 1,000, 95 %": st.column_config.TextColumn("95 %"),
            "False alarms of 1,000": number(format="%.0f"),
            "False alarms of 1,000, 95 %": st.column_config.TextColumn("95 %"),
        },
        key="operating_points",
        alt="What catching the class costs each model",
    )
    tables.download(
        "Download the table (CSV)",
        lambda: table.drop(columns=[" ", *(f"{t}, 95 %" for t, _ in _SHARES.values())]),
        "operating_points.csv",
    )


def use(entries: Sequence[Entry], points: Mapping[str, OperatingPoint], aim: Aim) -> None:
    """Buttons that save the thresholds with the runs, so that live prediction uses them."""
    saved = {entry.name: store.annotation(entry.name).thresholds for entry in entries}
    used = [
        math.isclose(saved[entry.name].get(aim.class_name, -1), points[entry.name].choice.threshold)
        for entry in entries
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Use in live prediction",
            type="primary",
            disabled=all(used),
            on_click=_save,
            args=(entries, points, aim),
            help="Saves these thresholds with the runs. Live prediction then answers by them and says "
            "so.",
        )
        if any(aim.class_name in own for own in saved.values()):
            st.button("Stop using", on_click=_remove, args=(entries, aim), type="tertiary")
        if all(used):
            st.caption(":material/check: In use in live prediction.")


def _save(entries: Sequence[Entry], points: Mapping[str, OperatingPoint], aim: Aim) -> None:
    for entry in entries:
        before = store.annotation(entry.name).thresholds
        store.annotate(
            entry.name,
            thresholds=before | {aim.class_name: points[entry.name].choice.threshold},
        )


def _remove(entries: Sequence[Entry], aim: Aim) -> None:
    for entry in entries:
        before = store.annotation(entry.name).thresholds
        kept = {name: least for name, least in before.items() if name != aim.class_name}
        store.annotate(entry.name, thresholds=kept)


def _bars(estimates: Sequence[Estimate], entries: Sequence[Entry]) -> list[str]:
    rows = [[_known(v) for v in (e.value, e.low, e.high)] for e in estimates]
    axis = bar_axis([value for row in rows for value in row], (0.0, 1.0))
    return [
        interval_bar(value, low, high, axis, entry.colour)
        for entry, (value, low, high) in zip(entries, rows, strict=True)
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _between(count: Sequence[float]) -> str:
    _, low, high = count
    return "–" if math.isnan(low) else f"{low:.0f} to {high:.0f}"
