import keras
import numpy as np
import pytest

from cxrcore.models import get, networks, ours, schedule_of


@pytest.fixture(scope="module")
def model():
    return networks.build(get("compact").override(image_size=64), ["a", "b", "c"])


def test_exposure_and_contrast_of_an_image_do_not_change_what_it_says(model):
    image = np.random.default_rng(0).uniform(60, 180, (1, 64, 64, 3)).astype("float32")
    darker = image * 0.5 + 20
    np.testing.assert_allclose(model(image), model(darker), rtol=1e-3)


def test_every_block_begins_as_its_shortcut(model):
    # Its last scale begins at 0, so of two blocks of a stage the second passes on the first.
    both = [model.get_layer(f"stage2_block{block}_out").output for block in (1, 2)]
    image = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    first, second = keras.Model(model.input, both)(image)
    np.testing.assert_array_equal(first, second)


def test_every_stage_halves_the_maps(model):
    sides = [model.get_layer(f"stage{n}_block2_out").output.shape[1:3] for n in (1, 2, 3, 4)]
    assert sides == [(16, 16), (8, 8), (4, 4), (2, 2)]
    widths = [model.get_layer(f"stage{n}_block2_out").output.shape[3] for n in (1, 2, 3, 4)]
    assert tuple(widths) == ours.STAGES


def test_running_means_follow_within_an_epoch(model):
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) == 1 + 4 * 2 * 2 + 4  # the stem, two a block, one a widening shortcut
    assert {norm.momentum for norm in norms} == {0.9}


def test_it_has_no_more_weights_than_can_be_counted_by_hand():
    def convolution(kernel, maps_in, maps_out):
        return kernel * kernel * maps_in * maps_out + 4 * maps_out

    expected, before = convolution(5, 3, 24), 24
    for maps in (32, 64, 128, 192):
        expected += convolution(3, before, maps) + convolution(1, before, maps)
        expected += 3 * convolution(3, maps, maps)
        before = maps
    expected += 192 * 3 + 3
    assert networks.build(get("compact"), 3).count_params() == expected == 1_942_571


def test_it_ends_by_itself_on_either_schedule():
    recipe = get("compact")
    assert recipe.fast() is recipe
    assert recipe.stopping
    assert schedule_of(recipe) == "published"
