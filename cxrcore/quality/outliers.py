"""How unusual the score of each image is among the images of its own source."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxrcore.errors import DatasetError

FEWEST = 5  # scored images per source; fewer do not show what is usual
UNUSUAL = 3.5  # |z| above this; Iglewicz and Hoaglin 1993

_OF_MAD = 0.6745  # quartile of the normal distribution: makes the MAD a standard deviation
_OF_MEAN = np.sqrt(2 / np.pi)  # the same for the mean absolute deviation


def ranks(
    scores: NDArray[np.float64], sources: pd.Series | np.ndarray, *, fewest: int = FEWEST
) -> pd.DataFrame:
    """Rank each image within its source by the distance of its score from the usual.

    Images without a source are compared with one another.

    Args:
        scores: (n,) any scale; NaN if missing.
        sources: (n,) the source of each image; missing if unknown.
        fewest: minimum number of scored images per source.

    Returns:
        n rows, in order, with
        `source` as given;
        `z` modified z-score, 0.6745 (score - median) / MAD: standard deviations from the median,
        estimated so that outliers do not mask themselves; positive is a higher score;
        `rank` 1 for the most unusual of its source, high or low, ties sharing the better rank;
        `of` scored images of its source;
        `percentile` 0..100, share of its source with the same or a lower score.
        Missing without a score, and in sources with too few images.

    Raises:
        DatasetError: scores and sources differ in length.

    Source:
        Iglewicz and Hoaglin 1993, "How to detect and handle outliers". If more than half
        of a source has the same score, the MAD is 0 and the mean absolute deviation is used.
    """
    values, names = np.asarray(scores, np.float64), np.asarray(sources, object)
    if values.ndim != 1 or values.shape != names.shape:
        raise DatasetError(
            "Ranks within a source take one source for each score. "
            f"Received: scores {values.shape}, sources {names.shape}. Pass columns of one table."
        )
    table = pd.DataFrame({"source": pd.array(names, dtype="string"), "score": values})
    table["score"] = table["score"].where(np.isfinite(values))
    by_source = table.groupby("source", dropna=False)["score"]
    count = by_source.transform("count")
    table["score"] = table["score"].where(count >= fewest)
    by_source = table.groupby("source", dropna=False)["score"]
    off = table["score"] - by_source.transform("median")
    spread = _spread(off, table["source"])
    table["z"] = (off / spread).where(spread > 0, off.where(off.isna(), 0.0))
    table["rank"] = (
        table["z"].abs().groupby(table["source"], dropna=False).rank(ascending=False, method="min")
    ).astype("Int64")
    table["of"] = count.where(table["score"].notna()).astype("Int64")
    table["percentile"] = 100 * by_source.rank(method="max", pct=True)
    return table[["source", "z", "rank", "of", "percentile"]]


def _spread(off: pd.Series, sources: pd.Series) -> pd.Series:
    """The standard deviation of each source, estimated from the median or mean deviation."""
    groups = off.abs().groupby(sources, dropna=False)
    median = groups.transform("median") / _OF_MAD
    mean = groups.transform("mean") / _OF_MEAN
    return median.where(median > 0, mean)


def most_unusual(ranked: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows of the most unusual images of each source, sorted by source and rank.

    Args:
        ranked: from `ranks`; its index is kept.
        most: rows per source.
    """
    found = ranked[ranked["rank"].notna()].sort_values("rank", kind="stable")
    found = found.groupby("source", dropna=False, sort=False).head(most)
    return found.sort_values(["source", "rank"], kind="stable", na_position="last")
