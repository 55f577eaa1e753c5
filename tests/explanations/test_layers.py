"""Which convolutions can be looked at, and that two trunks are looked at one by one."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import ndimage

from cxrcore import explanations, models
from cxrcore.errors import ExplainError
from cxrcore.models import networks
from tests.helpers import short_trunks

SIDE = 71  # the smallest that Xception takes


@pytest.fixture(scope="module")
def two_trunks() -> keras.Model:
    keras.utils.set_random_seed(2)
    with short_trunks.in_place():
        recipe = models.get("resnet50v2-xception").override(image_size=SIDE)
        return networks.build(recipe, ["A", "B", "C"], "random")


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return (120 + 70 * np.sin(rows / 7) * np.cos(columns / 11)).astype(np.uint8)


def passed_through(model: keras.Model, image: tf.Tensor) -> dict[str, tf.Tensor]:
    """The output of every layer by its path, one operation after the other, also of the trunks."""
    seen = {}

    def run(operation, room=""):
        def call(*arguments, **_):
            if isinstance(operation, keras.Model):
                inner = partial(run, room=f"{room}{operation.name}/")
                return operation._run_through_graph(*arguments, operation_fn=inner)
            seen[room + operation.name] = output = operation(*arguments)
            return output

        return call

    model._run_through_graph(image, operation_fn=run)
    return seen


def test_a_network_with_two_trunks_has_a_layer_of_each_and_the_joined_one(two_trunks):
    found = explanations.layers(two_trunks)
    assert [layer.title for layer in found] == ["ResNet50V2", "Xception", "joined"]
    assert [layer.name.split("/")[0] for layer in found] == [
        "resnet50v2",
        "xception",
        "block2_conv3",
    ]
    height, width, maps = found[0].shape
    assert (height, width) != (SIDE, SIDE)
    assert maps == two_trunks.get_layer("resnet50v2").output_shape[-1]


def test_the_maps_of_each_trunk_are_those_of_a_pass_without_nesting(two_trunks, film):
    image = tf.constant(np.repeat(film[None, ..., None], 3, 3).astype(np.float32))
    names = [layer.name for layer in explanations.layers(two_trunks)]
    with tf.GradientTape() as tape:
        tape.watch(image)
        seen = passed_through(two_trunks, image)
        last = two_trunks.layers[-1]
        logits = seen["features"] @ last.kernel + last.bias
        score = logits[0, 2]
    np.testing.assert_allclose(tf.nn.softmax(logits), two_trunks(image), atol=1e-6)
    *gradients, of_film = tape.gradient(score, [*(seen[name] for name in names), image])
    for name, gradient in zip(names, gradients, strict=True):
        activations = seen[name]
        expected = {
            "layercam": activations * np.maximum(gradient, 0),
            "grad-cam": activations * gradient.numpy().mean(axis=(1, 2), keepdims=True),
        }
        layer = None if name == names[-1] else name  # the joined one is looked at by default
        for method, weighed in expected.items():
            coarse = np.maximum(weighed.numpy().sum(axis=-1)[0], 0)
            reference = ndimage.zoom(coarse, SIDE / np.array(coarse.shape), order=1)
            assert reference.max() > 0
            found = explanations.explain(two_trunks, film, method, 2, layer=layer)
            np.testing.assert_allclose(found, reference, atol=1e-3 * reference.max())
    saliency = np.abs(of_film[0].numpy()).max(axis=-1)
    found = explanations.explain(two_trunks, film, "saliency", 2)
    np.testing.assert_allclose(found, saliency, atol=1e-3 * saliency.max())


def small() -> keras.Model:
    """Two convolutions at each of three sizes; without padding the sizes within one differ."""
    blocks = [
        layer
        for block in range(3)
        for layer in (
            layers.Conv2D(4, 3, activation="relu", name=f"block{block}_conv1"),
            layers.Conv2D(4, 3, activation="relu", name=f"block{block}_conv2"),
            layers.MaxPooling2D(2),
        )
    ]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
    return keras.Sequential([keras.Input((64, 64, 3)), *blocks, *head])


def test_an_ordinary_network_has_the_last_convolution_of_each_size():
    found = explanations.layers(small())
    assert [layer.name for layer in found] == [f"block{block}_conv2" for block in range(3)]
    assert [layer.title for layer in found] == ["60 x 60 places", "26 x 26 places", "9 x 9 places"]
    assert [layer.shape for layer in found] == [(60, 60, 4), (26, 26, 4), (9, 9, 4)]


def test_without_a_layer_the_last_one_is_looked_at():
    model, picture = small(), np.arange(64 * 64).reshape(64, 64) % 251
    last, default = (
        explanations.explain(model, picture, "layercam", 0, layer=layer)
        for layer in ("block2_conv2", None)
    )
    np.testing.assert_array_equal(last, default)


def test_score_cam_looks_at_the_layer_too():
    keras.utils.set_random_seed(1)
    model, picture = small(), np.arange(64 * 64).reshape(64, 64) % 251
    first, last = (
        explanations.explain(model, picture, "score-cam", 0, layer=f"block{block}_conv2")
        for block in (0, 2)
    )
    assert first.max() > 0
    assert not np.allclose(first, last)
    np.testing.assert_array_equal(last, explanations.explain(model, picture, "score-cam", 0))


def test_a_layer_changes_nothing_for_methods_that_look_at_none():
    model, picture = small(), np.arange(64 * 64).reshape(64, 64) % 251
    np.testing.assert_array_equal(
        explanations.explain(model, picture, "saliency", 0, layer="block0_conv2"),
        explanations.explain(model, picture, "saliency", 0),
    )


def test_an_unknown_layer_is_refused_with_those_that_exist():
    picture = np.zeros((64, 64), np.uint8)
    with pytest.raises(ExplainError, match=r"'conv9'.*block0_conv2, block1_conv2, block2_conv2"):
        explanations.explain(small(), picture, "grad-cam", 0, layer="conv9")


def test_a_network_without_convolution_has_no_layers():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2)])
    assert explanations.layers(model) == ()
    with pytest.raises(ExplainError, match="no convolution"):
        explanations.explain(model, np.zeros((8, 8)), "saliency", 0, layer="conv")


def test_a_layer_beside_the_way_to_the_classes_is_refused():
    picture = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, activation="relu")(picture)
    aside = layers.Conv2D(2, 3, strides=2, name="aside")(x)
    cut = layers.Lambda(lambda value: 0 * keras.ops.stop_gradient(value))
    pooled = layers.GlobalAveragePooling2D()
    both = layers.Concatenate()([pooled(x), layers.GlobalAveragePooling2D()(cut(aside))])
    model = keras.Model(picture, layers.Dense(3, activation="softmax")(both))
    with pytest.raises(ExplainError, match=r"'aside'.*does not lead to its classes"):
        explanations.explain(model, np.zeros((16, 16)), "grad-cam", 0, layer="aside")
