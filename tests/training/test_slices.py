import keras
import numpy as np
import pytest
import tensorflow as tf

from cxrcore.models import get, networks
from cxrcore.training import slices as module

CLASSES = ["a", "b", "c"]


@pytest.fixture
def slices_of_four(monkeypatch):
    """Slices of four images, whatever the network."""
    monkeypatch.setattr(module, "slice_size", lambda model, size: min(4, size))


def built(name="cnn-plain", **changes):
    recipe = get(name).override(image_size=32, batch_size=16, weights="random", **changes)
    model = networks.build(recipe, CLASSES)
    return model, recipe


def trained(in_slices, images, labels, class_weight=None):
    model, recipe = built(label_smoothing=0.1, optimizer="rmsprop", learning_rate=1e-3)
    part = module.in_slices(model, 16) if in_slices else model
    networks.compile(part, recipe)
    part.jit_compile = False
    assert (part is not model) == in_slices
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16)
    past = part.fit(batches, epochs=2, class_weight=class_weight, shuffle=False, verbose=0)
    return past.history, model.get_weights()


@pytest.mark.usefixtures("slices_of_four")
@pytest.mark.parametrize("class_weight", [None, {0: 0.5, 1: 1.0, 2: 3.0}])
def test_slices_train_as_whole_batches_do(class_weight):
    # 16 + 16 + 11: the last batch has a slice of three.
    images = np.random.default_rng(1).uniform(0, 255, (43, 32, 32, 3)).astype("float32")
    labels = np.arange(43) % 3
    whole, expected = trained(False, images, labels, class_weight)
    history, weights = trained(True, images, labels, class_weight)
    assert history["accuracy"] == pytest.approx(whole["accuracy"])
    assert history["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    for ours, keras_own in zip(weights, expected, strict=True):
        np.testing.assert_allclose(ours, keras_own, atol=2e-4)


@pytest.mark.usefixtures("slices_of_four")
def test_a_network_that_looks_at_whole_batches_is_not_sliced():
    model, _ = built("cnn-batchnorm")
    assert module.in_slices(model, 16) is model


@pytest.mark.usefixtures("slices_of_four")
def test_a_batch_of_a_slice_is_left_whole():
    model, _ = built()
    assert module.in_slices(model, 4) is model


def test_slices_are_as_large_as_their_largest_activation_allows():
    # cnn-plain's first convolution: 192 * 192 * 128 numbers, 18.9 MB an image in float32.
    recipe = get("cnn-plain")
    assert module.slice_size(networks.build(recipe, CLASSES), 32) == 2
    with_half = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert module.slice_size(networks.build(recipe, CLASSES), 32) == 4
    finally:
        keras.config.set_dtype_policy(with_half)
