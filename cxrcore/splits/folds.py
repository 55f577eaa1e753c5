"""Taking a share of the images by class, without dividing groups."""

import numpy as np
from numpy.typing import NDArray

from cxrcore.errors import DatasetError

_MOST_FOLDS = 20  # a part is made of folds; 20 allow for steps of 5 %
_CLOSE = 0.01  # a share this close to the one that is wanted will do

Ints = NDArray[np.intp]


def carve(
    labels: Ints, groups: Ints, classes: list[str], share: float, seed: int, leave: int
) -> NDArray[np.bool_]:
    """Choose about `share` of the images, whole groups, every class at its own share.

    Args:
        labels: (n,) class number.
        groups: (n,) group number.
        classes: names for messages.
        share: wanted, 0..1.
        seed: of the shuffle.
        leave: how many groups of each class must remain.

    Returns:
        (n,) bool, chosen.

    Raises:
        DatasetError: a class has too few groups, or they hang together with other classes.
    """
    _, groups = np.unique(groups, return_inverse=True)
    count = groups.max() + 1 if len(groups) else 0
    present = np.zeros((count, len(classes)), bool)
    present[groups, labels] = True
    for name, has in zip(classes, present.sum(axis=0), strict=True):
        if has < 1 + leave:
            raise DatasetError(
                f"The class {name!r} is too small to be divided: it has {has} patients or single "
                f"images to choose from, {1 + leave} are needed so that every part gets one. "
                "Add images, or leave the class out."
            )
    folds, wanted = _folds(share, count)
    fold = _fold_of_rows(labels, groups, folds, seed)
    chosen = _best_union(labels, fold, folds, wanted, share, len(classes))
    inside = np.zeros(count, bool)
    inside[groups[chosen]] = True
    _mend(inside, present, np.bincount(groups), classes, leave)
    return inside[groups]


def divide(labels: Ints, groups: Ints, classes: list[str], folds: int, seed: int) -> Ints:
    """Divide all images into folds of about one size, whole groups, every class in each.

    Args:
        labels: (n,) class number.
        groups: (n,) group number.
        classes: names for messages.
        folds: how many, 2 or more.
        seed: of the shuffle.

    Returns:
        (n,) the fold of each image, from 0.

    Raises:
        DatasetError: a class has too few groups, or they hang together with other classes.
    """
    _, groups = np.unique(groups, return_inverse=True)
    # Of two folds one has to leave a group each for training and validation.
    least = 2 if folds == 2 else 1
    present = np.zeros((groups.max() + 1, len(classes)), bool)
    present[groups, labels] = True
    for name, has in zip(classes, present.sum(axis=0), strict=True):
        if has < folds * least:
            raise DatasetError(
                f"The class {name!r} is too small for {folds} folds: it has {has} patients or "
                f"single images, {folds * least} are needed so that every fold gets {least}. "
                "Take fewer folds, add images, or leave the class out."
            )
    fold = np.zeros(len(present), np.intp)
    fold[groups] = _fold_of_rows(labels, groups, folds, seed)
    _spread(fold, present, np.bincount(groups), classes, folds, least)
    return fold[groups]


def _spread(
    fold: Ints, present: NDArray[np.bool_], sizes: Ints, classes: list[str], folds: int, least: int
) -> None:
    """Move as few and as small groups as it takes for every class to be in every fold."""
    while True:
        held = np.stack([present[fold == number].sum(axis=0) for number in range(folds)])
        lacking = np.argwhere(held < least)
        if not len(lacking):
            return
        target, number = lacking[0]
        # A group may go if no class of its own then has too few where it came from.
        tight = held <= least
        movable = np.flatnonzero(present[:, number] & ~(present & tight[fold]).any(axis=1))
        if not len(movable):
            raise DatasetError(
                f"The class {classes[number]!r} cannot be in each of {folds} folds: its patients "
                "also have images of other classes that are as rare. Take fewer folds, leave the "
                "class out, or divide by image instead of by patient."
            )
        fold[movable[np.argmin(sizes[movable])]] = target


def _folds(share: float, groups: int) -> tuple[int, int]:
    """Into how many folds to divide and how many of them come close to the share."""
    most = min(_MOST_FOLDS, groups)
    options = [(n, min(n - 1, max(1, round(share * n)))) for n in range(2, most + 1)]
    close = [(n, m) for n, m in options if abs(m / n - share) <= _CLOSE]
    return close[0] if close else min(options, key=lambda o: abs(o[1] / o[0] - share))


