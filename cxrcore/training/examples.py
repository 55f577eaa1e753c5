"""Make the example films of a run: its Grad-CAM of a few test films, and its latency."""

import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import explanations, images, lungs, store
from cxrcore.datasets import Dataset, masks
from cxrcore.errors import StoreError
from cxrcore.pixels import prepare_one
from cxrcore.progress import silent
from cxrcore.store import Example, Examples, Run
from cxrcore.training import machine

if TYPE_CHECKING:
    import keras

FILMS = 3  # a class, one of them a mistake of the run where it made one
METHOD = "grad-cam"
_TIMED = 5  # passes through the network, after one that is not counted


def make(run: Run, dataset: Dataset, model: "keras.Model") -> Examples:
    """Make and keep the example films of a run.

    Of each class they are the first two test films by image_id, so that the runs of one split
    have films in common, and the first that this run took for another class; where it is one of
    those two, or there is none, the third. Films that are no longer in the dataset are passed
    over. What the run says of them is what it said when it was tested.

    Args:
        run: undamaged.
        dataset: where its films are now.
        model: its network, in float32.

    Raises:
        StoreError: the run is damaged, none of its test films is in the dataset, or the store
            cannot be written.
        ImageError, ExplainError: a film cannot be read, or the network has no feature maps.
    """
    chosen = choose(run, dataset)
    if run.recipe.region != "none":
        dataset = lungs.masked(dataset, run.recipe.lung_masks, report=silent)
    films = []
    for row in chosen.to_dict("records"):
        seen = _prepared(str(row["image_id"]), run, dataset)
        index = run.classes.index(row["predicted"])
        heat = explanations.explain(model, seen, METHOD, index)
        facts = {name: row[name] for name in ("image_id", "label", "predicted")}
        shares = tuple(float(row[f"p_{name}"]) for name in run.classes)
        films.append(Example.of(seen, heat, probabilities=shares, **facts))
    made = Examples(films=tuple(films), latency_ms=_latency(model, seen), device=machine.device())
    store.keep_examples(run, made)
    return made


def try_to_make(run: Run, dataset: Dataset, model: "keras.Model") -> None:
    """Make the example films of a run that was just stored; a failure goes to the job's log.

    Whatever fails here, the run is stored, and its films can be made later (`work.examples`).
    """
    try:
        make(run, dataset, model)
    except Exception as error:  # noqa: BLE001 - also what TensorFlow raises when memory is full
        message = f"The example films of {run.run_id} are made later: {error}"
        print(message, file=sys.stderr, flush=True)


def choose(run: Run, dataset: Dataset) -> pd.DataFrame:
    """The rows of `Run.predictions` of the films to show, by class and image_id."""
    table = run.predictions()
    test = table[(table["split"] == "test") & table["image_id"].isin(dataset.table["image_id"])]
    if test.empty:
        raise StoreError(
            f"None of the test films of {run.run_id} is in {dataset.name} any more, so there is "
            "none to show. Restore the films in the dataset's folder, or train the model again."
        )
    of_class = dict(list(test.sort_values("image_id").groupby("label", sort=False)))
    return pd.concat([_of_class(of_class[name]) for name in run.classes if name in of_class])


def _of_class(films: pd.DataFrame) -> pd.DataFrame:
    """FILMS of one class, in their order: the first ones, and a mistake instead of the last."""
    first = films.head(FILMS)
    wrong = films[films["label"] != films["predicted"]].head(1)
    if first.index.isin(wrong.index).any() or wrong.empty:
        return first
    return pd.concat([films.head(FILMS - 1), wrong])


def _prepared(image_id: str, run: Run, dataset: Dataset) -> npt.NDArray[np.uint8]:
    """(S, S) what the network sees of a film."""
    preparation = run.recipe.preparation
    gray = images.decode(dataset.path_of(image_id))
    file = None if preparation.region == "none" else dataset.mask_of(image_id)
    mask = None if file is None else masks.read(file, gray.shape)
    return prepare_one(gray, mask, preparation)


def _latency(model: "keras.Model", seen: npt.NDArray[np.uint8]) -> float:
    """Milliseconds of one film through the network, from its gray levels to its probabilities."""
    times = []
    for _ in range(1 + _TIMED):  # the first one compiles
        start = time.perf_counter()
        explanations.explain_all(model, seen, ())
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[1:])
