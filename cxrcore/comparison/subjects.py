"""What is compared: runs, and families of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cxrcore import store
from cxrcore.errors import ComparisonError, StoreError
from cxrcore.store import Run


@dataclass(frozen=True)
class Subject:
    """A run, or a family of runs that differ in seed and fold alone.

    Attributes:
        name: the id of the run or the name of the family.
        runs: the run, or the members of the family by seed and fold.
    """

    name: str
    runs: tuple[Run, ...]

    @cached_property
    def seeds(self) -> list[list[Run]]:
        """The runs of each seed: one, or one a fold."""
        found: dict[int, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.recipe.seed, []).append(run)
        return list(found.values())

    @property
    def folds(self) -> int | None:
        """The number of folds of a complete cross-validation; None for anything else."""
        folds = self.runs[0].split.folds
        complete = folds and all(len(runs) == folds for runs in self.seeds)
        return folds if complete else None

    @property
    def classes(self) -> list[str]:
        """In the order of the outputs."""
        return self.runs[0].classes


def subjects(names: Sequence[str]) -> list[Subject]:
    """The runs and families of these names, each once, in this order.

    A family of one run has the name of a family as well.

    Raises:
        StoreError: there is no such run or family, or it is damaged.
    """
    return [_subject(name) for name in dict.fromkeys(names)]


def check_classes(compared: Sequence[Subject]) -> list[str]:
    """The classes that all subjects have, in the order of the first.

    Raises:
        ComparisonError: there is no subject, or they have other classes.
    """
    if not compared:
        raise ComparisonError("A comparison needs at least one run. Received none. Name some.")
    first = compared[0]
    for subject in compared[1:]:
        if set(subject.classes) != set(first.classes):
            raise ComparisonError(
                f"Only runs with the same classes can be compared. {first.name} has "
                f"{', '.join(first.classes)}; {subject.name} has {', '.join(subject.classes)}. "
                "Leave one of them out."
            )
    return first.classes


def _subject(name: str) -> Subject:
    try:
        return Subject(name, (store.load_run(name),))
    except StoreError as error:
        if members := store.members(name):
            return Subject(name, tuple(members))
        raise error
