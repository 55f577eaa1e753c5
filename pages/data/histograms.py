"""Histograms page: how bright the images of each class are."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.figures import GrayProfile
from cxrcore.index import Index
from pages.parts import cached, charts, facts
from pages.parts.words import literal

GROUPINGS = {"label": "Class", "source": "Source", "view": "View"}
MODALITIES = {"xray": "X-ray", "ct": "CT"}
MOST_GROUPS = 10  # more lines than colours tell nothing


def main() -> None:
    """Draw the page."""
    st.title("Histograms")
    dataset = cached.chosen_dataset()
    measured = cached.measured_index(dataset)
    facts.remarks(dataset, measured)
    st.markdown(
        "How often each gray value occurs. Where two classes differ much in brightness, a model "
        "may tell them apart by that alone, without looking at the lungs.",
    )
    images = cached.images(dataset, measured)
    with st.container(horizontal=True, gap="large"):
        modality = _modality(images)
        by = _grouping(images)
        multiples = _choice("View", ("Overlay", "Small multiples"), "view") == "Small multiples"
        logarithmic = _choice("Vertical scale", ("Linear", "Logarithmic"), "scale") == "Logarithmic"
    profiles = _profiles(dataset, measured, images, by, modality)
    if not profiles:
        st.info("None of these images could be read, so there is nothing to draw.")
        st.stop()
    colours = _colours(dataset, by, profiles)
    fig = cached.figure(
        dataset,
        lambda: figures.histogram_lines(
            profiles, colours, multiples=multiples, logarithmic=logarithmic
        ),
        *("gray", by, modality, multiples, logarithmic),
    )
    charts.plotly(
        fig,
        key="gray",
        alt=f"Share of pixels at each gray value. {_in_words(profiles)}",
    )
    st.caption(
        "Line: mean of the images. Band: the middle half of them (lower to upper quartile). "
        "Each image counts the same, whatever its size. Pure black and pure white are left out of "
        "the lines, since they are mostly borders and burnt-in marks; they are shown below."
    )
    bars = cached.figure(
        dataset, lambda: figures.extremes(profiles, colours), "extremes", by, modality
    )
    _table_and_extremes(profiles, bars, by)
    _download(profiles, dataset)


def _choice(label: str, options: tuple[str, ...], key: str) -> str:
    """One of a few, always one; the same in the address, so that a view can be sent on."""
    return st.segmented_control(
        label, options, default=options[0], required=True, key=f"gray_{key}", bind="query-params"
    )


def _modality(images: pd.DataFrame) -> str | None:
    """X-ray and CT apart: which one, or None where there is only one kind."""
    kinds = [kind for kind in MODALITIES if (images["modality"] == kind).any()]
    if len(kinds) < 2:
        return None
    return st.segmented_control(
        "Kind of image",
        kinds,
        default=kinds[0],
        required=True,
        format_func=MODALITIES.__getitem__,
        key="gray_modality",
        help="X-rays and CT slices have other gray values, so they are never added up.",
    )


def _grouping(images: pd.DataFrame) -> str:
    useful = [c for c in GROUPINGS if c == "label" or images[c].nunique() > 1]
    if len(useful) < 2:
        return "label"
    return st.segmented_control(
        "One line for each",
        useful,
        default="label",
        required=True,
        format_func=GROUPINGS.__getitem__,
        key="gray_by",
        help="If the sources differ more than the classes, a model may learn the source.",
    )


def _profiles(
    dataset: Dataset, measured: Index, images: pd.DataFrame, by: str, modality: str | None
) -> list[GrayProfile]:
    names: tuple[str, ...] = dataset.classes
    if by != "label":
        ranked = images[by].value_counts().index
        names = tuple(map(str, ranked[:MOST_GROUPS]))
        if len(ranked) > MOST_GROUPS:
            st.caption(f"The {MOST_GROUPS} largest of {len(ranked)} are shown.")
    return cached.gray_profiles(dataset, measured, by, names, modality)


def _colours(dataset: Dataset, by: str, profiles: list[GrayProfile]) -> dict[str, str]:
    if by == "label":
        return cached.colours(dataset)
    return figures.class_colours([profile.name for profile in profiles])


def _in_words(profiles: list[GrayProfile]) -> str:
    darkest = min(profiles, key=lambda p: p.brightness)
    brightest = max(profiles, key=lambda p: p.brightness)
    if darkest is brightest:
        return f"Mean gray value {darkest.brightness:.0f}."
    return (
        f"Darkest: {darkest.name}, mean gray value {darkest.brightness:.0f}; "
        f"brightest: {brightest.name}, {brightest.brightness:.0f}."
    )


def _table_and_extremes(profiles: list[GrayProfile], bars: go.Figure, by: str) -> None:
    halves = charts.halves()
    with halves.cell():
        st.subheader("In numbers")
        st.dataframe(
            _numbers(profiles, GROUPINGS[by]),
            hide_index=True,
            column_config={
                "Mean gray": st.column_config.NumberColumn(
                    format="%.1f", help="Mean of all pixels, black and white included, 0 to 255."
                ),
                "Contrast": st.column_config.NumberColumn(
                    format="%.1f", help="Standard deviation of an image's gray values; the mean."
                ),
            },
            alt=f"Brightness and contrast of each {GROUPINGS[by].lower()}",
        )
        st.caption(literal(_in_words(profiles)))
    with halves.cell():
        st.subheader("Pure black and pure white")
        charts.plotly(
            bars,
            key="extremes",
            alt="Mean share of pure black and pure white pixels: "
            + "; ".join(f"{p.name} {p.black:.1%} and {p.white:.1%}" for p in profiles),
        )


def _numbers(profiles: list[GrayProfile], name: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: [p.name for p in profiles],
            "Images": [p.images for p in profiles],
            "Mean gray": [p.brightness for p in profiles],
            "Contrast": [p.contrast for p in profiles],
        }
    )


def _download(profiles: list[GrayProfile], dataset: Dataset) -> None:
    def table() -> str:
        columns: dict[str, np.ndarray] = {"gray_value": np.arange(1, 255)}
        for p in profiles:
            columns |= {f"{p.name} mean": p.mean, f"{p.name} q1": p.lower, f"{p.name} q3": p.upper}
        return pd.DataFrame(columns).to_csv(index=False)

    st.download_button(
        "Download the lines (CSV)",
        table,
        f"{dataset.name}-gray-values.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


main()
