"""What films can be told apart by: source, view, modality, quality, age, sex, clusters of a model."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.statistics.components import principal

MOST_VALUES = 12  # rarer values are put together
OTHERS = "all others"
COLUMNS = {"source": "Source", "view": "View", "modality": "Modality", "sex": "Sex"}
ALIKE = "Films alike for the model"  # title of the groups of its embedding
_AXES = 16
AGES = (0, 18, 40, 60, 75, np.inf)  # years


@dataclass(frozen=True, eq=False)
class Attribute:
    """What the films are told apart by.

    Attributes:
        title: for people.
        values: in order.
        codes: (n,) place of each film's value in `values`; -1 where it is not known.
    """

    title: str
    values: tuple[str, ...]
    codes: npt.NDArray[np.integer]


def attributes(
    films: pd.DataFrame,
    brisque: npt.NDArray[np.floating] | None = None,
    embeddings: npt.NDArray[np.floating] | None = None,
) -> list[Attribute]:
    """All that can be told of films, without what is the same or unknown for all of them.

    Args:
        films: (n,) rows of the image table.
        brisque: (n,) scores, NaN where not measured; in quarters of these films.
        embeddings: (n, d) of one run, for its own clusters.
    """
    found = [_of_text(title, films[name]) for name, title in COLUMNS.items() if name in films]
    if "age" in films:
        years = pd.to_numeric(films["age"], errors="coerce")  # some layouts keep what was written
        found.append(_ages(years.to_numpy(float, na_value=np.nan)))
    if brisque is not None:
        found.append(_quarters(brisque))
    if embeddings is not None:
        found.append(clusters(embeddings))
    return [
        attribute
        for attribute in found
        if len(np.unique(attribute.codes[attribute.codes >= 0])) > 1
    ]


def clusters(embeddings: npt.NDArray[np.floating], most: int = 8) -> Attribute:
    """Groups of films that a run takes for alike: k-means of its embedding, the largest first.

    By OpenCV: the pages' process, which calls it, does without scikit-learn.

    Args:
        embeddings: (n, d); of films that are all alike there is one group.
        most: groups; fewer where they would have less than 50 films.
    """
    values = np.asarray(embeddings, np.float32)
    count = int(np.clip(len(values) // 50, 2, most))
    if not np.ptp(values, axis=0).any():
        return Attribute(ALIKE, ("group 1",), np.zeros(len(values), int))
    cv2.setRNGSeed(0)  # of this thread: the same films always make the same groups
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    none = np.empty(0, np.int32)  # no labels to begin with
    found = cv2.kmeans(principal(values, _AXES), count, none, stop, 4, cv2.KMEANS_PP_CENTERS)
    labels = found[1].ravel()
    sizes = np.bincount(labels, minlength=count)
    place = np.empty(count, int)
    place[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return Attribute(ALIKE, tuple(f"group {number + 1}" for number in range(count)), place[labels])


def _of_text(title: str, values: pd.Series) -> Attribute:
    counts = values.value_counts()
    names = [str(name) for name in counts.index[:MOST_VALUES]]
    codes = pd.Index(names).get_indexer(values.astype(object))
    if len(counts) > MOST_VALUES:
        names.append(OTHERS)
        codes = np.where((codes < 0) & values.notna().to_numpy(bool), len(names) - 1, codes)
    return Attribute(title, tuple(names), codes)


def _ages(years: npt.NDArray[np.floating]) -> Attribute:
    names = [
        f"{low:g} to {high:g} years" if np.isfinite(high) else f"over {low:g} years"
        for low, high in zip(
            AGES[:-1], (h - 1 if np.isfinite(h) else h for h in AGES[1:]), strict=True
        )
    ]
    names[-1] = f"{AGES[-2]:g} years and older"
    codes = np.digitize(years, AGES[1:-1])
    return Attribute("Age", tuple(names), np.where(np.isnan(years), -1, codes))


def _quarters(brisque: npt.NDArray[np.floating]) -> Attribute:
    names = ("best quarter", "second quarter", "third quarter", "worst quarter")
    known = ~np.isnan(brisque)
    cuts = np.quantile(brisque[known], [0.25, 0.5, 0.75]) if known.any() else []
    codes = np.searchsorted(cuts, brisque, side="left")
    return Attribute("Image quality (BRISQUE)", names, np.where(known, codes, -1))
