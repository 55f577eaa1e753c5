"""Quality page: BRISQUE scores, what they give away, and what a limit would remove."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.pixels import Preparation
from pages.data.quality import exclusions, outliers, quality_cache, shortcut
from pages.data.quality.quality_cache import Scored
from pages.shared import cache, charts, details, preparations
from pages.shared.text import literal, plural

# name on the page -> rule of figures.limit
RULES: dict[str, figures.Rule] = {
    "Upper quartile (Q3)": "q3",
    "Q3 + 1.5 × IQR": "fence",
    "Fixed score": "fixed",
    "Percentile": "percentile",
}
GROUPINGS = {"label": "Class", "source": "Source"}
PUBLISHED_LIMIT = 70.0  # recipes of study A remove images from this score on
MOST_GROUPS = 10  # more panels than colours tell nothing
UNKNOWN = outliers.UNKNOWN
UNEVEN = 0.05  # groups that lose shares further apart than this are pointed out


@dataclass(frozen=True, eq=False)
class Groups:
    """The classes or sources that are compared."""

    by: str  # column
    values: np.ndarray  # (n,) the group of each image
    names: list[str]  # those that are drawn
    colours: dict[str, str]


def main() -> None:
    """Draw the page."""
    st.title("Quality")
    dataset = cache.chosen_dataset()
    measured = cache.measured_index(dataset)
    images = cache.images(dataset, measured)
    details.remarks(dataset, measured)
    st.markdown(
        "BRISQUE gives each picture a score from its pixels alone. It was built for **natural "
        "photographs**, where a lower score means a better picture. What it means for X-rays is "
        "uncertain: use it to find odd images, and look at them before leaving them out."
    )
    preparation = preparations.choice(dataset, "quality")
    scored = _scored(dataset, images, preparation)
    if np.isnan(scored.scores).all():
        st.info(_no_score(preparation))
        st.stop()
    verdict = quality_cache.verdict(dataset, images, scored)
    region = None if preparation is None else preparation.region
    shortcut.show(verdict, dataset, images["source"], scored, region)
    st.subheader("A limit, and what it leaves out")
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        limit = _limit(scored.scores)
        groups = _groups(images, dataset)
    out = figures.removed(scored.scores, limit)
    _headline(limit, out, scored, preparation)
    _distribution(groups, scored, limit, out, dataset)
    outliers.best_and_worst(dataset, images, scored, stored=preparation is None)
    outliers.show(dataset, images, scored)
    exclusions.show(images, out, limit, scored, dataset, preparation)


def _scored(dataset: Dataset, images: pd.DataFrame, preparation: Preparation | None) -> Scored:
    """The scores of the pixels that were chosen; offers to make them and ends the run."""
    if preparation is None:
        return quality_cache.stored(dataset, images)
    try:
        found = quality_cache.prepared(dataset, preparation)
    except CxrError as error:
        st.error(str(error))
        st.stop()
    return preparations.offer(dataset, preparation) if found is None else found


def _no_score(preparation: Preparation | None) -> str:
    if preparation is None:
        return "No image has a score: they are damaged, too small, or of too few gray values."
    return (
        "No image has a score: they are damaged, have no lung mask, or are of one single gray "
        "value. Choose another side or show the whole picture."
    )


def _limit(scores: np.ndarray) -> float:
    """The score above which images would be left out."""
    name = st.segmented_control(
        "Leave out images above",
        list(RULES),
        default="Q3 + 1.5 × IQR",
        required=True,
        key="limit_rule",
        bind="query-params",
        help="Q3: a quarter of the images score higher. IQR: the distance between the lower "
        "and the upper quartile; Q3 + 1.5 × IQR is the usual bound for outliers. One limit for "
        "all images, whatever their class or source.",
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
    return figures.limit(scores, RULES[name], value)


def _groups(images: pd.DataFrame, dataset: Dataset) -> Groups:
    """What is compared: classes, or sources where the dataset names several."""
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
    limit: float, out: np.ndarray, scored: Scored, preparation: Preparation | None
) -> None:
    columns = st.columns(4)
    columns[0].metric("Limit", f"{limit:.1f}", help="BRISQUE score; images above it are left out.")
    columns[1].metric("Images left out", f"{out.sum():,}", border=False)
    columns[2].metric("Share", f"{out.mean():.1%}")
    columns[3].metric("Median score", f"{np.nanmedian(scored.scores):.1f}")
    unscored = int(np.isnan(scored.scores).sum()) - len(scored.reasons)
    if preparation is None and unscored:
        st.caption(
            f"{plural(unscored, 'image')} without a score (damaged, too small or too uniform): never left out here."
        )
    elif unscored:
        st.caption(
            f"{plural(unscored, 'image')} without a score (too small or too uniform); a training with a "
            "limit leaves out these, too."
        )
    if scored.reasons:
        st.caption(
            f"{plural(len(scored.reasons), 'image')} not usable here, damaged or without a lung "
            "mask, and left out of every training on these pixels, with or without a limit."
        )


def _distribution(
    groups: Groups, scored: Scored, limit: float, out: np.ndarray, dataset: Dataset
) -> None:
    scores, kind = scored.scores, GROUPINGS[groups.by].lower()
    summary = figures.quartiles(scores, groups.values, groups.names)
    halves = charts.halves()
    with halves.cell():
        st.markdown(f"**Scores of each {kind}**")
        fig = cache.figure(
            dataset,
            lambda: figures.brisque_panels(scores, groups.values, summary, groups.colours, limit),
            *("brisque", limit, groups.by, scored.key),
        )
        charts.plotly(
            fig,
            key="brisque",
            alt=f"BRISQUE scores of each {kind}. Medians: "
            + ", ".join(f"{q.name} {q.median:.1f}" for q in summary),
        )
        st.caption(
            f"Bars: share of the {kind}. Thin lines: quartiles; thick: median. Dashed: the limit; what lies above it is pale."
        )
        if (hidden := len(pd.unique(groups.values)) - len(groups.names)) > 0:
            st.caption(f"The {len(groups.names)} largest; {hidden} more are not drawn.")
    with halves.cell():
        st.markdown("**What the limit leaves out**")
        totals = pd.Series(groups.values).value_counts().reindex(groups.names, fill_value=0)
        lost = pd.Series(groups.values[out]).value_counts().reindex(groups.names, fill_value=0)
        fig = cache.figure(
            dataset,
            lambda: figures.removed_bars(lost, totals, groups.colours).update_xaxes(
                title_text=f"Removed (% of the {kind})"
            ),
            *("removed", limit, groups.by, scored.key),
        )
        charts.plotly(
            fig,
            key="removed",
            alt="Left out: " + ", ".join(f"{c} {lost[c]:,} of {totals[c]:,}" for c in totals.index),
        )
        _point_out_unevenness(lost / totals.clip(lower=1), groups.by)
        st.table(
            _quartile_table(summary),
            border="horizontal",
            hide_index=True,
            alt=f"Quartiles of the scores of each {kind}",
        )


def _point_out_unevenness(shares: pd.Series, by: str) -> None:
    if shares.max() - shares.min() < UNEVEN:
        return
    most, least = str(shares.idxmax()), str(shares.idxmin())
    st.caption(
        f":material/balance: This limit takes {shares.max():.0%} of {literal(most)} but "
        f"{shares.min():.0%} of {literal(least)}: it changes the balance of the "
        f"{'classes' if by == 'label' else 'sources'}, and it may be sorting by source or by "
        "disease rather than by quality."
    )


def _quartile_table(summary: list[figures.Quartiles]) -> pd.DataFrame:
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
