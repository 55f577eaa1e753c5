"""Keep networks loaded; prepare, predict and explain images."""

import functools
import gc
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxrcore import explanations, images, pixels, store
from cxrcore.datasets import masks
from cxrcore.errors import CxrError, ExplainError, StoreError
from cxrcore.inference.prediction import Prediction

if TYPE_CHECKING:
    import keras

Key = tuple[Path, int, int]
Prepared = tuple[np.ndarray, tuple[str, ...]]  # (S, S) uint8 and notes


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
            self._loaded[key] = _load(run.run_id, path)
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
    image: bytes | Path | np.ndarray,
    run_ids: Sequence[str],
    *,
    mask: Path | None,
    methods: Sequence[str],
    class_name: str | None,
    name: str | None,
) -> list[Prediction]:
    """See `Worker.predict`; `image` may also be (H, W) uint8 gray."""
    explanations.check(methods)
    gray = image if isinstance(image, np.ndarray) else images.decode(image, name=name)
    lungs = None if mask is None else masks.read(mask, gray.shape)

    @functools.cache  # runs with the same preparation get the same pixels
    def prepared(preparation: pixels.Preparation) -> Prepared:
        return _prepare(gray, lungs, preparation)

    predictions = [_predict(models, run, prepared, methods, class_name) for run in run_ids]
    models.settle()
    return predictions


def predict_here(
    image: bytes | Path,
    run_ids: Sequence[str],
    *,
    mask: Path | None = None,
    methods: Sequence[str] = explanations.BY_DEFAULT,
    class_name: str | None = None,
    name: str | None = None,
) -> list[Prediction]:
    """As `Worker.predict`, but in this process, into which it loads TensorFlow.

    Raises:
        ImageError: the image or the mask cannot be used.
        ExplainError: a method does not exist.
    """
    return predict(
        Models(limit=1),
        image,
        run_ids,
        mask=mask,
        methods=methods,
        class_name=class_name,
        name=name,
    )


def _predict(
    models: Models,
    run_id: str,
    prepared: Callable[[pixels.Preparation], Prepared],
    methods: Sequence[str],
    class_name: str | None,
) -> Prediction:
    """One run's prediction; a faulty run becomes a Prediction with `error`."""
    recipe = ""
    try:
        run = store.load_run(run_id)
        recipe = run.recipe.name
        model = models.get(run)
        start = time.perf_counter()
        pixel_values, notes = prepared(
            pixels.Preparation(size=run.recipe.image_size, region=run.recipe.region)
        )
        index = run.classes.index(class_name) if class_name in run.classes else None
        if class_name is not None and index is None:
            notes += (f"This model has no class {class_name}; the maps explain its prediction.",)
        probabilities, maps = _compute(run, model, pixel_values, methods, index)
        seconds = time.perf_counter() - start
    except CxrError as error:
        return Prediction(run_id, recipe, error=str(error))
    predicted = int(probabilities.argmax())
    return Prediction(
        run_id,
        recipe,
        classes=tuple(run.classes),
        probabilities=probabilities,
        predicted=run.classes[predicted],
        explained=run.classes[predicted if index is None else index],
        maps=maps,
        seen=pixel_values,
        seconds=seconds,
        notes=notes,
    )


def _compute(
    run: store.Run,
    model: "keras.Model",
    pixel_values: np.ndarray,
    methods: Sequence[str],
    index: int | None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Probabilities and maps.

    Raises:
        ExplainError: the network fails, gives no numbers, or has other classes than its run.
    """
    import tensorflow as tf

    try:
        probabilities, maps = explanations.explain_all(model, pixel_values, methods, index)
    except tf.errors.OpError as error:
        raise ExplainError(
            f"TensorFlow failed on {run.run_id}: {error.message.splitlines()[0][:200]}. "
            "If the memory is full, stop a training or choose fewer models; then try again."
        ) from error
    if len(probabilities) != len(run.classes):
        raise ExplainError(
            f"The network of {run.run_id} distinguishes {len(probabilities)} classes, but its run "
            f"names {len(run.classes)}. Delete the run and train it again."
        )
    if not np.isfinite(probabilities).all():
        raise ExplainError(
            f"The network of {run.run_id} gives no numbers (NaN): its training diverged. "
            "Train it again with a lower learning rate."
        )
    return probabilities, maps


def _prepare(
    gray: np.ndarray, lungs: np.ndarray | None, preparation: pixels.Preparation
) -> Prepared:
    if preparation.region == "none" or lungs is not None:
        return pixels.prepare_one(gray, lungs, preparation), ()
    note = (
        f"This model was trained on images prepared with a lung mask ({preparation.region}), and "
        "this image has none. It was given the whole image, so its test results do not apply here."
    )
    return pixels.prepare_one(gray, None, pixels.Preparation(size=preparation.size)), (note,)


def _load(run_id: str, path: Path) -> "keras.Model":
    import keras

    from cxrcore.explanations.precision import in_float32

    try:
        # compile=False: no optimiser is needed. safe_mode: code in the file is not run.
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, LookupError, ImportError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"The network of {run_id} cannot be opened: {' '.join(str(error).split())[:200]}. "
            f"This is Keras {keras.__version__}; the run's details name the version that wrote it. "
            "Train it again."
        ) from error
    return in_float32(model)
