"""The functions of `import cxrcore as cxr`: what notebooks and scripts call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from pydantic import ValidationError

from cxrcore import datasets, index, jobs, models, store, training, work
from cxrcore.datasets import Dataset
from cxrcore.errors import TrainingError
from cxrcore.index import Index
from cxrcore.models import Recipe, networks
from cxrcore.notebook.run_methods import Run
from cxrcore.progress import progress_bar
from cxrcore.splits import SplitSpec

if TYPE_CHECKING:
    import keras


def load(
    name_or_folder: str | Path,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """The dataset of a registered name or in a folder; see `datasets.load`.

    Raises:
        DatasetError: no such name, folder or layout, or no usable images.
    """
    with progress_bar() as report:
        return datasets.load(name_or_folder, layout, options, report=report)


def measure(data: Dataset | str | Path) -> Index:
    """Size, gray values and BRISQUE of every image; what was measured before is kept.

    Raises:
        DatasetError, StoreError: as `index.measure`.
    """
    with progress_bar() as report:
        return index.measure(_dataset(data), report=report)


def build(
    recipe: str | Recipe, classes: int | Sequence[str], weights: str | None = None
) -> "keras.Model":
    """The untrained Keras model of a recipe; see `networks.build`.

    Raises:
        RecipeError: no such recipe, fewer than two classes, or weights it cannot start from.
        WeightsError: the weights are missing or do not fit.
    """
    chosen = models.get(recipe) if isinstance(recipe, str) else recipe
    with progress_bar() as report:
        return networks.build(chosen, classes, weights, report=report)


def train(
    recipe: str | Recipe,
    data: Dataset | str | Path,
    *,
    schedule: Literal["fast", "published"] = "fast",
    **fields: Any,
) -> Run:
    """Train a recipe on a dataset, or return at once the run of an identical earlier request.

    The training is a job, as from the dashboard and the command line: it waits for its turn,
    survives this process, and goes on from its last epoch when it is requested again. Ctrl-C
    (in Jupyter: interrupt) stops it.

    Args:
        recipe: a name in RECIPES, or a Recipe, which is used with the schedule it has.
        data: a dataset, its registered name, or its folder.
        schedule: "fast" ends when the validation loss stops improving; or as published.
        fields: fields of Recipe (`epochs=20`), and of SplitSpec except its seed (`fold=1,
            folds=5`).

    Raises:
        RecipeError: no such recipe or field.
        DatasetError: no such dataset or split.
        TrainingError: the training failed or was stopped; the message says why.
    """
    if isinstance(recipe, str):
        recipe = models.get(recipe)
        recipe = recipe.fast() if schedule == "fast" else recipe
    split_fields = (SplitSpec.model_fields.keys() - {"seed"}) & fields.keys()
    try:
        split = SplitSpec(**{name: fields.pop(name) for name in split_fields})
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"The split's {first['loc'][0]}: {first['msg']}.") from error
    spec = training.plan(recipe.override(**fields), _dataset(data), split)
    job = work.submit_training(spec)
    if job.active:
        job = jobs.follow(job.job_id)
    if job.state != "done":
        raise TrainingError(f"{job.title}: {job.state}. {job.message}")
    return run(spec.run_id)


def runs(data: Dataset | str | None = None) -> pd.DataFrame:
    """One row per run, the newest first, of one dataset or of all; see `store.list_runs`."""
    return store.list_runs(data.name if isinstance(data, Dataset) else data)


def run(run_id: str) -> Run:
    """A run of the store.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    return Run(**dict(store.load_run(run_id)))


def _dataset(data: Dataset | str | Path) -> Dataset:
    return data if isinstance(data, Dataset) else load(data)
