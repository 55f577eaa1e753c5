"""The functions of `import cxrcore as cxr`: what notebooks and scripts call."""

import functools
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from cxrcore import datasets, figures, images, index, jobs, models, store, training, work
from cxrcore.datasets import Dataset
from cxrcore.errors import ExplainError, ImageError, TrainingError
from cxrcore.index import Index
from cxrcore.inference import Models, Prediction
from cxrcore.inference import models as inference_models
from cxrcore.models import Recipe, networks
from cxrcore.progress import progress_bar
from cxrcore.splits import SplitSpec

if TYPE_CHECKING:
    import keras

Film = str | Path | bytes | np.ndarray
_LOADED_MODELS = 4  # networks that stay in memory for `Run.predict`


@dataclass(frozen=True)
class Explanation:
    """Where a run found its evidence; a notebook shows the map over the image."""

    method: str
    class_name: str  # the class explained
    map: np.ndarray  # (S, S) float32, >= 0
    image: np.ndarray  # (S, S) uint8, the network's input
    prediction: Prediction

    def overlay(self, opacity: float = 0.45, colormap: str = "inferno") -> np.ndarray:
        """(S, S, 3) uint8: the map over the image, see `figures.overlay`."""
        return figures.overlay(self.image, self.map, opacity, colormap)

    def _repr_png_(self) -> bytes:
        return images.encode_png(self.overlay())


class Run(store.Run):
    """A run of the store that predicts and explains in this process."""

    def confusion(self, part: str = "test") -> pd.DataFrame:
        """Confusion matrix of "test" or "validation": rows true, columns predicted classes."""
        names = pd.Index(self.classes, name="predicted")
        counts = self.metrics[part].confusion
        return pd.DataFrame(counts, index=names.rename("true"), columns=names)

    def predict(self, film: Film, *, mask: str | Path | None = None) -> Prediction:
        """Class probabilities for one image.

        Args:
            film: a file, the bytes of one, or gray levels as a (H, W) uint8 array.
            mask: lung mask, for runs trained on masked images.

        Raises:
            ImageError: the image or mask cannot be used.
            ExplainError, StoreError: the network cannot be used.
        """
        return self._predict(film, mask, (), None)

    def explain(
        self,
        film: Film,
        method: str = "grad-cam",
        class_name: str | None = None,
        *,
        mask: str | Path | None = None,
    ) -> Explanation:
        """Map of the evidence in one image for a class; by default for the predicted one.

        Args:
            film, mask: as in `predict`.
            method: one of `cxrcore.explanations.METHODS`.
            class_name: one of `classes`.

        Raises:
            ExplainError: no such method or class, or as in `predict`.
        """
        if class_name not in (None, *self.classes):
            raise ExplainError(
                f"{self.run_id} has no class {class_name!r}. Choose from: "
                f"{', '.join(self.classes)}."
            )
        found = self._predict(film, mask, (method,), class_name)
        return Explanation(method, found.explained, found.maps[method], found.seen, found)

    def _predict(
        self,
        film: Film,
        mask: str | Path | None,
        methods: Sequence[str],
        class_name: str | None,
    ) -> Prediction:
        (found,) = inference_models.predict(
            _loaded_models(),
            _checked(film),
            [self.run_id],
            mask=None if mask is None else Path(mask),
            methods=methods,
            class_name=class_name,
            name=None,
        )
        if found.error is not None:
            raise ExplainError(found.error)
        return found

    def _repr_html_(self) -> str:
        test = self.metrics["test"]
        title = f"{self.run_id}: {self.recipe.title} on {self.dataset}"
        line = (
            f"Test: accuracy {test.accuracy:.3f}, macro F1 {test.macro.f1:.3f}, {test.n:,} images"
        )
        return f"<b>{html.escape(title)}</b><p>{line}</p>{self.confusion().to_html()}"


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


def _checked(film: Film) -> Path | bytes | np.ndarray:
    if isinstance(film, np.ndarray) and (film.ndim != 2 or film.dtype != np.uint8):
        raise ImageError(
            f"An array must hold (H, W) gray levels as uint8. Received: shape {film.shape}, "
            f"{film.dtype}. Convert it, or give the image's file."
        )
    return Path(film) if isinstance(film, str) else film


@functools.cache
def _loaded_models() -> Models:
    return Models(_LOADED_MODELS)
