"""Curves of one class: ROC, precision-recall, calibration, net benefit."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cxrcore import figures
from cxrcore.figures import CLASS_CURVES
from cxrcore.thresholds import ROUNDING, OperatingPoint
from pages.models.thresholds import calibration
from pages.models.thresholds import points as kept
from pages.models.thresholds.aim import Aim
from pages.shared import cache, charts
from pages.shared.entries import Entry
from pages.shared.text import literal


def show(entries: Sequence[Entry], points: Mapping[str, OperatingPoint], aim: Aim) -> None:
    """Draw the curves of the test films, of one kind at a time, of one class or of all.

    Args:
        entries: runs.
        points: by run id, of those that have one.
        aim: which class.
    """
    st.subheader("Curves")
    kind = st.segmented_control(
        "Curve",
        list(CLASS_CURVES),
        default="ROC",
        required=True,
        key="curve",
        bind="query-params",
        label_visibility="collapsed",
    )
    st.caption(CLASS_CURVES[kind].text)
    every = st.toggle("All classes", key="curve_of_all", bind="query-params")
    calibrates = kind == "Calibration"
    shown = calibration.parts(entries) if calibrates else _parts(entries)
    if not every:
        _chart(kind, aim.class_name, shown, points)
    else:
        grid = charts.halves()
        for name in dict.fromkeys(name for entry in entries for name in entry.classes):
            able = [(entry, part) for entry, part in shown if name in entry.classes]
            with grid.cell():
                st.markdown(f"**{literal(name)}**")
                _chart(kind, name, able, points if name == aim.class_name else {})
    if calibrates:
        calibration.show(entries)


def _chart(
    kind: str,
    class_name: str,
    parts: Sequence[tuple[Entry, kept.Part]],
    points: Mapping[str, OperatingPoint],
) -> None:
    """The curves of one class; of whom there is none is said."""
    drawn = CLASS_CURVES[kind]
    shares = {
        entry.name: float((part.truth == entry.classes.index(class_name)).mean())
        for entry, part in parts
    }
    able = []
    for entry, part in parts:
        answers = part.probabilities[:, entry.classes.index(class_name)]
        if not 0 < shares[entry.name] < 1:
            why = f"its test films are all or none of {class_name}"
        elif np.ptp(answers) < ROUNDING:
            why = f"it gives every film the same probability of {class_name}, {answers[0]:.3g}"
        else:
            able.append((entry, part))
            continue
        st.caption(literal(f"{entry.title}: {why}, so there is no curve."))

    def build() -> go.Figure:
        lines = [
            drawn.line(
                entry.title,
                entry.colour,
                part,
                entry.classes.index(class_name),
                points.get(entry.name),
            )
            for entry, part in able
        ]
        axes = drawn.axes(float(np.mean([shares[entry.name] for entry, _ in able])))
        return figures.class_curves(lines, axes)

    if able:
        key = [
            (e.name, e.title, e.colour, *kept.state(e.runs[0]), points.get(e.name)) for e, _ in able
        ]
        charts.plotly(
            cache.kept_figure(build, "curve", kind, class_name, calibration.view(), *key),
            key=f"curve_{kind}_{class_name}",
            alt=f"{kind} of {class_name} for each model",
        )


def _parts(entries: Sequence[Entry]) -> list[tuple[Entry, kept.Part]]:
    return [(entry, kept.part(entry.runs[0], "test")) for entry in entries]
