"""The numbers of the histograms page: tables, pure black and white, downloads."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.quality.gray_profiles import extremes_sentence
from pages.data.histograms.gray_cache import WHOLE
from pages.data.histograms.panels import GROUPINGS, PIXELS, Shown
from pages.shared import charts, tables
from pages.shared.text import literal


def show(shown: Shown) -> None:
    """Draw the section."""
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
    tables.table(
        table,
        formats={"Mean gray": "%.1f", "Contrast": "%.1f"},
        helps={
            "Mean gray": "Mean of all pixels, black and white included, 0 to 255.",
            "Contrast": "Standard deviation of an image's gray values, mean over the images.",
        },
        alt=f"Brightness and contrast of each {name.lower()}",
    )
    st.caption(literal(extremes_sentence(profiles, inner=False)))


def _means(shown: Shown) -> None:
    """Table before and after masking, without pure black and white."""
    name, profiles = GROUPINGS[shown.selection.by], shown.gray[WHOLE].profiles
    table = pd.DataFrame({name: [p.name for p in profiles], "Images": [p.images for p in profiles]})
    helps = {}
    for region, gray in shown.gray.items():
        means = {p.name: p.inner_mean for p in gray.profiles}
        table[PIXELS[region]] = [means.get(p.name, np.nan) for p in profiles]
        helps[PIXELS[region]] = "Mean gray value without pure black and pure white, 1 to 254."
    tables.table(
        table,
        formats=dict.fromkeys(helps, "%.1f"),
        helps=helps,
        alt=f"Mean gray value of each {name.lower()} before and after masking",
    )


def _downloads(shown: Shown) -> None:
    def lines() -> pd.DataFrame:
        columns: dict[str, np.ndarray] = {"gray_value": np.arange(1, 255)}
        for region, gray in shown.gray.items():
            for p in gray.profiles:
                name = f"{p.name} {shown.name(region).lower()}".strip()
                columns |= {f"{name} mean": p.mean, f"{name} q1": p.lower, f"{name} q3": p.upper}
        return pd.DataFrame(columns)

    def distances() -> pd.DataFrame:
        parts = []
        for region, gray in shown.gray.items():
            for kind, found in gray.distances.items():
                part = found.table()
                part.insert(0, "measure", kind)
                part.insert(0, "pixels", PIXELS[region].lower())
                parts.append(part)
        return pd.concat(parts)

    name = shown.dataset.name
    tables.download("Download the lines (CSV)", lines, f"{name}-gray-values.csv")
    tables.download("Download the distances (CSV)", distances, f"{name}-gray-distances.csv")
