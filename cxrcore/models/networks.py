"""The networks of the recipes as Keras models, from raw pixels to class probabilities.

Every model takes (batch, S, S, 3) float32 images with values 0..255 (gray X-rays three
times) and scales them inside; its last layer is `predictions`, a softmax in float32. Only
parts of Keras itself are used, so that a stored model opens with `safe_mode=True` without
this package.
"""

import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrcore.errors import RecipeError, WeightsError
from cxrcore.files import digest
from cxrcore.models import own, registry, stages
from cxrcore.models.pretrained import matching
from cxrcore.models.pretrained.location import kinds_of, locate
from cxrcore.models.recipe import Recipe
from cxrcore.progress import Report, silent

if TYPE_CHECKING:
    import keras


def build(
    recipe: Recipe,
    classes: int | Sequence[str],
    weights: str | None = None,
    *,
    report: Report = silent,
) -> "keras.Model":
    """The network of `recipe` with its first weights, not compiled.

    Random weights depend on `recipe.seed` only: the global seeds of Python, NumPy and Keras
    are set to it (`keras.utils.set_random_seed`), because Keras' ready-made networks take no
    initialiser. The caller chooses the precision beforehand, with
    `keras.mixed_precision.set_global_policy`.

    Args:
        recipe: what to build.
        classes: the number of classes, or their names; at least two.
        weights: one of `recipe.weights_choices` or the path of an .h5 file, in place of the
            recipe's own.
        report: receives the progress of a download, if one is needed.

    Raises:
        RecipeError: fewer than two classes, no such network, or weights it cannot start from.
        WeightsError: the weights are missing or do not fit.
    """
    n_classes = _count(classes)
    if weights is not None:
        recipe = recipe.override(weights=weights)
    network = recipe.architecture
    own.require_unchanged(recipe)
    recipe.check(network)
    files = _first_weights(recipe, report)  # before TensorFlow is imported: failing is quick
    if recipe.n_classes not in (None, n_classes):
        raise RecipeError(
            f"{recipe.name} distinguishes {recipe.n_classes} classes, and there are {n_classes}. "
            "Choose another recipe, or train it on one class against the rest."
        )

    import keras

    keras.utils.set_random_seed(recipe.seed)
    model = own.build(recipe, n_classes) if network.source else network.build(recipe, n_classes)
    if files and network.load:
        network.load(model, files)
    elif files:
        matching.load(files[0], model.layers, model.name)
    if recipe.trained_stages is not None:
        stages.train_last(model, recipe.trained_stages)
    return model


def compile(model: "keras.Model", recipe: Recipe) -> None:
    """Give `model` (or its head) the recipe's optimiser, loss and accuracy; labels are 0..k-1.

    The studies wrote labels as one-hot rows; sparse categorical cross-entropy is the same loss.
    With label smoothing e, a label counts as 1 - e of its own class and e spread evenly over all
    (Szegedy et al. 2015, arXiv:1512.00567), in validation too.
    """
    import keras

    optimizers = {
        "adam": lambda: keras.optimizers.Adam(recipe.learning_rate),
        "rmsprop": lambda: keras.optimizers.RMSprop(recipe.learning_rate, rho=0.9),
    }
    model.compile(
        optimizer=optimizers[recipe.optimizer](),
        loss=_smoothed(recipe.label_smoothing)
        if recipe.label_smoothing
        else keras.losses.SparseCategoricalCrossentropy(),
        # The object and not its name, and below the optimiser's variables: docs/decisions/0030.
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    model.optimizer.build(model.trainable_variables)


def _smoothed(share: float) -> "Callable[[Any, Any], Any]":
    """Cross-entropy of smoothed labels; `share` 0..1 of a label goes to all classes evenly."""
    import keras

    def smoothed_crossentropy(labels: Any, probabilities: Any) -> Any:
        classes = probabilities.shape[-1]
        rows = keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), classes)
        return keras.losses.categorical_crossentropy(rows, probabilities, label_smoothing=share)

    return smoothed_crossentropy


def trunk_and_head(model: "keras.Model") -> tuple["keras.Model", "keras.Model"]:
    """Split a model where its trained layers begin; `head(trunk(x)) == model(x)`.

    Both parts share their layers with `model`: training the head trains the model. The
    trunk maps (batch, S, S, 3) pixels to features, (batch, ...), that are the same in every
    epoch; call it with `training=False`. They are float32 where the model computes in it.

    Raises:
        RecipeError: no frozen layers come first, or layers before the trained ones change
            images at random, so that features computed once would be wrong.
    """
    import keras

    before, after = list(model.layers[1:]), []  # the first layer only takes the image
    trained = (n for n, layer in enumerate(before) if layer.trainable_weights or _at_random(layer))
    first = next(trained, len(before))
    before, after = before[:first], before[first:]
    if after and isinstance(after[0], keras.Model):  # frozen in part, like ResNet50 of study A
        inside = next(layer for layer in after[0].layers if layer.trainable_weights)
        last_frozen = stages.last_narrow_before(after[0], inside).output
        before.append(keras.Model(after[0].input, last_frozen, name="frozen"))
        after[0] = keras.Model(last_frozen, after[0].output, name="trained")
    frozen = [variable for layer in before for variable in layer.variables]
    at_random = any(_at_random(part) for part in before)
    side_by_side = len(stages.trunks(model)) > 1
    if not after or not frozen or at_random or side_by_side:
        recipes = registry.models().recipes.values()
        names = (recipe.name for recipe in recipes if recipe.architecture.frozen_first)
        raise RecipeError(
            f"The network {model.name} has no frozen layers before those that train, or changes "
            "images at random before them, so features cannot be computed once. Train it whole, "
            f"or choose, without augmentation, one of: {', '.join(names)}."
        )
    trunk = _chain(model.input.shape[1:], before, "trunk")
    return trunk, _chain(trunk.output.shape[1:], after, "head")


def _at_random(layer: "keras.Layer") -> bool:
    """Whether a layer, or one inside it, changes images at random; dropout of 0 does not."""
    return any(
        "seed_generator" in variable.path and getattr(leaf, "rate", None) != 0
        for leaf in stages.leaves(layer)
        for variable in leaf.variables
    )


def _chain(
    shape: tuple[int, ...], layers: "Sequence[keras.layers.Layer]", name: str
) -> "keras.Model":
    """The layers one after the other, on an input without its batch axis."""
    import keras

    inputs = x = keras.Input(shape, dtype="float32")
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x, name=name)


def _count(classes: int | Sequence[str]) -> int:
    number = len(set(classes)) if isinstance(classes, Sequence) else operator.index(classes)
    repeated = isinstance(classes, Sequence) and number < len(classes)
    if isinstance(classes, str) or number < 2 or repeated:
        raise RecipeError(
            "A network needs two or more classes with names of their own. "
            f"Received: {classes!r}. Give their number or the list of their names."
        )
    return number


def _first_weights(recipe: Recipe, report: Report) -> tuple[Path, ...]:
    paths = tuple(locate(kind, report=report) for kind in kinds_of(recipe))
    if recipe.weights_digest and digest(paths[0]) != recipe.weights_digest:
        raise WeightsError(
            f"{paths[0]} has changed since it was chosen for this training. "
            "Choose the file again, so that the run is named after its new content."
        )
    return paths
