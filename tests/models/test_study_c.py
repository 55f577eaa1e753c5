"""Study C's networks, layer by layer, and the one sigmoid behind their two probabilities."""

import keras
import numpy as np
import pytest

from cxrcore.errors import RecipeError
from cxrcore.models import RECIPES, networks

NAMES = [name for name, recipe in RECIPES.items() if recipe.study == "C"]
P = "pool"
# As the study writes them: filters of the convolutions, poolings, then units of dense layers.
LAYERS = {
    "binary-baseline": [32, P, 64, "dense 16"],
    "binary-pool": [32, P, 64, P, 64, "dense 64"],
    "binary-l2": [32, P, 64, P, 64, "dense 64"],
    "binary-deep": [32, 32, P, 64, 64, P, "dense 256", "dense 256"],
    "binary-l2-lr01": [32, P, 64, P, 64, "dense 64"],
    "binary-l2-64": [64, P, 64, P, 64, "dense 64"],
}


def words(layer):
    match type(layer).__name__:
        case "Conv2D":
            assert (layer.kernel_size, layer.padding) == ((3, 3), "valid")
            assert layer.activation.__name__ == "relu"
            return layer.filters
        case "MaxPooling2D":
            assert layer.pool_size == (2, 2)
            return P
        case "Dense":
            return f"dense {layer.units}"
    return None


@pytest.mark.parametrize("name", NAMES)
def test_the_layers_are_the_published_ones(built, name):
    told = [word for word in map(words, built(name).layers) if word]
    assert told == [*LAYERS[name], "dense 1", "dense 2"]


@pytest.mark.parametrize("name", NAMES)
def test_l2_is_on_every_layer_but_the_first_convolution_and_the_last(built, name):
    layers = [layer for layer in built(name).layers if hasattr(layer, "kernel_regularizer")]
    penalties = [getattr(layer.kernel_regularizer, "l2", None) for layer in layers]
    middle = pytest.approx(0.01) if name.startswith("binary-l2") else None
    assert penalties == [None, *[middle] * (len(layers) - 3), None, None]


def test_the_parameters_are_as_many_as_counted_by_hand():
    convolutions = (9 * 1 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 64
    side = ((224 - 2) // 2 - 2) // 2 - 2
    dense = (side * side * 64 + 1) * 64 + 65
    model = networks.build(RECIPES["binary-pool"], 2)
    assert model.count_params() == convolutions + dense + 2
    assert sum(w.numpy().size for w in model.trainable_weights) == convolutions + dense


def test_both_probabilities_are_those_of_one_sigmoid(built):
    model = built("binary-pool")
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 64, 64, 3)).astype("float32")
    logit = keras.Model(model.input, model.get_layer("logit").output)(pixels).numpy()[:, 0]
    p = 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(model(pixels), np.stack([1 - p, p], axis=1), atol=1e-6)


def test_the_loss_and_its_gradient_are_those_of_binary_cross_entropy(built):
    import tensorflow as tf

    model = built("binary-l2")
    pixels = np.random.default_rng(1).uniform(0, 255, (6, 64, 64, 3)).astype("float32")
    labels = np.array([0, 1, 1, 0, 1, 0])
    to_logit = keras.Model(model.input, model.get_layer("logit").output)
    with tf.GradientTape(persistent=True) as tape:
        ours = keras.losses.SparseCategoricalCrossentropy()(labels, model(pixels))
        sigmoid = tf.sigmoid(to_logit(pixels))
        theirs = keras.losses.BinaryCrossentropy()(labels[:, None], sigmoid)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    variables = model.trainable_variables
    for a, b in zip(tape.gradient(ours, variables), tape.gradient(theirs, variables), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_it_sees_one_channel(built):
    model = built("binary-pool")
    gray = np.random.default_rng(2).uniform(0, 255, (2, 64, 64, 1)).astype("float32")
    pixels = np.repeat(gray, 3, axis=3)
    other = np.concatenate([gray, np.zeros((2, 64, 64, 2), "float32")], axis=3)
    np.testing.assert_array_equal(model(pixels), model(other))


@pytest.mark.parametrize("name", NAMES)
def test_more_than_two_classes_are_refused_with_what_to_do(name):
    with pytest.raises(RecipeError, match=rf"{name} distinguishes 2 classes, and there are 3"):
        networks.build(RECIPES[name], ["a", "b", "c"])
