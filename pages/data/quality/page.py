"""Quality page: BRISQUE scores, what they give away, and what a limit would exclude."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.pixels import Preparation
from cxrcore.quality import limits
from pages.data.quality import exclusions, outliers, quality_cache, shortcut_section
from pages.data.quality.quality_cache import Scores
from pages.shared import cache, charts, data_page, preparations
from pages.shared.text import literal, plural

# name on the page -> rule of limits.limit
RULES: dict[str, limits.Rule] = {
    "Upper quartile (Q3)": "q3",
    "Q3 + 1.5 × IQR": "fence",
    "Fixed score": "fixed",
    "Percentile": "percentile",
}
GROUPINGS = {"label": "Class", "source": "Source"}
PUBLISHED_LIMIT = 70.0  # of the recipes of study A
MOST_GROUPS = 10  # as many as there are colours
UNKNOWN = outliers.UNKNOWN


@dataclass(frozen=True, eq=False)
class Groups:
    """The classes or sources that are compared."""

    by: Literal["label", "source"]  # column
    values: np.ndarray  # (n,) the group of each image
    names: list[str]  # those that are drawn
    colours: dict[str, str]


def main() -> None:
    """Draw the page."""
    data = data_page.begin("Quality")
    dataset, images = data.dataset, data.images
    st.markdown(
        "BRISQUE scores each image from its pixels alone. It was made for **natural photographs**, "
        "where a lower score means a better image. What it means for X-rays is uncertain: use it "
        "to find odd images, and look at them before you exclude them."
    )
    preparation = preparations.choice(dataset, "quality")
    scores = _scores(dataset, images, preparation)
    if np.isnan(scores.values).all():
        st.info(_no_score(preparation))
        st.stop()
    shortcut = quality_cache.shortcut(dataset, images, scores)
    region = None if preparation is None else preparation.region
    shortcut_section.show(shortcut, dataset, images["source"], scores, region)
    st.subheader("A limit, and what it excludes")
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        limit = _limit(scores.values)
        groups = _groups(images, dataset)
    excluded = limits.removed(scores.values, limit)
    _headline(limit, excluded, scores, preparation)
    _distribution(groups, scores, limit, excluded, dataset)
    outliers.best_and_worst(dataset, images, scores, stored=preparation is None)
    outliers.show(dataset, images, scores)
    exclusions.show(images, excluded, limit, scores, dataset, preparation)


def _scores(dataset: Dataset, images: pd.DataFrame, preparation: Preparation | None) -> Scores:
    """The scores of the chosen pixels; while there are none, offer to make them and end the run."""
    if preparation is None:
        return quality_cache.stored(dataset, images)
    try:
        found = quality_cache.prepared(dataset, preparation)
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    return preparations.offer(dataset, preparation) if found is None else found


def _no_score(preparation: Preparation | None) -> str:
    if preparation is None:
        return "No image has a score: all are damaged, too small, or have too few gray values."
    return (
        "No image has a score: all are damaged, without a lung mask, or of a single gray value. "
        "Choose another side or the whole image."
    )


def _limit(scores: np.ndarray) -> float:
    """The score above which images would be excluded."""
    name = st.segmented_control(
        "Exclude images above",
        list(RULES),
        default="Q3 + 1.5 × IQR",
        required=True,
        key="limit_rule",
        bind="query-params",
        help="Q3: a quarter of the images score higher. IQR: the distance between the lower and "
        "the upper quartile; Q3 + 1.5 × IQR is the usual bound for outliers. The limit is the same "
        "for all classes and sources.",
    )
    value = 0.0
    if RULES[name] == "fixed":
        value = st.number_input(
            "Score", value=PUBLISHED_LIMIT, step=1.0, format="%.1f", key="limit_score", width=160
        )
    elif RULES[name] == "percentile":
        value = st.number_input(
            "Percent kept", 50.0, 100.0, 95.0, 0.5, key="limit_percent", width=160
        )
    return limits.limit(scores, RULES[name], value)


def _groups(images: pd.DataFrame, dataset: Dataset) -> Groups:
    """Classes, or sources if the dataset names several and the reader wants them."""
    sources = images["source"].fillna(UNKNOWN).astype(object)
    if sources.nunique() < 2 or (
        st.segmented_control(
            "Compare",
            list(GROUPINGS),
            default="label",
            required=True,
            format_func=GROUPINGS.__getitem__,
            key="quality_by",
            bind="query-params",
        )
        == "label"
    ):
        classes = images["label"].astype(object).to_numpy()
        return Groups("label", classes, list(dataset.classes), cache.colours(dataset))
    names = [str(name) for name in sources.value_counts().index[:MOST_GROUPS]]
    colours = figures.class_colours(names)
    if UNKNOWN in colours:
        colours[UNKNOWN] = figures.NEUTRAL
    return Groups("source", sources.to_numpy(), names, colours)


def _headline(
    limit: float, excluded: np.ndarray, scores: Scores, preparation: Preparation | None
) -> None:
    columns = st.columns(4)
    columns[0].metric("Limit", f"{limit:.1f}", help="BRISQUE score; images above it are excluded.")
    columns[1].metric("Images excluded", f"{excluded.sum():,}", border=False)
    columns[2].metric("Share", f"{excluded.mean():.1%}")
    columns[3].metric("Median score", f"{np.nanmedian(scores.values):.1f}")
    unscored = int(np.isnan(scores.values).sum()) - len(scores.unusable)
    if preparation is None and unscored:
        st.caption(
            f"{plural(unscored, 'image')} without a score (damaged, too small or too uniform): "
            "never excluded here."
        )
    elif unscored:
        st.caption(
            f"{plural(unscored, 'image')} without a score (too small or too uniform): a training "
            "with a limit excludes them too."
        )
    if scores.unusable:
        st.caption(
            f"{plural(len(scores.unusable), 'image')} can't be used here, damaged or without a lung "
            "mask: excluded from every training on these pixels, with or without a limit."
        )


def _distribution(
    groups: Groups, scores: Scores, limit: float, excluded: np.ndarray, dataset: Dataset
) -> None:
    values, kind = scores.values, GROUPINGS[groups.by].lower()
    summary = limits.quartiles(values, groups.values, groups.names)
    halves = charts.halves()
    with halves.cell():
        st.markdown(f"**Scores of each {kind}**")
        fig = cache.figure(
            dataset,
            lambda: figures.brisque_panels(values, groups.values, summary, groups.colours, limit),
            *("brisque", limit, groups.by, scores.key),
        )
        charts.plotly(
            fig,
            key="brisque",
            alt=f"BRISQUE scores of each {kind}. Medians: "
            + ", ".join(f"{q.name} {q.median:.1f}" for q in summary),
        )
        st.caption(
            f"Bars: share of the {kind}. Thin lines: quartiles; thick line: median. Dashed: the "
            "limit; bars above it are pale."
        )
        if (hidden := len(pd.unique(groups.values)) - len(groups.names)) > 0:
            st.caption(f"The {len(groups.names)} largest are drawn, {hidden} more are not.")
    with halves.cell():
        st.markdown("**What the limit excludes**")
        totals = pd.Series(groups.values).value_counts().reindex(groups.names, fill_value=0)
        lost = pd.Series(groups.values[excluded]).value_counts().reindex(totals.index, fill_value=0)
        fig = cache.figure(
            dataset,
            lambda: figures.removed_bars(lost, totals, groups.colours, kind),
            *("removed", limit, groups.by, scores.key),
        )
        charts.plotly(
            fig,
            key="removed",
            alt="Excluded: " + ", ".join(f"{c} {lost[c]:,} of {totals[c]:,}" for c in totals.index),
        )
        unevenness = limits.balance_sentence(
            lost, totals, "class" if groups.by == "label" else "source"
        )
        if unevenness:
            st.caption(f":material/balance: {literal(unevenness)}")
        st.table(
            _quartile_table(summary),
            border="horizontal",
            hide_index=True,
            alt=f"Quartiles of the scores of each {kind}",
        )


def _quartile_table(summary: list[limits.Quartiles]) -> pd.DataFrame:
    def number(value: float) -> str:
        return "none" if np.isnan(value) else f"{value:.1f}"

    return pd.DataFrame(
        {
            "Score": [literal(q.name) for q in summary],
            "Lowest": [number(q.lowest) for q in summary],
            "Q1": [number(q.q1) for q in summary],
            "Median": [number(q.median) for q in summary],
            "Q3": [number(q.q3) for q in summary],
            "Highest": [number(q.highest) for q in summary],
        }
    )


main()
