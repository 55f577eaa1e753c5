"""Keep networks loaded; predict and explain images."""

import gc
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxrcore import explanations, pixels, store
from cxrcore.datasets.table import listed
from cxrcore.errors import CxrError
from cxrcore.films import Film
from cxrcore.inference import evidence, loading
from cxrcore.inference.pictures import Lungs, Picture, Prepared
from cxrcore.inference.prediction import Prediction

if TYPE_CHECKING:
    import keras

Key = tuple[Path, int, int]


class Models:
    """Loaded networks, at most `limit`; the least recently used one is dropped first."""

    def __init__(self, limit: int) -> None:
        self._limit = max(1, limit)
        self._loaded: OrderedDict[Key, keras.Model] = OrderedDict()
        self._new_networks = False

    def get(self, run: store.Run) -> "keras.Model":
        """The network of a run, computing in float32; loaded again if its file has changed.

        Raises:
            StoreError: the file is missing, was changed, or cannot be opened.
        """
        path = run.model_path()
        status = path.stat()
        key = path, status.st_size, status.st_mtime_ns
        if key not in self._loaded:
            self._make_room(path)
            self._loaded[key] = loading.load(path, run.run_id, len(run.classes), run.interface)
            self._new_networks = True
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def __len__(self) -> int:
        """How many are loaded."""
        return len(self._loaded)

    def settle(self) -> None:
        """After a load: keep the garbage collector from traversing the networks again and again."""
        if self._new_networks:
            gc.collect()
            gc.freeze()
            self._new_networks = False

    def _make_room(self, path: Path) -> None:
        outdated = [key for key in self._loaded if key[0] == path]
        excess = len(self._loaded) - len(outdated) - self._limit + 1
        others = [key for key in self._loaded if key[0] != path]
        dropped = outdated + others[: max(0, excess)]
        for key in dropped:
            del self._loaded[key]
        if dropped:
            gc.unfreeze()  # networks have cycles, and a frozen one would never be freed
            gc.collect()


def predict(
    models: Models,
    picture: Picture,
    run_ids: Sequence[str],
    *,
    methods: Sequence[str],
    class_name: str | None = None,
    layer: str | None = None,
    progress: explanations.Progress | None = None,
) -> list[Prediction]:
    """See `Worker.predict`.

    `progress` hears of the passes of slow methods, of all runs together; what it raises ends the
    work.
    """
    explanations.check(methods)
    # In one order, since each order would be compiled anew.
    methods = [name for name in explanations.METHODS if name in methods]
    _ = picture.lungs  # a mask that cannot be read is no fault of a run

    def reporting(number: int) -> explanations.Progress | None:
        """The progress of one run as a part of that of all."""
        if progress is None:
            return None
        return lambda done, total: progress(number * total + done, len(run_ids) * total)

    predictions = [
        _predict(models, run, picture.prepared, methods, class_name, layer, reporting(number))
        for number, run in enumerate(run_ids)
    ]
    models.settle()
    return predictions


def warm(models: Models, run_id: str, methods: Sequence[str]) -> None:
    """Load a run's network and compile so many methods of it.

    Raises:
        StoreError, ExplainError: it cannot be used.
    """
    run = store.load_run(run_id)
    side = run.recipe.image_size
    blank, model = np.zeros((side, side), np.uint8), models.get(run)
    evidence.compute(run, model, blank, explanations.possible(model, methods), None, None)
    models.settle()


def predict_here(
    image: Film | bytes | Path | np.ndarray,
    run_ids: Sequence[str],
    *,
    mask: Lungs = None,
    methods: Sequence[str] = explanations.BY_DEFAULT,
    class_name: str | None = None,
    layer: str | None = None,
    name: str | None = None,
    progress: explanations.Progress | None = None,
) -> list[Prediction]:
    """As `Worker.predict`, but in this process, into which it loads TensorFlow.

    `image` may also be (H, W) uint8 gray, and `progress` is that of `predict`.

    Raises:
        ImageError: the image or the mask cannot be used.
        ExplainError: a method does not exist.
    """
    if isinstance(image, bytes | Path):
        image = Film.read(image, name)
    gray, image_id = (image.gray, image.digest) if isinstance(image, Film) else (image, "")
    return predict(
        Models(limit=1),
        Picture(gray, mask, image_id),
        run_ids,
        methods=methods,
        class_name=class_name,
        layer=layer,
        progress=progress,
    )


def _predict(
    models: Models,
    run_id: str,
    prepared: Callable[[pixels.Preparation], Prepared],
    methods: Sequence[str],
    class_name: str | None,
    layer: str | None,
    progress: explanations.Progress | None,
) -> Prediction:
    """One run's prediction; a faulty run becomes a Prediction with `error`."""
    recipe = ""
    try:
        run = store.load_run(run_id)
        recipe = run.recipe.name
        model = models.get(run)
        start = time.perf_counter()
        seen, box, notes = prepared(run.recipe.preparation)
        index = run.classes.index(class_name) if class_name in run.classes else None
        if class_name is not None and index is None:
            notes += (f"This model has no class {class_name}; the maps explain its prediction.",)
        if layer is not None and layer not in {place.name for place in explanations.layers(model)}:
            notes += (f"This model has no layer {layer}; the maps look at its last one.",)
            layer = None
        wanted = explanations.possible(model, methods)
        missing = tuple(name for name in methods if name not in wanted)
        notes += _without(missing)
        found = evidence.compute(run, model, seen, wanted, index, layer, progress)
        explained = int(found.probabilities.argmax()) if index is None else index
        others = evidence.elsewhere(run, model, seen, found.maps, explained, layer)
        seconds = time.perf_counter() - start
    except CxrError as error:
        return Prediction(run_id, recipe, error=str(error))
    return Prediction(
        run_id,
        recipe,
        classes=tuple(run.classes),
        probabilities=found.probabilities,
        predicted=run.classes[int(found.probabilities.argmax())],
        explained=run.classes[explained],
        maps=found.maps,
        evidence=others,
        layers=explanations.layers(model),  # known since it was compiled
        layer=layer,
        missing=missing,
        embedding=found.embedding,
        depths=found.depths,
        seen=seen,
        box=box,
        seconds=seconds,
        notes=notes,
    )


def _without(missing: Sequence[str]) -> tuple[str, ...]:
    """A note that maps are missing."""
    if not missing:
        return ()
    names = listed([explanations.METHODS[name].title for name in missing], 9)
    return (
        f"No {names}: this model was imported as a file of which only the answers are known, not the layers.",
    )
