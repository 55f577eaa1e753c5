"""Titles of runs: what a reader calls them, made of what differs within the dataset."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from cxrcore.models import RECIPES
from cxrcore.store import annotations, differences, listing
from cxrcore.store.annotations import Annotation
from cxrcore.store.record import Run

_DOT = " · "
_Entries = Mapping[str, Sequence[Run]]


def titles(dataset: str | None = None) -> dict[str, str]:
    """Name of a run or of a family of several -> its title, other than any in its dataset.

    The title that people gave (`annotate`) comes first. Else it is the title of the recipe and
    what differs among the runs of that recipe and dataset: "Plain CNN · lungs only · lr 3e-4".
    What two then still share is told apart by seed, fold, date or name. A damaged run is called
    by its name. Titles are plain text, in which people and files may have written anything.

    Args:
        dataset: keep the runs of this dataset name, and those whose dataset cannot be read.
    """
    return titles_of(listing.readings(), annotations.everything(), dataset)


def title(run: Run) -> str:
    """The title of a run among those of its dataset; its name if it is not in the store."""
    return titles(run.dataset).get(run.run_id, run.run_id)


def titles_of(
    readings: Sequence[listing.Reading],
    said: Mapping[str, Annotation],
    dataset: str | None = None,
) -> dict[str, str]:
    """As `titles`, of what was read before."""
    by_dataset: dict[str, list[Run]] = {}
    found = {}
    for reading in readings:
        name, record, _ = reading
        if (run := listing.whole(reading)) is not None:
            by_dataset.setdefault(run.dataset, []).append(run)
        elif record is None or dataset in (None, record.dataset):
            found[name] = name
    damaged = dict(found)
    for name, runs in by_dataset.items():
        if dataset in (None, name):
            found |= _of_dataset(runs, said, damaged)
    return found


def varying(dataset: str, names: Sequence[str] | None = None) -> pd.DataFrame:
    """What differs: one row a run or family, one column a field with more than one value.

    The index holds the names; the heads are the titles of the fields, the values are text.

    Args:
        dataset: its name.
        names: of runs and families, in the order of the rows; None for all of the dataset, the
            oldest first, with the runs of a family of several as one row.

    Raises:
        StoreError: there is no such run or family in the dataset.
    """
    runs = listing.runs(dataset)
    together = differences.entries(runs)
    every: _Entries = {run.run_id: [run] for run in runs} | together
    chosen = list(together if names is None else names)
    for name in chosen:
        if name not in every:
            raise listing.no_run(name)
    shown = [every[name] for name in chosen]
    first = [some[0] for some in shown]
    columns = {"Model": [_recipe_title(run) for run in first]}
    for field in differences.differing(first):
        columns[field.title] = [differences.text(run, field) for run in first]
    parts = [differences.seed_and_fold(some) for some in shown]
    columns |= {head: [part[head] for part in parts] for head in ("Seed", "Fold")}
    differ = {head: values for head, values in columns.items() if len(set(values)) > 1}
    return pd.DataFrame(differ, index=pd.Index(chosen, dtype="str"), dtype="str")


def by_creation(dataset: str) -> dict[str, list[str]]:
    """Name of each run or family of several -> its runs; all the oldest first.

    The place decides the colour: a new run changes that of no other.
    """
    together = differences.entries(listing.runs(dataset))
    return {name: [run.run_id for run in runs] for name, runs in together.items()}


def _of_dataset(
    runs: Sequence[Run], said: Mapping[str, Annotation], damaged: Mapping[str, str]
) -> dict[str, str]:
    together = differences.entries(runs)
    every: _Entries = {run.run_id: [run] for run in runs} | together
    recipes: dict[str, list[Run]] = {}
    for run in runs:
        recipes.setdefault(run.recipe.name, []).append(run)
    fields = {name: differences.differing(some) for name, some in recipes.items()}
    models = {name: _recipe_title(some[0]) for name, some in recipes.items()}
    made = {}
    for name, some in sorted(every.items()):
        given, recipe = said[name].title if name in said else None, some[0].recipe.name
        words = [models[recipe], *differences.brief(some[0], fields[recipe])]
        source = differences.left_out(some[0])
        if some[0].home:
            words += [f"tested on {source}" if source else f"trained on {some[0].home.dataset}"]
        words += [] if name in (run.run_id for run in some) else [_several(some)]
        made[name] = given or _DOT.join(words)
    return _apart(made, every, damaged)


def _recipe_title(run: Run) -> str:
    """As this version writes it, so that runs of one recipe agree."""
    known = RECIPES.get(run.recipe.name, run.recipe)
    return differences.one_line(known.title)


def _several(runs: Sequence[Run]) -> str:
    """What a family consists of: "5 folds", "3 seeds" or "5 folds × 2 seeds"."""
    seeds, folds = len({run.recipe.seed for run in runs}), runs[0].split.folds
    parts = [f"{folds} folds"] if folds else []
    parts += [f"{seeds} seeds"] if seeds > 1 else []
    return " × ".join(parts)


def _apart(made: Mapping[str, str], every: _Entries, damaged: Mapping[str, str]) -> dict[str, str]:
    """The titles, with more words for those that are equal."""
    found = dict(made)
    for word in _WORDS:
        for names in _equal(found):
            added = {name: word(name, every[name]) for name in names}
            if len(set(added.values())) > 1:
                found |= {n: found[n] + _DOT + words for n, words in added.items() if words}
    taken = {*damaged, *every}  # nor is a run called by the name of another
    for name, title in found.items():
        while title in taken - {name}:
            title += f"{_DOT}{name}"
        found[name] = title
        taken.add(title)
    return found


def _equal(found: Mapping[str, str]) -> Iterator[list[str]]:
    by_title: dict[str, list[str]] = {}
    for name, title in found.items():
        by_title.setdefault(title, []).append(name)
    yield from (names for names in by_title.values() if len(names) > 1)


def _seed(_: str, runs: Sequence[Run]) -> str:
    seeds = {run.recipe.seed for run in runs}
    return f"seed {seeds.pop()}" if len(seeds) == 1 else ""


def _fold(_: str, runs: Sequence[Run]) -> str:
    split = runs[0].split
    return f"fold {split.fold} of {split.folds}" if split.folds and len(runs) == 1 else ""


def _date(_: str, runs: Sequence[Run]) -> str:
    return runs[0].created[:10]


def _digest(name: str, _: Sequence[Run]) -> str:
    return name.rpartition("-")[2]


_WORDS: tuple[Callable[[str, Sequence[Run]], str], ...] = (_seed, _fold, _date, _digest)
