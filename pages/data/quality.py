"""Quality page: BRISQUE scores, and what a limit would remove."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from pages.parts import cached, charts, facts, thumbs
from pages.parts.words import literal, plural

# name on the page -> rule of figures.limit
RULES: dict[str, figures.Rule] = {
    "Upper quartile (Q3)": "q3",
    "Q3 + 1.5 × IQR": "fence",
    "Fixed score": "fixed",
    "Percentile": "percentile",
}
PUBLISHED_LIMIT = 70.0  # recipes of study A remove images from this score on
STRIP = 12  # images shown as best and as worst
UNEVEN = 0.05  # classes that lose shares further apart than this are pointed out


def main() -> None:
    """Draw the page."""
    st.title("Quality")
    dataset = cached.chosen_dataset()
    measured = cached.measured_index(dataset)
    images = cached.images(dataset, measured)
    facts.remarks(dataset, measured)
    st.markdown(
        "BRISQUE gives each picture a score from its pixels alone. It was built for **natural "
        "photographs**, where a lower score means a better picture. What it means for X-rays is "
        "uncertain: use it to find odd images, and look at them before leaving them out."
    )
    scores = images["brisque"].to_numpy(np.float64, na_value=np.nan)
    if np.isnan(scores).all():
        st.info("No image has a score: they are damaged, or of one single gray value.")
        st.stop()
    limit = _limit(scores)
    out = figures.removed(scores, limit)
    _headline(limit, out, scores)
    _distribution(images, scores, limit, out, dataset)
    _best_and_worst(images, scores, dataset)
    _removed_list(images, out, limit, dataset)


def _limit(scores: np.ndarray) -> float:
    """The score above which images would be left out."""
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        name = st.segmented_control(
            "Leave out images above",
            list(RULES),
            default="Q3 + 1.5 × IQR",
            required=True,
            key="limit_rule",
            help="Q3: a quarter of the images score higher. IQR: the distance between the lower "
            "and the upper quartile; Q3 + 1.5 × IQR is the usual bound for outliers. One limit for "
            "all classes, taken from all images of the dataset.",
        )
        value = 0.0
        if RULES[name] == "fixed":
            value = st.number_input(
                "Score",
                value=PUBLISHED_LIMIT,
                step=1.0,
                format="%.1f",
                key="limit_score",
                width=160,
            )
        elif RULES[name] == "percentile":
            value = st.number_input(
                "Percent kept", 50.0, 100.0, 95.0, 0.5, key="limit_percent", width=160
            )
    return figures.limit(scores, RULES[name], value)


def _headline(limit: float, out: np.ndarray, scores: np.ndarray) -> None:
    columns = st.columns(4)
    columns[0].metric("Limit", f"{limit:.1f}", help="BRISQUE score; images above it are left out.")
    columns[1].metric("Images left out", f"{out.sum():,}", border=False)
    columns[2].metric("Share", f"{out.mean():.1%}")
    columns[3].metric("Median score", f"{np.nanmedian(scores):.1f}")
    if unscored := int(np.isnan(scores).sum()):
        st.caption(
            f"{plural(unscored, 'image')} without a score (damaged, or of one gray value) never left out here."
        )


def _distribution(
    images: pd.DataFrame, scores: np.ndarray, limit: float, out: np.ndarray, dataset: Dataset
) -> None:
    labels = images["label"].astype(object).to_numpy()
    summary = figures.quartiles(scores, labels, dataset.classes)
    colours = cached.colours(dataset)
    halves = charts.halves()
    with halves.cell():
        st.subheader("Scores of each class")
        fig = cached.figure(
            dataset,
            lambda: figures.brisque_panels(scores, labels, summary, colours, limit),
            *("brisque", limit),
        )
        charts.plotly(
            fig,
            key="brisque",
            alt="BRISQUE scores of each class. Medians: "
            + ", ".join(f"{q.name} {q.median:.1f}" for q in summary),
        )
        st.caption(
            "Bars: share of the class. Thin lines: quartiles; thick: median. Dashed: the limit; what lies above it is pale."
        )
    with halves.cell():
        st.subheader("What the limit leaves out")
        lost = pd.Series(labels[out]).value_counts().reindex(list(dataset.classes), fill_value=0)
        totals = dataset.counts()
        fig = cached.figure(
            dataset, lambda: figures.removed_bars(lost, totals, colours), "removed", limit
        )
        charts.plotly(
            fig,
            key="removed",
            alt="Left out: " + ", ".join(f"{c} {lost[c]:,} of {totals[c]:,}" for c in totals.index),
        )
        _point_out_unevenness(lost / totals.clip(lower=1))
        st.table(
            _quartile_table(summary),
            border="horizontal",
            hide_index=True,
            alt="Quartiles of the scores of each class",
        )


def _point_out_unevenness(shares: pd.Series) -> None:
    if shares.max() - shares.min() < UNEVEN:
        return
    most, least = str(shares.idxmax()), str(shares.idxmin())
    st.caption(
        f":material/balance: This limit takes {shares.max():.0%} of {literal(most)} but "
        f"{shares.min():.0%} of {literal(least)}: it changes the balance of the classes, and it may "
        "be sorting by source or by disease rather than by quality."
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


def _best_and_worst(images: pd.DataFrame, scores: np.ndarray, dataset: Dataset) -> None:
    st.subheader("Look at them")
    wanted = st.pills(
        "Class",
        ["All", *dataset.classes],
        default="All",
        required=True,
        key=f"quality_class_{dataset.name}",
    )
    rows = np.flatnonzero(~np.isnan(scores))
    if wanted != "All":
        rows = rows[(images["label"].iloc[rows] == wanted).to_numpy(bool)]
    if not len(rows):
        st.caption("No image of this class has a score.")
        return
    ranked = rows[np.argsort(scores[rows], kind="stable")]
    halves = charts.halves()
    with halves.cell():
        _strip("Highest scores", ranked[::-1][:STRIP], images, scores, dataset)
    with halves.cell():
        _strip("Lowest scores", ranked[:STRIP], images, scores, dataset)
    st.caption("Click an image to see it large in the gallery.")


def _strip(
    title: str, rows: np.ndarray, images: pd.DataFrame, scores: np.ndarray, dataset: Dataset
) -> None:
    st.markdown(f"**{title}**")
    picked = thumbs.grid(
        dataset,
        images["image_id"].iloc[rows].tolist(),
        [f"{scores[row]:.1f}" for row in rows],
        key=f"{title}_{dataset.name}",
        label=title,
        side=96,
    )
    if picked:
        st.switch_page("pages/data/gallery.py", query_params={"image": picked})


def _removed_list(images: pd.DataFrame, out: np.ndarray, limit: float, dataset: Dataset) -> None:
    gone = images.loc[out, ["path", "label", "source", "brisque", "width", "height"]]
    gone = gone.sort_values("brisque", ascending=False, kind="stable")
    with st.expander(f"The {plural(len(gone), 'image')} above {limit:.1f}"):
        if gone.empty:
            st.caption("None.")
        else:
            shown = gone.dropna(axis="columns", how="all")
            st.dataframe(
                shown.rename(
                    columns={
                        "path": "File",
                        "label": "Class",
                        "source": "Source",
                        "brisque": "BRISQUE",
                        "width": "Width",
                        "height": "Height",
                    }
                ),
                hide_index=True,
                column_config={"BRISQUE": st.column_config.NumberColumn(format="%.1f")},
                alt="Images above the limit, the highest score first",
            )
    left, right = st.columns(2)
    with left:
        _download(
            "Download the images left out (CSV)",
            lambda: gone.to_csv(index=False),
            f"{dataset.name}-left-out.csv",
        )
    with right:
        columns = ["image_id", "path", "label", "brisque"]
        _download(
            "Download all scores (CSV)",
            lambda: images[columns].to_csv(index=False),
            f"{dataset.name}-brisque.csv",
        )
    st.caption(
        "To train without poor images, set *Highest BRISQUE score* in the sidebar's form. It is measured there on the "
        "picture as the model sees it, resized and masked, so it can differ from the score of the whole file."
    )


def _download(label: str, data: Callable[[], str], name: str) -> None:
    st.download_button(
        label,
        data,
        name,
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


main()
