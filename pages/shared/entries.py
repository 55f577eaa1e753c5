"""What pages show side by side: runs, and families of runs (folds, seeds) as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cxrcore import figures, store
from cxrcore.metrics import Metrics, Summary, pooled
from cxrcore.store import Run
from pages.shared import cache


@dataclass(frozen=True)
class Family:
    """The runs of one family by seed and fold."""

    name: str
    runs: tuple[Run, ...]

    @property
    def classes(self) -> list[str]:
        """In the order of every run's outputs."""
        return self.runs[0].classes

    @cached_property
    def summary(self) -> Summary:
        """Mean, spread and interval."""
        return store.summary_of(self.runs)

    @cached_property
    def test(self) -> Metrics:
        """The metrics of all test predictions together."""
        return pooled([run.metrics["test"] for run in self.runs])

    @property
    def leaking(self) -> int:
        """Test images that are known from training, over all runs."""
        return sum(run.leaks.count for run in self.runs if run.leaks)

    def predictions(self) -> pd.DataFrame:
        """Those of all runs on their test images, one below the other."""
        tables = [run.predictions() for run in self.runs]
        return pd.concat([table[table["split"] == "test"] for table in tables], ignore_index=True)

    def history(self) -> pd.DataFrame:
        """The mean after each epoch, over the runs that reached it."""
        every = pd.concat([run.history() for run in self.runs])
        return every.groupby("epoch", as_index=False).mean()


@dataclass(frozen=True)
class Entry:
    """A run or a family as pages show it.

    Attributes:
        item: with its files in the store.
        title: for readers, as plain text; people may have written it.
        colour: "#rrggbb" of the run in every chart and table.
    """

    item: Run | Family
    title: str
    colour: str

    @property
    def name(self) -> str:
        """The id of the run or the name of the family, as in addresses and files."""
        return self.item.name if isinstance(self.item, Family) else self.item.run_id

    @property
    def runs(self) -> tuple[Run, ...]:
        """The run, or the members of the family."""
        return self.item.runs if isinstance(self.item, Family) else (self.item,)

    @property
    def classes(self) -> list[str]:
        """In the order of the outputs."""
        return self.item.classes

    @property
    def test(self) -> Metrics:
        """The metrics of the test images; of a family those of all its predictions together."""
        return self.item.test if isinstance(self.item, Family) else self.item.metrics["test"]

    def predictions(self) -> pd.DataFrame:
        """Those on the test images, see `Run.predictions`; of a family one run below the other."""
        table = self.item.predictions()
        return table[table["split"] == "test"]


def names(dataset_name: str) -> list[str]:
    """The tested runs and families of a dataset, the newest first."""
    runs = cache.runs_table(dataset_name)
    tested = set(runs.loc[(runs["state"] == "ok") & runs["accuracy"].notna(), "run_id"])
    members = cache.members(dataset_name)
    return [name for name in reversed(members) if tested.issuperset(members[name])]


def best(dataset_name: str, most: int, among: Sequence[str] | None = None) -> list[str]:
    """Those with the greatest accuracy on the test images, of a family its mean; the newest first of equal ones.

    Args:
        among: tested runs and families, the newest first; by default `names`.
    """
    accuracy = cache.runs_table(dataset_name).set_index("run_id")["accuracy"]
    members = cache.members(dataset_name)
    means = {
        name: float(accuracy[members.get(name, [name])].mean())
        for name in (names(dataset_name) if among is None else among)
    }
    return sorted(means, key=lambda name: -means[name])[:most]


def load(wanted: Sequence[str], dataset_name: str) -> list[Entry]:
    """The entries of run ids and names of families, in this order.

    Raises:
        StoreError: one of them is missing or damaged.
    """
    members = cache.members(dataset_name)
    titles, colours = cache.titles(dataset_name), cache.run_colours(dataset_name)
    found = []
    for name in wanted:
        runs = [cache.run(run_id) for run_id in members.get(name, [name])]
        item = runs[0] if runs[0].run_id == name else Family(name, tuple(store.members(name)))
        found.append(Entry(item, titles.get(name, name), colours.get(name, figures.NEUTRAL)))
    return found
