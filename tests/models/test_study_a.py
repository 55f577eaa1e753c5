"""Study A's ResNet50, at 64 pixels where the size does not matter."""

import keras
import numpy as np
import pytest

from cxrcore.errors import RecipeError
from cxrcore.models import RECIPES, networks
from cxrcore.models.layers import scaling


@pytest.fixture
def model(whole):
    return whole("resnet50-masked")


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype("float32")


def part(model, name):
    return keras.Model(model.input, model.get_layer(name).output)


def test_layers_stand_in_the_published_order(model):
    names = [layer.name for layer in model.layers]
    augmentation = ["rotate", "zoom", "translate"]
    head = ["flatten", "hidden", "dropout", "predictions"]
    assert names == ["image", *augmentation, "caffe", "resnet50", *head]
    hidden, dropout, predictions = model.layers[-3:]
    assert (hidden.units, hidden.activation.__name__) == (512, "relu")
    assert dropout.rate == 0.2
    assert (predictions.units, predictions.activation.__name__) == (2, "softmax")


def test_augmentation_has_the_published_ranges_and_fills_with_black(model):
    rotate, zoom, translate = (model.get_layer(n) for n in ("rotate", "zoom", "translate"))
    assert isinstance(rotate, keras.layers.RandomRotation)
    assert (rotate.factor, rotate.fill_mode, rotate.fill_value) == ((-0.1, 0.1), "constant", 0)
    assert isinstance(zoom, keras.layers.RandomZoom)
    assert (zoom.height_factor, zoom.width_factor) == (0.1, None)
    assert isinstance(translate, keras.layers.RandomTranslation)
    for factor in (translate.height_factor, translate.width_factor):
        assert factor == 0.1
    assert (translate.fill_mode, translate.fill_value) == ("constant", 0)


def test_images_are_changed_in_training_and_only_then(model, pixels):
    augment = part(model, "translate")
    np.testing.assert_array_equal(augment(pixels, training=False), pixels)
    assert np.abs(augment(pixels, training=True) - pixels).max() > 10


def test_augmentation_can_be_left_out(small):
    plain = networks.build(small("resnet50-masked").override(augmentation="none"), 2)
    assert [layer.name for layer in plain.layers][:3] == ["image", "caffe", "resnet50"]


def test_the_network_receives_what_keras_own_preprocessing_gives(pixels):
    expected = keras.applications.resnet50.preprocess_input(pixels.copy())
    ours = scaling.caffe((64, 64, 3))(pixels)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_exactly_stage_five_and_the_head_are_trained(model):
    trunk = model.get_layer("resnet50")
    trained = [layer.name for layer in trunk.layers if layer.trainable]
    assert trained == [layer.name for layer in trunk.layers[-32:]]
    assert trained == [layer.name for layer in trunk.layers if layer.name.startswith("conv5")]
    assert len(trunk.trainable_weights) == 40
    assert len(model.trainable_weights) == 40 + 4


def test_frozen_normalisations_keep_their_statistics_in_training(model, pixels):
    trunk = model.get_layer("resnet50")
    frozen, trained = trunk.get_layer("conv4_block6_3_bn"), trunk.get_layer("conv5_block3_3_bn")
    before = [layer.moving_mean.numpy() for layer in (frozen, trained)]
    model(pixels, training=True)
    np.testing.assert_array_equal(frozen.moving_mean, before[0])
    assert np.abs(trained.moving_mean - before[1]).max() > 0


def test_parameters_are_as_many_as_counted_by_hand(model):
    assert keras.applications.ResNet50(include_top=False, weights=None).count_params() == 23_587_712
    flat = 2 * 2 * 2048
    assert model.count_params() == 23_587_712 + (flat + 1) * 512 + 513 * 2
    # At the published 200 pixels the last map has 7 x 7 places; three classes.
    published = 23_587_712 + (7 * 7 * 2048 + 1) * 512 + 513 * 3
    assert published == 74_969_987
    assert RECIPES["resnet50-masked"].count_parameters(3) == published


@pytest.fixture(scope="module")
def plain(small):
    """Without augmentation, so that the frozen layers see every image once."""
    return networks.build(small("resnet50-masked").override(augmentation="none"), 2)


def test_it_is_split_where_its_trained_layers_begin(plain, pixels):
    trunk, head = networks.trunk_and_head(plain)
    maps = trunk(pixels, training=False)
    assert maps.shape == (4, 4, 4, 1024)  # 13 x 13 places at 200 pixels
    expected = part(plain.get_layer("resnet50"), "conv4_block6_out")(
        plain.get_layer("caffe")(pixels), training=False
    )
    np.testing.assert_array_equal(maps, expected)
    whole = plain(pixels, training=False)
    np.testing.assert_allclose(head(maps, training=False), whole, atol=1e-5)
    assert trunk.trainable_weights == []
    # The same variables in the same order, so that an optimiser may go over to the other.
    same = zip(head.trainable_weights, plain.trainable_weights, strict=True)
    assert all(a is b for a, b in same)


def test_the_frozen_layers_give_the_same_in_training(plain, pixels):
    trunk, _ = networks.trunk_and_head(plain)
    np.testing.assert_array_equal(trunk(pixels, training=True), trunk(pixels, training=False))


def test_where_images_are_changed_at_random_it_is_not_split(model):
    with pytest.raises(RecipeError, match="changes images at random"):
        networks.trunk_and_head(model)
