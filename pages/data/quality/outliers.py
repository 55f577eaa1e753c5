"""Images worth a look: the best and the worst scores, and the outliers of each source."""

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.quality.outliers import FEWEST, UNUSUAL, most_unusual
from pages.data.quality import quality_cache
from pages.data.quality.quality_cache import Scores
from pages.shared import charts, tables, thumbnails
from pages.shared.text import literal, plural

UNKNOWN = "unknown"
_EXTREMES = 12  # images shown as best and as worst
_OUTLIERS = 8  # thumbnails per source
_SOURCES = 2  # shown at first
_HEADS = {
    "path": "File",
    "label": "Class",
    "source": "Source",
    "score": "Score",
    "z": "z",
    "rank": "Rank in its source",
    "percentile": "Percentile",
}


def best_and_worst(dataset: Dataset, images: pd.DataFrame, scores: Scores, *, stored: bool) -> None:
    """Draw the highest and the lowest scores of all images, or of one class.

    Args:
        dataset: the dataset.
        images: from `cache.images`.
        scores: of the images.
        stored: whether the scores are of the images as they are shown.
    """
    st.subheader("Look at them")
    wanted = st.pills(
        "Class",
        ["All", *dataset.classes],
        default="All",
        required=True,
        format_func=literal,
        key=f"quality_class_{dataset.name}",
    )
    rows = np.flatnonzero(~np.isnan(scores.values))
    if wanted != "All":
        rows = rows[(images["label"].iloc[rows] == wanted).to_numpy(bool)]
    if not len(rows):
        st.caption("No image of this class has a score.")
        return
    rows = rows[np.argsort(scores.values[rows], kind="stable")]
    halves = charts.halves()
    for title, some in (
        ("Highest scores", rows[::-1][:_EXTREMES]),
        ("Lowest scores", rows[:_EXTREMES]),
    ):
        with halves.cell():
            st.markdown(f"**{title}**")
            _thumbnails(dataset, images, some, [f"{s:.1f}" for s in scores.values[some]], title)
    note = "" if stored else " Shown as stored; the scores are of the pixels chosen above."
    st.caption(f"Click an image to see it large in the gallery.{note}")


def _thumbnails(
    dataset: Dataset, images: pd.DataFrame, rows: np.ndarray, captions: list[str], title: str
) -> None:
    thumbnails.grid(
        dataset,
        images["image_id"].iloc[rows].tolist(),
        captions,
        key=f"{title}_{dataset.name}",
        open_in=thumbnails.GALLERY,
        label=title,
        side=96,
    )


def show(dataset: Dataset, images: pd.DataFrame, scores: Scores) -> None:
    """Draw the outliers of each source.

    Args:
        dataset: the dataset.
        images: from `cache.images`.
        scores: of the images.
    """
    st.subheader("Outliers of each source")
    st.markdown(
        "Each image is compared with the others of its own source, so that a source of poorer "
        "images is not mistaken for a heap of outliers. **z** is the distance from the source's "
        "median in standard deviations, estimated from the median absolute deviation; beyond "
        f"±{UNUSUAL:g} an image is worth a look."
    )
    ranks = quality_cache.ranks(images, scores)
    sources = ranks["source"].fillna(UNKNOWN)
    if ranks["source"].isna().all():
        st.caption("No image has a known source, so all are compared with one another.")
    elif ranks["source"].isna().any():
        count = plural(int(ranks["source"].isna().sum()), "image")
        st.caption(f"{count} without a known source are compared with one another as “{UNKNOWN}”.")
    _by_source(dataset, images, ranks, sources)
    table = images[["image_id", "path", "label"]].assign(source=sources, score=scores.values)
    table = table.join(ranks[["z", "rank", "of", "percentile"]])
    _outlier_table(table)
    tables.download("Download all ranks (CSV)", lambda: table, f"{dataset.name}-outliers.csv")


def _by_source(
    dataset: Dataset, images: pd.DataFrame, ranks: pd.DataFrame, sources: pd.Series
) -> None:
    sizes = sources[ranks["rank"].notna()].value_counts()
    if sizes.empty:
        st.caption(f"No source has {FEWEST} scored images to compare.")
        return
    chosen = sorted(sizes.index, key=UNKNOWN.__eq__)  # the largest first, no source last
    if len(chosen) > 1:
        chosen = st.multiselect(
            "Sources shown", chosen, default=chosen[:_SOURCES], key=f"unusual_{dataset.name}"
        )
    alone = len(sizes) == 1
    halves = charts.halves()
    for name in chosen:
        with st.container() if alone else halves.cell():
            title = "All images" if alone and name == UNKNOWN else name
            st.markdown(f"**{literal(title)}**, {plural(int(sizes[name]), 'image')}")
            top = most_unusual(ranks[(sources == name).to_numpy(bool)], _OUTLIERS)
            captions = [f"z {z:+.1f}" for z in top["z"]]
            _thumbnails(dataset, images, top.index.to_numpy(), captions, f"{title}, outliers")


def _outlier_table(table: pd.DataFrame) -> None:
    far = table[table["z"].abs() > UNUSUAL]
    with st.expander(f"{plural(len(far), 'image')} beyond ±{UNUSUAL:g}"):
        if far.empty:
            st.caption("None.")
            return
        far = far.sort_values("z", key=np.abs, ascending=False, kind="stable")
        ranks = [f"{rank:,} of {of:,}" for rank, of in zip(far["rank"], far["of"], strict=True)]
        tables.table(
            far.assign(rank=ranks)[list(_HEADS)].rename(columns=_HEADS),
            formats={"Score": "%.1f", "z": "%+.1f", "Percentile": "%.0f"},
            helps={
                "Score": "BRISQUE.",
                "Percentile": "Percent of its source with the same or a lower score.",
            },
            alt="Outliers of each source, the farthest first",
        )
