"""How a split was made, in sentences for people."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxrcore.splits.folds import Ints
from cxrcore.splits.groups import KeptGroups


def on_own(
    published: pd.Series, requested: bool, kept: KeptGroups, fold: tuple[int, int] | None = None
) -> str:
    """How the images were divided anew, and why a published split was not kept.

    `fold` is the number of the tested fold and the number of folds.
    """
    what = "by patient: no patient is in two parts" if kept.by_patient else "by image"
    text = f"Cross-validation: tested on part {fold[0]} of {fold[1]}. " if fold else ""
    text += f"Divided {what}."
    if published.isna().all():
        return text
    if not requested:
        return f"{text} The published split is not used, as asked."
    if fold:
        return (
            f"{text} The published split is not used: in cross-validation every image is tested "
            "once."
        )
    return f"{text} The published split has no test part and is not used."


def on_published(part: NDArray[np.object_], kept: KeptGroups, carved: bool, followed: int) -> str:
    """What was kept of a published split, and which groups its parts divide."""
    text = f"The published test part is kept ({(part == 'test').sum():,} images)"
    text += "; validation is taken from training." if carved else ", and the validation part."
    if followed:
        text += (
            f" {followed:,} images without a published part went with their patient or "
            "duplicate, or else to training."
        )
    divided = []
    if kept.by_patient and (shared := _in_two_parts(part, kept.patients)):
        divided.append(f"{shared:,} patients are in more than one part")
    if kept.duplicates is not None:
        inside = kept.duplicates >= 0
        if shared := _in_two_parts(part[inside], kept.duplicates[inside]):
            divided.append(f"{shared:,} groups of duplicates are in more than one part")
    if divided:
        text += (
            f" Beware: in the published split {' and '.join(divided)}, "
            "which makes results look better than they are."
        )
    elif kept.by_patient:
        text += " No patient is in two parts."
    return text


def on_source(source: str, films: int, tied: int) -> str:
    """How many films of a source are left out, and of others for their patients or duplicates."""
    text = f"Without the source {source!r}: its {films:,} films are left out"
    if not tied:
        return f"{text}."
    return f"{text}, and {tied:,} of others that share a patient or a duplicate with them."


def on_duplicates(kept: KeptGroups, *, asked: bool, published: bool) -> str:
    """How many duplicates stay together; a published test part may divide them."""
    if not asked:
        return "Duplicates may be in two parts, as asked."
    if kept.duplicates is None:
        return "Duplicates were not searched."
    inside = kept.duplicates[kept.duplicates >= 0]
    if not len(inside):
        return "No duplicates were found."
    groups = len(np.unique(inside))
    text = f"{groups:,} group{'' if groups == 1 else 's'} of duplicates ({len(inside):,} images) "
    if published:
        return f"{text}{'was' if groups == 1 else 'were'} found."
    text += f"{'is' if groups == 1 else 'are'} kept together"
    if kept.by_patient and (joined := kept.joined):
        text += f", which ties {joined:,} images of different or unknown patients"
    return f"{text}."


def on_patients(share: float, group: str) -> str:
    """How far patients are known and kept together."""
    if share == 0:
        return "No patients are known, so images of one patient may be in two parts."
    if group == "image":
        return "Images of one patient may be in two parts, as asked."
    if share < 1:
        return (
            f"The patient is known for {100 * share:.0f} % of the images; each of the others "
            "counts as its own patient."
        )
    return "The patient of every image is known."


def _in_two_parts(part: NDArray[np.object_], groups: Ints) -> int:
    """How many of the groups are in more than one part."""
    return int((pd.Series(part).groupby(groups).nunique() > 1).sum())
