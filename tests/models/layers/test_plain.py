"""The plain networks, layer by layer, as the studies describe them."""

import keras
import numpy as np
import pytest

from cxrcore.errors import RecipeError
from cxrcore.models import RECIPES, networks


def words(layer: keras.Layer) -> tuple:
    """What the studies say of a layer."""
    match type(layer).__name__:
        case "Conv2D":
            kind = (layer.filters, layer.kernel_size, layer.padding, layer.strides)
            return ("conv", *kind, layer.activation.__name__)
        case "Dense":
            return ("dense", layer.units, layer.activation.__name__)
        case "MaxPooling2D":
            return ("pool", layer.pool_size, layer.strides, layer.padding)
        case "Dropout":
            return ("dropout", layer.rate)
        case "BatchNormalization":
            return ("norm", layer.axis, layer.momentum, layer.epsilon)
        case "Rescaling":
            return ("scale", layer.scale, layer.offset)
        case kind:
            return (kind.lower(),)


def conv(filters, kernel, padding):
    return ("conv", filters, (kernel, kernel), padding, (1, 1), "relu")


POOL = ("pool", (2, 2), (2, 2), "valid")
NORM = ("norm", -1, 0.99, 0.001)
START = [("inputlayer",), ("scale", 1 / 255, 0.0)]
HEAD = [("flatten",), ("dense", 100, "relu"), ("dense", 50, "relu"), ("dense", 3, "softmax")]


def same(filters):
    return conv(filters, 2, "same")


def five(filters):
    return [conv(filters, 3, "valid"), NORM, POOL, ("dropout", 0.25)]


LAYERS = {
    "cnn-plain": [
        *START,
        *(same(128), POOL),
        *(same(64), POOL),
        *(same(32), POOL),
        *(same(32), POOL),
        *HEAD,
    ],
    "cnn-batchnorm": [
        *START,
        *(same(128), POOL, NORM),
        *(same(64), POOL, NORM),
        *(same(32), POOL, NORM),
        *(same(32), POOL, NORM),
        *HEAD,
    ],
    "cnn-batchnorm-dropout": [
        *START,
        *(same(128), POOL, NORM, ("dropout", 0.8)),
        *(same(64), POOL, NORM),
        *(same(32), POOL, NORM, ("dropout", 0.2)),
        *(same(32), POOL, NORM),
        *HEAD,
    ],
    "cnn-five": [
        *START,
        *(five(32) + five(64) + five(128) + five(64) + five(32)),
        ("flatten",),
        *(("dense", 512, "relu"), NORM, ("dropout", 0.5)),
        ("dense", 3, "softmax"),
    ],
}

# At the published size and for three classes; kernel * kernel * maps + 1, times filters.
_CONVOLUTIONS = 13 * 128 + 513 * 64 + 257 * 32 + 129 * 32
_DENSE = (12 * 12 * 32 + 1) * 100 + 101 * 50 + 51 * 3
_NORMS = 4 * (128 + 64 + 32 + 32)
PARAMETERS = {
    "cnn-plain": _CONVOLUTIONS + _DENSE,
    "cnn-batchnorm": _CONVOLUTIONS + _DENSE + _NORMS,
    "cnn-batchnorm-dropout": _CONVOLUTIONS + _DENSE + _NORMS,
    "cnn-five": (
        (28 * 32 + 289 * 64 + 577 * 128 + 1153 * 64 + 577 * 32)
        + 4 * (32 + 64 + 128 + 64 + 32)
        + (4 * 4 * 32 + 1) * 512
        + 4 * 512
        + 513 * 3
    ),
}


@pytest.fixture(scope="module")
def models():
    return {name: networks.build(RECIPES[name], 3) for name in LAYERS}


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_are_the_published_ones(models, name):
    assert [words(layer) for layer in models[name].layers] == LAYERS[name]


@pytest.mark.parametrize("name", LAYERS)
def test_the_parameters_are_as_many_as_counted_by_hand(models, name):
    assert models[name].count_params() == PARAMETERS[name]
    assert PARAMETERS["cnn-plain"] == 512_951
    assert PARAMETERS["cnn-five"] == 453_027


@pytest.mark.parametrize("name", LAYERS)
def test_the_model_takes_colour_images_of_the_published_size(models, name):
    size = RECIPES[name].image_size
    assert models[name].input_shape == (None, size, size, 3)
    assert models[name].input.dtype == "float32"
    assert models[name].output_shape == (None, 3)


def test_five_blocks_leave_four_by_four_places_of_200_pixels(models):
    assert models["cnn-five"].get_layer("pool5").output.shape == (None, 4, 4, 32)


def test_the_smallest_size_of_five_blocks_leaves_one_place_and_one_less_leaves_none():
    recipe = RECIPES["cnn-five"]
    model = networks.build(recipe.override(image_size=recipe.architecture.min_size), 3)
    assert model.get_layer("pool5").output.shape == (None, 1, 1, 32)
    too_small = recipe.model_copy(update={"image_size": recipe.architecture.min_size - 1})
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        too_small.architecture.build(too_small, 3)
    with pytest.raises(RecipeError, match="from 94 to 512"):
        networks.build(too_small, 3)


def test_pixels_are_divided_by_255_inside_the_model(models):
    model = models["cnn-plain"]
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 192, 192, 3)).astype("float32")
    np.testing.assert_allclose(scaled(pixels), pixels / 255, rtol=1e-6)
