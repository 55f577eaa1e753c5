"""Groups of duplicates as tables: their images, what differs within a group, the pairs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.duplicates import Duplicates

# Columns in which the images of a group should agree.
CONFLICTS = ("label", "patient_id", "split")


@dataclass(frozen=True, eq=False)
class GroupTables:
    """The groups of duplicates of a dataset; read-only.

    `members` has the columns of the dataset's table, `group` and `correlation` (the highest with
    another image of the group), sorted by group. `groups` has one row per group, those with
    conflicts first: images, lowest, highest (correlation), and for each of CONFLICTS whether it
    differs within the group. `pairs` are `Duplicates.pairs` as `describe_pairs` gives them.
    """

    members: pd.DataFrame
    groups: pd.DataFrame
    pairs: pd.DataFrame


def group_tables(dataset: "Dataset", duplicates: "Duplicates") -> GroupTables:
    """The groups of duplicates with the columns of their images."""
    rows = dataset.table.set_index("image_id", drop=False).loc[duplicates.groups.index]
    members = rows.assign(group=duplicates.groups.to_numpy())
    pairs = duplicates.pairs
    both = pd.concat([pairs.set_index(end)["correlation"] for end in ("first", "second")])
    members["correlation"] = both.groupby(level=0).max().reindex(members.index)
    members = members.sort_values(["group", "path"], kind="stable").reset_index(drop=True)
    by_group = members.groupby("group")
    groups = pd.DataFrame({"images": by_group.size()})
    correlations = pairs.groupby(pairs["first"].map(duplicates.groups))["correlation"]
    groups["lowest"], groups["highest"] = correlations.min(), correlations.max()
    for column in CONFLICTS:
        groups[column] = by_group[column].nunique() > 1
    order = [*CONFLICTS, "images", "highest"]
    groups = groups.sort_values(order, ascending=False, kind="stable")
    return GroupTables(members, groups, describe_pairs(pairs, dataset, dataset))


def describe_pairs(pairs: pd.DataFrame, first: "Dataset", second: "Dataset") -> pd.DataFrame:
    """Pairs of images with path, label, patient_id, source and split of both.

    Args:
        pairs: with the columns of `duplicates.COLUMNS`.
        first: the dataset of the first image of each pair.
        second: the dataset of the second.
    """
    result = pairs.copy()
    for end, dataset in (("first", first), ("second", second)):
        known = dataset.table.set_index("image_id")
        for column in ("path", "label", "patient_id", "source", "split"):
            result[f"{end}_{column}"] = known[column].reindex(pairs[end]).to_numpy(object)
    return result
