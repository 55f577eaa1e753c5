"""What a run's network says of a film, and for which classes there is evidence at all."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxrcore import explanations, store
from cxrcore.errors import ExplainError

if TYPE_CHECKING:
    import keras


def compute(
    run: store.Run,
    model: "keras.Model",
    seen: np.ndarray,
    methods: Sequence[str],
    index: int | None,
    layer: str | None,
    progress: explanations.Progress | None = None,
) -> explanations.Explanation:
    """Probabilities, maps and features.

    Raises:
        ExplainError: the network fails, gives no numbers, or has other classes than its run.
    """
    import tensorflow as tf

    try:
        found = explanations.explain_all(
            model, seen, methods, index, layer=layer, progress=progress
        )
    except tf.errors.OpError as error:
        raise ExplainError(
            f"TensorFlow failed on {run.run_id}: {error.message.splitlines()[0][:200]}. "
            "If the memory is full, stop a training or choose fewer models; then try again."
        ) from error
    if len(found.probabilities) != len(run.classes):
        raise ExplainError(
            f"The network of {run.run_id} distinguishes {len(found.probabilities)} classes, but "
            f"its run names {len(run.classes)}. Delete the run and train it again."
        )
    if not np.isfinite(found.probabilities).all():
        raise ExplainError(
            f"The network of {run.run_id} gives no numbers (NaN): its training diverged. "
            "Train it again with a lower learning rate."
        )
    return found


def elsewhere(
    run: store.Run,
    model: "keras.Model",
    seen: np.ndarray,
    maps: Mapping[str, np.ndarray],
    explained: int,
    layer: str | None,
) -> dict[str, tuple[str, ...]]:
    """The classes with evidence, strongest first, where a class activation map has none.

    Methods that take many passes are left out: nobody has asked for so many.
    """
    quick = [name for name in maps if not explanations.METHODS[name].slow]
    empty = [
        name for name in quick if explanations.METHODS[name].uses_layer and maps[name].max() <= 0
    ]
    if not empty:
        return {}
    others = [number for number in range(len(run.classes)) if number != explained]
    # All quick methods at once, since that pass is compiled already.
    found = {number: compute(run, model, seen, quick, number, layer).maps for number in others}
    classes = {}
    for name in empty:
        strongest = sorted(others, key=lambda number: -found[number][name].max())
        some = [number for number in strongest if found[number][name].max() > 0]
        classes[name] = tuple(run.classes[number] for number in some)
    return classes
