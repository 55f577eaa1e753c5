"""Leave one source out: a recipe trained without each source of a dataset, and tested on it.

What is left out belongs to the split and with it to the name of a run (docs/decisions/0059).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxrcore import store, training
from cxrcore.datasets import merged
from cxrcore.errors import ComparisonError
from cxrcore.external import computation
from cxrcore.external.matrix import row as row_of
from cxrcore.models import Recipe
from cxrcore.slices import FEWEST
from cxrcore.splits import SplitSpec, from_source
from cxrcore.store import Run
from cxrcore.training import TrainSpec

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

COLUMNS = (
    "source",
    "films",
    "obstacle",
    "run_id",
    "classes",
    "home_value",
    "home_low",
    "home_high",
    "value",
    "low",
    "high",
    "drop",
    "drop_low",
    "drop_high",
)
_TEXTS = ("source", "obstacle", "run_id", "classes")


@dataclass(frozen=True)
class Arm:
    """One source left out.

    Attributes:
        source: its name.
        films: how many come from it.
        obstacle: why nothing is trained; empty where there is no reason.
        spec: the training without it; None where nothing is trained.
        run: that training, if it is in the store.
        test: of it on the source, if that is in the store.
    """

    source: str
    films: int
    obstacle: str
    spec: TrainSpec | None
    run: Run | None
    test: Run | None


@dataclass(frozen=True)
class LeftOut:
    """A recipe without each source of a dataset.

    Attributes:
        arms: one a source, the largest first.
        seconds: estimated for all that is missing, one after the other; None if it is not known.
    """

    arms: tuple[Arm, ...]
    seconds: float | None

    @property
    def missing(self) -> Mapping[str, TrainSpec]:
        """Source -> training that has to be done; the test follows by itself."""
        return {arm.source: arm.spec for arm in self.arms if arm.spec and arm.run is None}

    @property
    def untested(self) -> tuple[Run, ...]:
        """Trainings that are done and were not tested on their source, as `evaluate` does."""
        return tuple(arm.run for arm in self.arms if arm.run and arm.test is None)


def leave_one_out(recipe: Recipe, dataset: "Dataset") -> LeftOut:
    """The trainings of a recipe without each source, and what is known of them; trains nothing.

    Raises:
        ComparisonError: fewer than two sources are known.
        RecipeError, TrainingError: the recipe cannot be trained on the dataset.
        StoreError: a run is damaged.
    """
    table = dataset.table
    counts = _places(dataset).value_counts()
    if len(counts) < 2:
        raise ComparisonError(
            f"The films of {dataset.name} come from {len(counts)} known source"
            f"{'' if len(counts) == 1 else 's'}; to leave one out it needs two. Give its table a column "
            "source, or merge it with another dataset."
        )
    arms = tuple(_arm(recipe, dataset, str(source), int(films)) for source, films in counts.items())
    seconds = [
        training.estimate(recipe, len(table) - arm.films, len(dataset.classes))
        for arm in arms
        if arm.spec and arm.run is None
    ]
    known = [each for each in seconds if each is not None]
    return LeftOut(arms, sum(known) if len(known) == len(seconds) else None)


def frame(found: LeftOut, metric: str = "accuracy", class_name: str = "") -> pd.DataFrame:
    """One row a source: what is reached at home, on the source, and what is lost; NaN where not known.

    Columns: source, films (of it), obstacle (why nothing is trained), run_id (of the training), classes (that have
    films there, text), home_value, home_low and home_high (on the test films of the other sources, of all
    classes), value, low and high (on the source), drop, drop_low and drop_high as in `matrix.table`.

    Args:
        found: as `leave_one_out`.
        metric, class_name: as for `matrix.table`.

    Raises:
        ComparisonError: there is no such metric.
        StoreError: predictions are missing or damaged.
    """
    rows = []
    for arm in found.arms:
        values: dict[str, object] = dict.fromkeys(_TEXTS, "")
        values |= {"source": arm.source, "films": arm.films, "obstacle": arm.obstacle}
        if arm.run:
            home = row_of(arm.run, metric, class_name)
            values |= {f"home_{name}": home[name] for name in ("value", "low", "high")}
            values["run_id"] = arm.run.run_id
        if arm.test:
            there = row_of(arm.test, metric, class_name)
            named = ("value", "low", "high", "drop", "drop_low", "drop_high")
            values |= {name: there[name] for name in named}
            values["classes"] = ", ".join(map(str, there["classes"]))  # type: ignore[call-overload]
        rows.append(values)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    types = {name: "str" if name in _TEXTS else "float64" for name in COLUMNS}
    return table.astype(types | {"films": "int64"})


def _places(dataset: "Dataset") -> pd.Series:
    """Where each film comes from: of a merged dataset its member, else its source."""
    source = dataset.table["source"]
    return source.str.split(": ", n=1).str[0] if dataset.layout == merged.LAYOUT else source


def _arm(recipe: Recipe, dataset: "Dataset", source: str, films: int) -> Arm:
    elsewhere = set(dataset.table.loc[~from_source(dataset.table, source), "label"])
    obstacle = f"fewer than {FEWEST} films" if films < FEWEST else ""
    if vanishing := [name for name in dataset.classes if name not in elsewhere]:
        obstacle = f"{', '.join(vanishing)} vanishes with it"
    if obstacle:
        return Arm(source, films, obstacle, None, None, None)
    spec = training.plan(recipe, dataset, SplitSpec(without_source=source))
    run = store.load_run(spec.run_id) if store.exists(spec.run_id) else None
    test = None if run is None else computation.find(run, dataset)
    return Arm(source, films, "", spec, run, test)
