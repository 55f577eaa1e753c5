"""Images worth a look: the best and the worst, and those that are unusual for their source."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import quality
from cxrcore.datasets import Dataset
from pages.data.quality import quality_cache
from pages.data.quality.quality_cache import Scored
from pages.shared import charts, thumbnails
from pages.shared.text import literal, plural

UNKNOWN = "unknown"
BEST = 12  # images shown as best and as worst
STRIP = 8  # thumbnails a source
SHOWN = 2  # sources at first


def best_and_worst(dataset: Dataset, images: pd.DataFrame, scored: Scored, *, stored: bool) -> None:
    """Draw the section of the highest and the lowest scores of all, or of one class.

    Args:
        dataset: the dataset.
        images: from `cached.images`.
        scored: their scores.
        stored: whether the scores are of the pictures as they are shown.
    """
    st.subheader("Look at them")
    wanted = st.pills(
        "Class",
        ["All", *dataset.classes],
        default="All",
        required=True,
        key=f"quality_class_{dataset.name}",
    )
    rows = np.flatnonzero(~np.isnan(scored.scores))
    if wanted != "All":
        rows = rows[(images["label"].iloc[rows] == wanted).to_numpy(bool)]
    if not len(rows):
        st.caption("No image of this class has a score.")
        return
    ordered = rows[np.argsort(scored.scores[rows], kind="stable")]
    halves = charts.halves()
    for title, some in (("Highest scores", ordered[::-1]), ("Lowest scores", ordered)):
        with halves.cell():
            st.markdown(f"**{title}**")
            captions = [f"{scored.scores[row]:.1f}" for row in some[:BEST]]
            _strip(dataset, images, some[:BEST], captions, title)
    note = "" if stored else " Shown as stored; the scores are of the pixels chosen above."
    st.caption(f"Click an image to see it large in the gallery.{note}")


def _strip(
    dataset: Dataset, images: pd.DataFrame, rows: np.ndarray, captions: list[str], title: str
) -> None:
    """Thumbnails of some rows; a click opens the gallery."""
    image_ids = images["image_id"].iloc[rows].tolist()
    key = f"{title}_{dataset.name}"
    picked = thumbnails.grid(dataset, image_ids, captions, key=key, label=title, side=96)
    if picked:
        st.switch_page("pages/data/gallery/page.py", query_params={"image": picked})


def show(dataset: Dataset, images: pd.DataFrame, scored: Scored) -> None:
    """Draw the section.

    Args:
        dataset: the dataset.
        images: from `cached.images`.
        scored: their scores.
    """
    st.subheader("Unusual for their source")
    st.markdown(
        "Each image against the others of its own source, so that a source of poorer pictures is "
        "not taken for a heap of outliers. **z** is the distance from the source's median in "
        "standard deviations, told by the median deviation; "
        f"beyond ±{quality.outliers.UNUSUAL:g} an image is worth a look."
    )
    ranked = quality_cache.unusual(dataset, images, scored)
    names = ranked["source"].fillna(UNKNOWN)
    if ranked["source"].isna().all():
        st.caption("No image has a known source, so all are compared with one another.")
    elif ranked["source"].isna().any():
        count = plural(int(ranked["source"].isna().sum()), "image")
        st.caption(f"Without a known source: {count}, compared with one another as “{UNKNOWN}”.")
    _thumbnails(dataset, images, ranked, names)
    _table(images, ranked, names, scored)
    _download(dataset, lambda: _all(images, ranked, names, scored.scores).to_csv(index=False))


def _thumbnails(
    dataset: Dataset, images: pd.DataFrame, ranked: pd.DataFrame, names: pd.Series
) -> None:
    sizes = names[ranked["rank"].notna()].value_counts()
    if sizes.empty:
        st.caption(f"No source has {quality.outliers.FEWEST} scored images to compare.")
        return
    chosen = sorted(sizes.index, key=UNKNOWN.__eq__)  # the largest first, no source last
    if len(chosen) > 1:
        chosen = st.multiselect(
            "Sources shown", chosen, default=chosen[:SHOWN], key=f"unusual_{dataset.name}"
        )
    alone = len(sizes) == 1
    halves = charts.halves()
    for name in chosen:
        with st.container() if alone else halves.cell():
            title = "All images" if alone and name == UNKNOWN else name
            st.markdown(f"**{literal(title)}**, {plural(int(sizes[name]), 'image')}")
            own = ranked[(names == name).to_numpy(bool)]
            top = quality.outliers.most_unusual(own, STRIP)
            captions = [f"z {z:+.1f}" for z in top["z"]]
            _strip(dataset, images, top.index.to_numpy(), captions, f"{title}, most unusual")


def _table(images: pd.DataFrame, ranked: pd.DataFrame, names: pd.Series, scored: Scored) -> None:
    far = ranked["z"].abs() > quality.outliers.UNUSUAL
    with st.expander(f"{plural(int(far.sum()), 'image')} beyond ±{quality.outliers.UNUSUAL:g}"):
        if not far.any():
            st.caption("None.")
            return
        rows = np.flatnonzero(far)
        table = _all(images.iloc[rows], ranked.iloc[rows], names.iloc[rows], scored.scores[rows])
        table = table.sort_values("z", key=np.abs, ascending=False, kind="stable")
        table["rank"] = [f"{r:,} of {n:,}" for r, n in zip(table["rank"], table["of"], strict=True)]
        st.dataframe(
            table[["path", "label", "source", "score", "z", "rank", "percentile"]].rename(
                columns={
                    "path": "File",
                    "label": "Class",
                    "source": "Source",
                    "score": "Score",
                    "rank": "Rank in its source",
                    "percentile": "Percentile",
                }
            ),
            hide_index=True,
            column_config={
                "Score": st.column_config.NumberColumn(format="%.1f", help="BRISQUE."),
                "z": st.column_config.NumberColumn(format="%+.1f"),
                "Percentile": st.column_config.NumberColumn(
                    format="%.0f", help="Percent of its source with the same or a lower score."
                ),
            },
            alt="Images that are unusual for their source, the most unusual first",
        )


def _all(
    images: pd.DataFrame, ranked: pd.DataFrame, names: pd.Series, scores: np.ndarray
) -> pd.DataFrame:
    table = images[["image_id", "path", "label"]].copy()
    table["source"] = names
    table["score"] = scores
    return table.join(ranked[["z", "rank", "of", "percentile"]])


def _download(dataset: Dataset, table: Callable[[], str]) -> None:
    st.download_button(
        "Download all ranks (CSV)",
        table,
        f"{dataset.name}-unusual.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
