"""Study D's two trunks, joined."""

import keras
import numpy as np
import pytest

from cxrcore.errors import WeightsError
from cxrcore.models import RECIPES, networks

NAME = "resnet50v2-xception"


@pytest.fixture
def model(built):
    return built(NAME)


def test_both_trunks_see_the_image_as_they_were_trained_to(model):
    shape = (1, *model.input_shape[1:])
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    scaled = keras.Model(model.input, model.get_layer("scale").output)(pixels)
    for module in (keras.applications.resnet_v2, keras.applications.xception):
        np.testing.assert_allclose(scaled, module.preprocess_input(pixels.copy()), atol=1e-5)


def test_their_maps_are_joined_on_channels(whole):
    assert whole(NAME).get_layer("joined").output.shape == (None, 3, 3, 4096)


def test_one_projected_block_and_three_plain_ones_stand_on_top(whole):
    model = whole(NAME)
    names = [layer.name for layer in model.layers]
    assert [n for n in names if n.endswith("_shortcut")] == ["block1_shortcut"]
    for number in range(1, 5):
        kernels = [model.get_layer(f"block{number}_conv{step}").kernel_size for step in (1, 2, 3)]
        assert kernels == [(1, 1), (3, 3), (1, 1)]
    assert names[-2:] == ["features", "predictions"]


def test_everything_is_trained(model):
    frozen = [w.path for w in model.weights if not w.trainable]
    assert all("moving" in path for path in frozen)


@pytest.mark.parametrize("size", [71, 97, 131])
def test_maps_of_different_sizes_are_fitted(size, short_trunks):
    recipe = RECIPES[NAME].override(image_size=size, weights="random")
    side = networks.build(recipe, 2).get_layer("joined").output.shape[1]
    assert side == -(-size // 32)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning")
def test_each_trunk_gets_its_own_file(small, tmp_path, short_trunks):
    recipe, options = small(NAME), {"include_top": False, "weights": None}
    donors = (
        keras.applications.ResNet50V2(input_shape=(72, 72, 3), **options),
        keras.applications.Xception(input_shape=(72, 72, 3), **options),
    )
    files = [tmp_path / f"{donor.name}.h5" for donor in donors]
    for donor, file in zip(donors, files, strict=True):
        donor.save(file)
    model = networks.build(recipe, 2)
    recipe.architecture.load(model, files)
    for donor in donors:
        for ours, theirs in zip(
            model.get_layer(donor.name).get_weights(), donor.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning")
def test_a_single_file_is_that_of_the_whole_network(small, model, tmp_path, short_trunks):
    model.save(tmp_path / "whole.h5")
    again = networks.build(small(NAME).override(seed=7), 2, weights=str(tmp_path / "whole.h5"))
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    keras.applications.ResNet50V2(include_top=False, weights=None).save(tmp_path / "half.h5")
    with pytest.raises(WeightsError, match="does not fit resnet50v2-xception"):
        networks.build(small(NAME), 2, weights=str(tmp_path / "half.h5"))
