"""The networks of Keras: what the table says is what Keras publishes and what is built.

bench/applications.py does the same, and more, with every network.
"""

import keras
import numpy as np
import pytest

from cxrcore import datasets, explanations, training
from cxrcore.models import RECIPES, keras_table, networks, overview, stages
from cxrcore.models.pretrained import inspection
from cxrcore.models.pretrained.reader import open_weights
from tests.helpers.recipes import FROM_KERAS, HERE

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.input_shape. is undefined or non-square"),
]
ROWS = [(f, m) for f in keras_table.FAMILIES for m in f.members]
# Millions of parameters with top, from the table of https://keras.io/api/applications, of those
# whose top is one dense layer of 1000 on the averaged maps.
WITH_TOP = {
    "Xception": 22.9, "ResNet50": 25.6, "ResNet50V2": 25.6, "ResNet101": 44.7, "ResNet101V2": 44.7,
    "ResNet152": 60.4, "ResNet152V2": 60.4, "InceptionV3": 23.9, "InceptionResNetV2": 55.9,
    "MobileNetV2": 3.5, "DenseNet121": 8.1, "DenseNet169": 14.3, "DenseNet201": 20.2,
    "NASNetMobile": 5.3, "NASNetLarge": 88.9, "EfficientNetB0": 5.3, "EfficientNetB1": 7.9,
    "EfficientNetB2": 9.2, "EfficientNetB3": 12.3, "EfficientNetB4": 19.5, "EfficientNetB5": 30.6,
    "EfficientNetB6": 43.3, "EfficientNetB7": 66.7, "EfficientNetV2B0": 7.2,
    "EfficientNetV2B1": 8.2, "EfficientNetV2B2": 10.2, "EfficientNetV2B3": 14.5,
    "EfficientNetV2S": 21.6, "EfficientNetV2M": 54.4, "EfficientNetV2L": 119.0,
    "ConvNeXtTiny": 28.6, "ConvNeXtSmall": 50.2, "ConvNeXtBase": 88.5, "ConvNeXtLarge": 197.7,
    "ConvNeXtXLarge": 350.1,
}  # fmt: skip


def test_every_network_of_keras_is_a_row_and_a_recipe():
    made = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {member.function for _, member in ROWS} == made
    assert len(FROM_KERAS) == len(made) == 40
    assert list(RECIPES) == [*HERE, *FROM_KERAS]  # the studies' come first
    assert "keras-efficientnetv2-b0" in FROM_KERAS
    assert "keras-" not in overview.markdown()


@pytest.mark.parametrize(("family", "member"), ROWS, ids=[m.slug for _, m in ROWS])
def test_parameters_are_those_that_keras_publishes(family, member):
    recipe = RECIPES[f"keras-{member.slug}"]
    assert recipe.count_parameters(2) == member.parameters + 2 * (member.width + 1)
    assert recipe.image_size == min(member.size, 512)
    assert recipe.fast() is recipe
    if member.function in WITH_TOP:
        with_top = recipe.count_parameters(1000) / 1e6  # some of the table are cut off, not rounded
        assert with_top == pytest.approx(WITH_TOP[member.function], abs=0.1)


@pytest.mark.parametrize("name", ["mobilenetv3-small", "efficientnet-b0"])
def test_with_its_file_it_finds_what_keras_finds_with_its_own_scaling(name, tmp_path, monkeypatch):
    member = next(member for _, member in ROWS if member.slug == name)
    make = getattr(keras.applications, member.function)
    shape, file = (64, 64, 3), tmp_path / "published.h5"
    donor = make(include_top=False, weights=None, input_shape=shape)
    for layer in donor.layers:
        if isinstance(layer, keras.layers.Normalization):  # as Keras' file has it, see there
            layer.adapt_mean.assign([0.485, 0.456, 0.406])
            layer.adapt_variance.assign([0.229, 0.224, 0.225])
    donor.save(file)
    asked = []

    def get_file(name, origin, file_hash, **_):
        asked.append((name, origin, f"md5:{file_hash}"))
        return str(file)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    published = make(include_top=False, weights="imagenet", input_shape=shape)
    recipe = RECIPES[f"keras-{name}"].override(image_size=64, weights=str(file))
    ours = networks.build(recipe, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("float32")
    theirs = np.mean(published(pixels, training=False), axis=(1, 2))
    features = keras.Model(ours.input, ours.get_layer("features").output)
    np.testing.assert_allclose(features(pixels, training=False), theirs, rtol=1e-3, atol=1e-5)

    (source,) = recipe.architecture.pretrained["imagenet"]
    assert asked == [(source.file_name, source.address, source.checksum)]
    # The doctor knows it by the number of its parameters, then by its layers.
    read = [x for x in donor.layers if x.weights and not isinstance(x, keras.layers.Normalization)]
    assert inspection._compare(file, source) == len(read)
    with open_weights(file) as content:
        assert inspection._numbers(content, source) == source.parameters


def test_from_scratch_the_running_means_follow_the_training_faster():
    def momenta(weights):
        recipe = RECIPES["keras-mobilenetv3-small"].override(image_size=32, weights=weights)
        (inside,) = stages.trunks(recipe.architecture.build(recipe, 2))
        norms = [x for x in inside.layers if isinstance(x, keras.layers.BatchNormalization)]
        return {layer.momentum for layer in norms}

    assert momenta("random") == {0.9}
    assert momenta("imagenet") == {0.999}  # means of a million photographs are not thrown away


def test_one_trains_on_its_features_and_explains(tiny_dataset_folder, tmp_path):
    trunk = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3), include_preprocessing=False
    )
    trunk.save(tmp_path / "own.h5")
    changes = {"image_size": 32, "epochs": 1, "batch_size": 32, "trained_stages": 0}
    recipe = RECIPES["keras-mobilenetv3-small"].override(**changes, weights=tmp_path / "own.h5")
    run = training.train(training.plan(recipe, datasets.load(tiny_dataset_folder)))
    assert "are computed once and read from the disk" in run.log()
    model = keras.models.load_model(run.model_path(), compile=False, safe_mode=True)
    assert run.parameters == model.count_params() == recipe.count_parameters(3)
    (inside,) = stages.trunks(model)
    for now, before in zip(inside.get_weights(), trunk.get_weights(), strict=True):
        np.testing.assert_array_equal(now, before)

    film = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    assert explanations.explain(model, film, "grad-cam").shape == (32, 32)
    assert [layer.shape[0] for layer in explanations.layers(model)] == [16, 8, 4, 2]

    stages.train_last(model, 1)
    trained = {x.name for x in inside.layers if x.trainable_weights}
    assert "expanded_conv_8_project" in trained
    assert "expanded_conv_7_project" not in trained
