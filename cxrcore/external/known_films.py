"""The films of another dataset that a run learned from, or that show the same."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxrcore import datasets, index
from cxrcore.errors import ComparisonError
from cxrcore.progress import Report, silent
from cxrcore.splits import overlap
from cxrcore.store import Run

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset


@dataclass(frozen=True)
class Known:
    """image ids of the other dataset: the very files, and near copies that are none of these."""

    exact: frozenset[str]
    near: frozenset[str]


NONE = Known(frozenset(), frozenset())


def find(run: Run, dataset: "Dataset", *, report: Report = silent) -> Known:
    """The films of `dataset` that show one that a run learned from.

    These are its training films, and its validation films, which chose the epoch and the thresholds. Of
    imported weights only the latter are known. Both datasets are measured, and searched once for
    films in common.

    Raises:
        ComparisonError: the run's own dataset is not here, or has changed.
        DatasetError, StoreError: as `splits.overlap.find`.
    """
    home = _home(run)
    learned = _learned(run, home)
    measured = index.measure(home, report=report), index.measure(dataset, report=report)
    pairs = overlap.find(home, measured[0], dataset, measured[1], report=report)
    pairs = pairs[pairs["first"].isin(list(learned))]
    exact = frozenset(learned & set(dataset.table["image_id"]))
    return Known(exact, frozenset(pairs["second"]) - exact)


def _home(run: Run) -> "Dataset":
    entry = next((e for e in datasets.registered() if e.name == run.dataset), None)
    found = None if entry is None else datasets.current(run.dataset)
    if found is None or found.fingerprint != run.fingerprint:
        state = "is not registered here" if found is None else "has changed since"
        raise ComparisonError(
            f"{run.run_id} was trained on {run.dataset!r}, which {state}, so nobody can tell which films "
            "elsewhere it knows. Register that dataset with the films it had, or train the run again."
        )
    return found


def _learned(run: Run, home: "Dataset") -> set[str]:
    """A run keeps the films that it tested and those that were left out: all others it learned from."""
    kept = run.predictions()
    validated = set(kept.loc[kept["split"] == "validation", "image_id"])
    if run.imported:
        return validated
    others = set(kept["image_id"]) | {film["image_id"] for film in run.removed}
    return validated | (set(home.table["image_id"]) - others)