def _fold_of_rows(labels: Ints, groups: Ints, folds: int, seed: int) -> Ints:
    """(n,) the fold of each image, whole groups, every class spread evenly."""
    # Classes with fewer images than folds cannot be in every fold; the smallest are spread as
    # one class, and `_mend` sees to each.
    counts = np.bincount(labels)
    order = np.argsort(counts, kind="stable")
    small = int(np.searchsorted(counts[order], folds))
    while 0 < small < len(order) and 0 < counts[order[:small]].sum() < folds:
        small += 1
    merged = np.where(np.isin(labels, order[:small]), len(counts), labels)
    _, merged = np.unique(merged, return_inverse=True)
    held = np.zeros((groups.max() + 1, merged.max() + 1))  # images of each class in each group
    np.add.at(held, (groups, merged), 1)
    return _fold_of_groups(held, folds, seed)[groups]


def _fold_of_groups(held: NDArray[np.float64], folds: int, seed: int) -> Ints:
    """(groups,) the fold of each group, as scikit-learn's StratifiedGroupKFold chooses it.

    The groups of the most uneven classes go first, each to the fold with which the classes'
    shares differ least between the folds; of several such folds to the one with the fewest
    images. scikit-learn tries one fold after the other, which takes 8 s for 20,000 groups;
    here all folds are tried at once, in the same order of additions.

    Args:
        held: (groups, classes) images.
        folds: how many.
        seed: of the order of groups that are alike.
    """
    order = np.arange(len(held))
    np.random.RandomState(seed).shuffle(order)  # the generator that scikit-learn uses
    order = order[np.argsort(-np.std(held[order], axis=1), kind="stable")]
    totals = held.sum(axis=0)
    result = np.empty(len(held), np.intp)
    # Images of each class, for each choice of a fold in each of the folds.
    tried = np.zeros((folds, folds, held.shape[1]))
    diagonal = np.einsum("ffc->fc", tried)  # a view: the fold that is chosen
    sizes = [0.0] * folds
    for group in order:
        diagonal += held[group]
        shares = tried / totals
        shares -= np.add.reduce(shares, axis=1, keepdims=True) / folds
        shares *= shares
        uneven = np.sqrt(np.add.reduce(shares, axis=1) / folds)  # (folds, classes)
        diagonal -= held[group]
        best = _least((np.add.reduce(uneven, axis=1) / len(totals)).tolist(), sizes)
        tried[:, best] += held[group]
        sizes[best] += float(held[group].sum())
        result[group] = best
    return result


def _least(uneven: list[float], sizes: list[float]) -> int:
    """The fold of least unevenness; of those that come close (numpy.isclose) the smallest."""
    best = 0
    for fold in range(1, len(uneven)):
        least = uneven[best]
        close = abs(uneven[fold] - least) <= 1e-8 + 1e-5 * least
        if uneven[fold] < least or (close and sizes[fold] < sizes[best]):
            best = fold
    return best


def _best_union(
    labels: Ints, fold: Ints, folds: int, wanted: int, share: float, classes: int
) -> NDArray[np.bool_]:
    """The `wanted` neighbouring folds that together come closest to the share, class by class."""
    table = np.zeros((folds, classes))
    np.add.at(table, (fold, labels), 1)
    totals = table.sum(axis=0)
    unions = np.sum([np.roll(table, -shift, axis=0) for shift in range(wanted)], axis=0)
    lacking = (unions == 0).sum(axis=1)
    off = np.abs(unions / totals - share).mean(axis=1)
    off += np.abs(unions.sum(axis=1) / totals.sum() - share)
    first = np.lexsort((off, lacking))[0]
    return (fold - first) % folds < wanted


def _mend(
    inside: NDArray[np.bool_],
    present: NDArray[np.bool_],
    sizes: Ints,
    classes: list[str],
    leave: int,
) -> None:
    """Move as few and as small groups as it takes for every class to be inside and outside."""
    while True:
        short_inside = present[inside].sum(axis=0) < 1
        short_outside = present[~inside].sum(axis=0) < leave
        if not (short_inside | short_outside).any():
            return
        inwards = bool(short_inside.any())
        number = int(np.flatnonzero(short_inside if inwards else short_outside)[0])
        side, least = (~inside, leave) if inwards else (inside, 1)
        # A group may go if no class of its own then has too few where it came from.
        tight = present[side].sum(axis=0) <= least
        movable = np.flatnonzero(side & present[:, number] & ~(present & tight).any(axis=1))
        if not len(movable):
            raise DatasetError(
                f"The class {classes[number]!r} cannot be in every part: its patients also have "
                "images of other classes that are as rare. Add images, leave the class out, or "
                "divide by image instead of by patient."
            )
        inside[movable[np.argmin(sizes[movable])]] = inwards
