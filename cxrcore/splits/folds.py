"""Shares and folds of the images, stratified by class, without dividing groups."""

import numpy as np
from numpy.typing import NDArray

from cxrcore.errors import DatasetError

_MOST_FOLDS = 20  # a share is made of folds; 20 allow steps of 5 %
_CLOSE = 0.01  # tolerated difference from the requested share

Ints = NDArray[np.intp]


def carve(
    labels: Ints, groups: Ints, classes: list[str], share: float, seed: int, leave: int
) -> NDArray[np.bool_]:
    """Choose about `share` of the images, whole groups, every class at its own share.

    Args:
        labels: (n,) class number.
        groups: (n,) group number.
        classes: names for messages.
        share: requested, 0..1.
        seed: of the shuffle.
        leave: how many groups of each class must remain.

    Returns:
        (n,) bool, chosen.

    Raises:
        DatasetError: a class has too few groups, or they are tied to other classes.
    """
    groups, present = _groups(labels, groups, classes)
    for name, has in zip(classes, present.sum(axis=0), strict=True):
        if has < 1 + leave:
            raise DatasetError(
                f"The class {name!r} is too small to be divided: it has {has} patients or single "
                f"images to choose from, {1 + leave} are needed so that every part gets one. "
                "Add images, or leave the class out.",
                final=True,
            )
    folds, chosen = _folds(share, len(present))
    fold = _fold_of_rows(labels, groups, folds, seed)
    rows = _best_union(labels, fold, folds, chosen, share, len(classes))
    part = np.ones(len(present), np.intp)  # 0: inside
    part[groups[rows]] = 0
    _spread(part, present, groups, classes, [1, leave], "in every part", "Add images")
    return part[groups] == 0


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
        DatasetError: a class has too few groups, or they are tied to other classes.
    """
    groups, present = _groups(labels, groups, classes)
    # One of two folds must leave a group each for training and validation.
    least = 2 if folds == 2 else 1
    for name, has in zip(classes, present.sum(axis=0), strict=True):
        if has < folds * least:
            raise DatasetError(
                f"The class {name!r} is too small for {folds} folds: it has {has} patients or "
                f"single images, {folds * least} are needed so that every fold gets {least}. "
                "Take fewer folds, add images, or leave the class out.",
                final=True,
            )
    fold = np.zeros(len(present), np.intp)
    fold[groups] = _fold_of_rows(labels, groups, folds, seed)
    where, advice = f"in each of {folds} folds", "Take fewer folds"
    _spread(fold, present, groups, classes, [least] * folds, where, advice)
    return fold[groups]


def _groups(labels: Ints, groups: Ints, classes: list[str]) -> tuple[Ints, NDArray[np.bool_]]:
    """The groups numbered from 0, and (groups, classes) which classes each has."""
    _, groups = np.unique(groups, return_inverse=True)
    present = np.zeros((groups.max() + 1 if len(groups) else 0, len(classes)), bool)
    present[groups, labels] = True
    return groups, present


def _spread(
    part: Ints,
    present: NDArray[np.bool_],
    groups: Ints,
    classes: list[str],
    least: list[int],
    where: str,
    advice: str,
) -> None:
    """Move as few and as small groups as possible until every class is in every part.

    Args:
        part: (groups,) the part of each group; changed in place.
        present: (groups, classes) as from `_groups`.
        groups: (n,) the group of each image.
        classes: names for messages.
        least: groups of each class that each part needs.
        where, advice: for the message of the DatasetError.
    """
    sizes = np.bincount(groups)
    need = np.array(least)[:, None]
    while True:
        held = np.stack([present[part == number].sum(axis=0) for number in range(len(least))])
        lacking = np.argwhere(held < need)
        if not len(lacking):
            return
        target, number = lacking[0]
        # A group may move if none of its classes then has too few in the part it leaves.
        tight = held <= need
        movable = np.flatnonzero(present[:, number] & ~(present & tight[part]).any(axis=1))
        if not len(movable):
            raise DatasetError(
                f"The class {classes[number]!r} cannot be {where}: its patients also have images "
                f"of other classes that are as rare. {advice}, leave the class out, or divide by "
                "image instead of by patient.",
                final=True,
            )
        part[movable[np.argmin(sizes[movable])]] = target


def _folds(share: float, groups: int) -> tuple[int, int]:
    """The number of folds, and how many of them together come close to the share."""
    most = min(_MOST_FOLDS, groups)
    options = [(n, min(n - 1, max(1, round(share * n)))) for n in range(2, most + 1)]
    close = [(n, m) for n, m in options if abs(m / n - share) <= _CLOSE]
    return close[0] if close else min(options, key=lambda o: abs(o[1] / o[0] - share))


def _fold_of_rows(labels: Ints, groups: Ints, folds: int, seed: int) -> Ints:
    """(n,) the fold of each image, whole groups, every class spread evenly."""
    # Classes with fewer images than folds cannot be in every fold; the smallest are spread as
    # one class, and `_spread` places each.
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

    The groups with the most uneven classes go first, each to the fold for which the classes'
    shares differ least between folds; of equal folds to the one with the fewest images.
    scikit-learn tries one fold after the other, which takes 8 s for 20,000 groups; here all
    folds are tried at once, in the same order of additions.

    Args:
        held: (groups, classes) images.
        folds: how many.
        seed: of the order of equal groups.
    """
    order = np.arange(len(held))
    np.random.RandomState(seed).shuffle(order)  # scikit-learn's generator
    order = order[np.argsort(-np.std(held[order], axis=1), kind="stable")]
    totals = held.sum(axis=0)
    result = np.empty(len(held), np.intp)
    # (fold that is tried, fold, class) images
    tried = np.zeros((folds, folds, held.shape[1]))
    diagonal = np.einsum("ffc->fc", tried)  # a view: the fold that is tried
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
    """The least uneven fold; of those that are close (numpy.isclose) the smallest."""
    best = 0
    for fold in range(1, len(uneven)):
        least = uneven[best]
        close = abs(uneven[fold] - least) <= 1e-8 + 1e-5 * least
        if uneven[fold] < least or (close and sizes[fold] < sizes[best]):
            best = fold
    return best


def _best_union(
    labels: Ints, fold: Ints, folds: int, chosen: int, share: float, classes: int
) -> NDArray[np.bool_]:
    """The `chosen` neighbouring folds that together come closest to the share, class by class."""
    table = np.zeros((folds, classes))
    np.add.at(table, (fold, labels), 1)
    totals = table.sum(axis=0)
    unions = np.sum([np.roll(table, -shift, axis=0) for shift in range(chosen)], axis=0)
    lacking = (unions == 0).sum(axis=1)
    off = np.abs(unions / totals - share).mean(axis=1)
    off += np.abs(unions.sum(axis=1) / totals.sum() - share)
    first = np.lexsort((off, lacking))[0]
    return (fold - first) % folds < chosen
