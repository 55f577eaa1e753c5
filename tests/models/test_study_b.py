"""CheXNet retrained and frozen, at 64 pixels."""

import keras
import numpy as np
import pytest

from cxrcore.errors import RecipeError
from cxrcore.models import RECIPES, networks


@pytest.fixture
def chexnet(whole):
    return whole("chexnet")


@pytest.fixture
def probe(whole):
    return whole("chexnet-probe")


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")


def test_the_14_findings_are_made_at_every_place_and_then_averaged(chexnet, pixels):
    assert [layer.name for layer in chexnet.layers] == [
        "image",
        "normalise",
        "densenet121",
        "findings",
        "features",
        "predictions",
    ]
    findings = chexnet.get_layer("findings")
    assert findings.output.shape == (None, 2, 2, 14)
    assert findings.activation.__name__ == "sigmoid"

    trunk = chexnet.get_layer("densenet121")
    normalised = keras.applications.densenet.preprocess_input(pixels.copy())
    maps = np.asarray(trunk(normalised, training=False))  # (2, 2, 2, 1024)
    kernel, bias = findings.get_weights()
    averages = (1 / (1 + np.exp(-(maps @ kernel + bias)))).mean(axis=(1, 2))
    kernel, bias = chexnet.get_layer("predictions").get_weights()
    scores = np.exp(averages @ kernel + bias)
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(chexnet(pixels, training=False), expected, atol=1e-5)


def test_pixels_are_normalised_as_the_weights_expect(chexnet, pixels):
    normalise = keras.Model(chexnet.input, chexnet.get_layer("normalise").output)
    expected = keras.applications.densenet.preprocess_input(pixels.copy())
    np.testing.assert_allclose(normalise(pixels), expected, atol=1e-5)


def test_every_layer_of_the_retrained_network_is_trained(chexnet):
    # 120 convolutions, 121 normalisations with two trained tensors each, two dense layers.
    assert len(chexnet.trainable_weights) == 120 + 2 * 121 + 4
    assert all(layer.trainable for layer in chexnet.get_layer("densenet121").layers)


def test_parameters_are_as_many_as_counted_by_hand(chexnet, probe):
    trunk = keras.applications.DenseNet121(include_top=False, weights=None)
    assert trunk.count_params() == 7_037_504
    assert chexnet.count_params() == 7_037_504 + 1025 * 14 + 15 * 2
    assert probe.count_params() == 7_037_504 + 4 * 1024 + 1025 * 2
    # As published, for three classes.
    assert RECIPES["chexnet"].count_parameters(3) == 7_051_899
    assert RECIPES["chexnet-probe"].count_parameters(3) == 7_044_675


def test_of_the_probe_only_the_head_is_trained(probe):
    names = [weight.path for weight in probe.trainable_weights]
    assert names == ["head_norm/gamma", "head_norm/beta", "predictions/kernel", "predictions/bias"]


def test_trunk_then_head_is_the_whole_model(probe, pixels):
    trunk, head = networks.trunk_and_head(probe)
    features = trunk(pixels, training=False)
    assert (features.shape, features.dtype) == ((2, 1024), "float32")
    whole = probe(pixels, training=False)
    np.testing.assert_allclose(head(features, training=False), whole, atol=1e-5)
    assert trunk.trainable_weights == []
    assert len(head.trainable_weights) == len(probe.trainable_weights) == 4


def test_the_trunk_gives_the_same_features_in_training(probe, pixels):
    trunk, _ = networks.trunk_and_head(probe)
    np.testing.assert_array_equal(trunk(pixels, training=True), trunk(pixels, training=False))


def test_training_the_head_trains_the_model_and_leaves_the_trunk(
    small, built, pixels, short_trunks
):
    recipe = small("chexnet-probe").override(learning_rate=0.05)
    model = networks.build(recipe, 2)
    trunk, head = networks.trunk_and_head(model)
    features = np.asarray(trunk(pixels, training=False))
    same_seed, _ = networks.trunk_and_head(built("chexnet-probe"))
    np.testing.assert_array_equal(same_seed(pixels, training=False), features)
    networks.compile(head, recipe)
    head.fit(features, np.array([0, 1]), epochs=100, batch_size=2, verbose=0)
    trained = model(pixels, training=False)
    np.testing.assert_allclose(trained, head(features, training=False), atol=1e-5)
    assert np.argmax(trained, axis=1).tolist() == [0, 1]
    np.testing.assert_array_equal(trunk(pixels, training=False), features)


def test_a_network_that_trains_its_trunk_is_not_split(chexnet):
    with pytest.raises(RecipeError, match="chexnet has no frozen layers before those that train"):
        networks.trunk_and_head(chexnet)


def test_a_network_that_is_trained_from_scratch_is_not_split():
    plain = networks.build(RECIPES["cnn-plain"].override(image_size=32), 3)
    with pytest.raises(RecipeError, match="cnn-plain has no frozen layers"):
        networks.trunk_and_head(plain)
