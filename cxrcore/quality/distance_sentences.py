"""Distances between groups of images in words: what is farthest apart, what masking changes."""

import numpy as np

from cxrcore.errors import DatasetError
from cxrcore.quality.distances import Distances, Kind

_UNITS: dict[Kind, str] = {"wasserstein": " gray levels", "ks": ""}
_DECIMALS: dict[Kind, int] = {"wasserstein": 1, "ks": 2}
_MOSTLY = 0.5  # of a distance: what is less afterwards is mostly gone
# Where the pixels of each region of `images.REGIONS` are.
_WHERE = {
    "none": "on the whole image",
    "lungs": "within the lungs",
    "lungs-crop": "in the box around the lungs",
    "lungs-erased": "outside the lungs",
    "border": "outside the box around the lungs",
}


def amount(value: float, kind: Kind, *, unit: bool = True) -> str:
    """A distance as people read it.

    >>> amount(23.14, "wasserstein"), amount(0.127, "ks"), amount(float("nan"), "ks")
    ('23.1 gray levels', '0.13', 'unknown')
    """
    if np.isnan(value):
        return "unknown"
    return f"{value:.{_DECIMALS[kind]}f}{_UNITS[kind] if unit else ''}"


def cell_sentence(distances: Distances, row: int, column: int) -> str:
    """One cell of a matrix of distances as a sentence.

    Args:
        distances: of two or more groups.
        row, column: places of two groups; the same twice for what chance does in a group.
    """
    kind = distances.kind
    one, other = distances.names[row], distances.names[column]
    if row == column:
        if np.isnan(distances.chance[row]):
            return f"{one}: too few images to say what chance does"
        return (
            f"Random halves of {one}: up to {amount(distances.chance[row], kind)} apart "
            "in 19 of 20 draws"
        )
    verdict = {
        True: "more than random halves of either",
        False: "not more than random halves of them: it may be chance",
        None: "too few images to say whether it is chance",
    }[distances.beyond_chance(row, column)]
    return f"{one} and {other}: {amount(distances.between[row, column], kind)}, {verdict}"


def farthest_sentence(distances: Distances, region: str) -> str:
    """One or two sentences: which groups are most apart, and whether that may be chance.

    Args:
        distances: of two or more groups.
        region: of `images.REGIONS`, whose pixels it is about.
    """
    return f"Most apart {_WHERE[region]}: {_pair(distances, *_farthest(distances))}."


def masking_sentences(before: Distances, after: Distances, region: str) -> str:
    """What masking does to the distances: to that of the two groups that were most apart, and
    which are most apart afterwards.

    Args:
        before: on the whole image; two or more groups.
        after: of the same groups in the pixels of the region.
        region: of `images.REGIONS`, not `none`.
    """
    place = _farthest(before)
    then, kind = after.between[place], after.kind
    sentences = [
        f"Most apart {_WHERE['none']}: {_pair(before, *place)}. "
        f"The same two {_WHERE[region]}: {amount(then, kind)}."
    ]
    if before.beyond_chance(*place):
        sentences.append(_verdict(then / before.between[place], region))
    other = _farthest(after)
    if _all_chance(after):
        sentences.append(f"No two are farther apart {_WHERE[region]} than chance makes them.")
    elif other != place:
        sentences.append(
            f"Most apart {_WHERE[region]}: {_pair(after, *other)}; "
            f"{_WHERE['none']} these are {amount(before.between[other], kind)} apart."
        )
    return " ".join(sentences)


def _all_chance(distances: Distances) -> bool:
    """Whether every distance may be chance."""
    groups = range(len(distances.names))
    pairs = ((one, other) for one in groups for other in groups if one < other)
    return all(distances.beyond_chance(*pair) is False for pair in pairs)


def _farthest(distances: Distances) -> tuple[int, int]:
    place = distances.farthest()
    if place is None:
        raise DatasetError("One group has no distance to another. Choose two or more.")
    return place


def _pair(distances: Distances, one: int, other: int) -> str:
    found = amount(distances.between[one, other], distances.kind)
    verdict = {
        True: "more than chance",
        False: "which may be chance",
        None: "of too few images to tell it from chance",
    }[distances.beyond_chance(one, other)]
    return f"{distances.names[one]} and {distances.names[other]}, {found}, {verdict}"


def _verdict(share: float, region: str) -> str:
    """What it means that this share of a distance is left in a region."""
    if region in ("lungs", "lungs-crop"):
        if share < _MOSTLY:
            outside = _WHERE["lungs-erased" if region == "lungs" else "border"]
            return f"So most of that difference is {outside}."
        return f"So that difference is {_WHERE[region]}, too."
    if share < _MOSTLY:
        return "So most of that difference is gone without the lungs."
    return (
        "So that difference is there without the lungs: a model can use it without looking at them."
    )
