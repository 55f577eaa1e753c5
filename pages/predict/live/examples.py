"""The example that the page opens with: what runs said of a film that is kept with them."""

from collections.abc import Sequence

import cv2
import numpy as np

from cxrcore import store
from cxrcore.datasets import Dataset, masks
from cxrcore.films import Film
from cxrcore.inference import Prediction
from cxrcore.store import Run
from pages.predict.live.answers import Answer, Request
from pages.predict.live.films import Picked
from pages.shared import background, cache

METHOD = "grad-cam"


def first(runs: Sequence[Run], dataset: Dataset) -> str | None:
    """The image_id of the first example film that all runs have; those that lack any get them.

    Raises:
        JobError, StoreError: the job that makes them cannot be started.
    """
    kept = [(run, store.examples(run)) for run in runs]
    background.make_missing("examples", [run for run, found in kept if found is None], dataset)
    ids = [[film.image_id for film in found.films] for _, found in kept if found is not None]
    places = cache.places(dataset)
    common = set.intersection(*map(set, ids)) & places.keys() if ids else set()
    return next((image_id for image_id in ids[0] if image_id in common), None) if ids else None


def answers(
    runs: Sequence[Run], picked: Picked, film: Film, request: Request
) -> list[Answer] | None:
    """What is kept of a film, without any network; None unless all runs have it.

    Args:
        runs: of the request.
        picked: the film, `film` decoded.
        request: another class than the answer is not kept, nor another map than the Grad-CAM of the
            last layer.

    Raises:
        ImageError: the lung mask of the film cannot be read.
    """
    if request.class_name is not None or request.classes or request.layer is not None:
        return None
    found = []
    for run in runs:
        kept = store.examples(run)
        films = kept.films if kept else ()
        example = next((one for one in films if one.image_id == picked.key), None)
        if example is None:
            return None
        prediction = Prediction(
            run.run_id,
            run.recipe.name,
            classes=tuple(run.classes),
            probabilities=np.array(example.probabilities, np.float32),
            predicted=example.predicted,
            explained=example.predicted,
            maps={METHOD: example.map()},
            seen=example.pixels(),
            box=_box(run, picked, film),
        )
        found.append(Answer(prediction, {METHOD: prediction} if METHOD in request.methods else {}))
    return found


def _box(run: Run, picked: Picked, film: Film) -> tuple[int, int, int, int]:
    """The part of the film that the run saw."""
    height, width = film.gray.shape
    if run.recipe.region != "lungs-crop" or picked.mask is None:
        return 0, 0, width, height
    x, y, width, height = cv2.boundingRect(masks.read(picked.mask, film.gray.shape).view(np.uint8))
    return x, y, width, height
