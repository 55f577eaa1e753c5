"""The histograms page in numbers: tables, pure black and white, downloads."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from pages.data.histograms.gray_cache import WHOLE
from pages.data.histograms.panels import GROUPINGS, PIXELS, Shown, in_words, inner_mean
from pages.shared import charts
from pages.shared.text import literal


def show(shown: Shown) -> None:
    """The numbers as a table, what is black and white, and the downloads."""
    profiles = shown.gray[WHOLE].profiles
    if shown.masked:
        st.subheader("Mean gray value")
        _means(shown)
    else:
        halves = charts.halves()
        with halves.cell():
            st.subheader("In numbers")
            _brightness(shown)
        with halves.cell():
            st.subheader("Pure black and pure white")
            bars = shown.figure(lambda: figures.extremes(profiles, shown.colours), "extremes")
            charts.plotly(
                bars,
                key="extremes",
                alt="Mean share of pure black and pure white pixels: "
                + "; ".join(f"{p.name} {p.black:.1%} and {p.white:.1%}" for p in profiles),
            )
    with st.container(horizontal=True, gap="medium"):
        _downloads(shown)


def _brightness(shown: Shown) -> None:
    """Table of the whole images, with all their pixels."""
    name, profiles = GROUPINGS[shown.selection.by], shown.gray[WHOLE].profiles
    table = pd.DataFrame(
        {
            name: [p.name for p in profiles],
            "Images": [p.images for p in profiles],
            "Mean gray": [p.brightness for p in profiles],
            "Contrast": [p.contrast for p in profiles],
        }
    )
    helps = {
        "Mean gray": "Mean of all pixels, black and white included, 0 to 255.",
        "Contrast": "Standard deviation of an image's gray values; the mean.",
    }
    _table(table, helps, f"Brightness and contrast of each {name.lower()}")
    st.caption(literal(in_words(profiles, masked=False)))


def _means(shown: Shown) -> None:
    """Table before and after masking, with the pixels that count."""
    name, profiles = GROUPINGS[shown.selection.by], shown.gray[WHOLE].profiles
    table = pd.DataFrame({name: [p.name for p in profiles], "Images": [p.images for p in profiles]})
    helps = {}
    for region, gray in shown.gray.items():
        means = {p.name: inner_mean(p) for p in gray.profiles}
        table[PIXELS[region]] = [means.get(p.name, np.nan) for p in profiles]
        helps[PIXELS[region]] = "Mean gray value, pure black and pure white left out, 1 to 254."
    _table(table, helps, f"Mean gray value of each {name.lower()} before and after masking")


def _table(table: pd.DataFrame, helps: dict[str, str], alt: str) -> None:
    columns = {
        name: st.column_config.NumberColumn(format="%.1f", help=said)
        for name, said in helps.items()
    }
    st.dataframe(table, hide_index=True, column_config=columns, alt=alt)


def _downloads(shown: Shown) -> None:
    def lines() -> str:
        columns: dict[str, np.ndarray] = {"gray_value": np.arange(1, 255)}
        for region, gray in shown.gray.items():
            for p in gray.profiles:
                name = f"{p.name} {shown.name(region).lower()}".strip()
                columns |= {f"{name} mean": p.mean, f"{name} q1": p.lower, f"{name} q3": p.upper}
        return pd.DataFrame(columns).to_csv(index=False)

    def distances() -> str:
        parts = []
        for region, gray in shown.gray.items():
            for kind, found in gray.distances.items():
                part = found.table()
                part.insert(0, "measure", kind)
                part.insert(0, "pixels", PIXELS[region].lower())
                parts.append(part)
        return pd.concat(parts).to_csv(index=False)

    for label, data, what in (
        ("Download the lines (CSV)", lines, "gray-values"),
        ("Download the distances (CSV)", distances, "gray-distances"),
    ):
        st.download_button(
            label,
            data,
            f"{shown.dataset.name}-{what}.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
