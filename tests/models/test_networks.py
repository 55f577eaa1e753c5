"""What holds for the networks of all recipes: sizes, precision, seeds, saving."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from cxrcore.errors import RecipeError, WeightsError
from cxrcore.models import RECIPES, networks
from tests.helpers.recipes import HERE

PLAIN = RECIPES["cnn-plain"].override(image_size=32)

# Keras 3.15 converts variables to arrays in a way NumPy 2.4 announces the end of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def images(recipe, count=2):
    shape = (count, recipe.image_size, recipe.image_size, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


@pytest.fixture
def bfloat16():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize(("which", "n_classes"), [(0, 2), (1, 4)])
@pytest.mark.parametrize("name", HERE)
def test_parameters_are_counted_without_building(whole, small, name, which, n_classes):
    model = whole(name, which, n_classes)
    recipe = small(name, which)
    counted = recipe.count_parameters(recipe.n_classes or n_classes)
    assert counted == model.count_params()


@pytest.mark.parametrize("name", HERE)
def test_a_saved_model_opens_safely_and_predicts_the_same(built, small, name, tmp_path):
    recipe = small(name)
    model = built(name)
    if recipe.frozen_first:
        networks.trunk_and_head(model)  # shares its layers, which must not show in the file
    before = np.asarray(model(images(recipe), training=False))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(images(recipe), training=False), before, atol=1e-6)
    assert len(again.trainable_weights) == len(model.trainable_weights)
    assert before.dtype == np.float32
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-6)
    last = again.layers[-1]
    assert (last.name, last.units, last.input.shape[0]) == ("predictions", 2, None)


@pytest.mark.parametrize("name", HERE)
def test_it_reads_as_many_channels_as_its_record_says(built, small, name):
    pixels = images(small(name))
    other = pixels.copy()
    other[..., 1:] = 0
    same = np.allclose(built(name)(pixels), built(name)(other), atol=1e-7)
    assert same == (small(name).architecture.channels == 1)


def test_class_names_may_be_given_for_their_number():
    assert networks.build(PLAIN, ("a", "b", "c")).output_shape == (None, 3)


@pytest.mark.usefixtures("short_trunks")
@pytest.mark.parametrize("name", HERE)
def test_bfloat16_computes_inside_and_answers_in_float32(bfloat16, small, name):
    recipe = small(name)
    model = networks.build(recipe, recipe.n_classes or 3)
    output = np.asarray(model(images(recipe), training=False))
    assert output.dtype == np.float32
    np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-5)
    policies = {layer.dtype_policy.name for layer in model._flatten_layers() if layer.weights}
    assert "mixed_bfloat16" in policies
    assert model.layers[-1].dtype_policy.name == "float32"
    assert all(weight.dtype == "float32" for weight in model.weights)


def test_a_model_of_bfloat16_opens_in_a_process_without_that_policy(bfloat16, small, tmp_path):
    recipe = small("cnn-five")
    model = networks.build(recipe, 3)
    output = np.asarray(model(images(recipe), training=False))
    model.save(tmp_path / "model.keras")
    keras.mixed_precision.set_global_policy("float32")  # as another process would have it
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(again(images(recipe), training=False), output, atol=1e-6)


def modules_named(config) -> set:
    """Every module that a stored model would be opened with."""
    if isinstance(config, list):
        return set().union(*map(modules_named, config))
    if isinstance(config, dict):
        below = set().union(*map(modules_named, config.values()))
        return below | ({config["module"]} if {"class_name", "module"} <= set(config) else set())
    return set()


@pytest.mark.parametrize("name", ["cnn-plain", "chexnet", "chexnet-probe", "resnet50-masked"])
def test_a_stored_model_needs_nothing_but_keras_to_open(built, name):
    modules = modules_named(json.loads(built(name).to_json()))
    assert "keras.layers" in modules
    assert {module.split(".")[0] for module in modules} == {"keras"}


def test_the_seed_decides_the_first_weights():
    first, same = (networks.build(PLAIN, 3).get_weights() for _ in range(2))
    other = networks.build(PLAIN.override(seed=43), 3).get_weights()
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("classes", [1, 0, -2, ["a"], ["a", "a"], [], "ab"])
def test_fewer_than_two_different_classes_are_refused(classes):
    with pytest.raises(RecipeError, match="two or more classes"):
        networks.build(PLAIN, classes)


def test_missing_pretrained_weights_stop_the_building_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="--weights random"):
        networks.build(RECIPES["chexnet"], 3)


def test_weights_a_network_cannot_start_from_are_refused():
    with pytest.raises(RecipeError, match="weights must be one of random"):
        networks.build(PLAIN, 3, weights="imagenet")


@pytest.mark.parametrize("name", ["cnn-plain", "cnn-five"])
def test_compiling_uses_the_recipe(small, name):
    recipe = small(name)
    model = networks.build(recipe, 3)
    networks.compile(model, recipe)
    kind = keras.optimizers.RMSprop if name == "cnn-five" else keras.optimizers.Adam
    assert type(model.optimizer) is kind
    np.testing.assert_allclose(float(model.optimizer.learning_rate), recipe.learning_rate)
    if name == "cnn-five":
        assert model.optimizer.rho == 0.9


def test_a_compiled_network_learns_and_reports_accuracy():
    model = networks.build(PLAIN, 2)
    networks.compile(model, PLAIN)
    bright = np.full((8, 32, 32, 3), 220, "float32")
    dark = np.full((8, 32, 32, 3), 30, "float32")
    x, y = np.concatenate([bright, dark]), np.repeat([0, 1], 8)
    history = model.fit(x, y, epochs=25, batch_size=16, verbose=0).history
    assert set(history) == {"loss", "accuracy"}
    assert history["accuracy"][-1] == 1
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_training_step_is_traced_once(smoothing, monkeypatch):
    recipe = PLAIN.override(label_smoothing=smoothing)
    model = networks.build(recipe, 3, "random")
    networks.compile(model, recipe)
    traced, step = [], model.train_step
    monkeypatch.setattr(model, "train_step", lambda data: traced.append(data) or step(data))
    x = np.zeros((4, 32, 32, 3), "float32")
    for _ in range(2):  # as a training fits: an epoch at a time
        model.fit(x, np.array([0, 1, 2, 0]), batch_size=2, verbose=0)
    assert len(traced) == 1


def test_importing_and_counting_do_not_import_tensorflow():
    code = (
        "import sys; from cxrcore.models import RECIPES, networks; "
        "[r.count_parameters(3) for r in RECIPES.values()]; "
        "print({'tensorflow', 'keras', 'h5py'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_the_loss_is_the_cross_entropy_of_smoothed_labels(share):
    recipe = PLAIN.override(label_smoothing=share)
    model = networks.build(recipe, 3)
    networks.compile(model, recipe)
    labels, x = np.array([0, 2, 1, 1]), images(recipe, 4)
    loss = model.evaluate(x, labels, verbose=0, batch_size=4)[0]
    p = model(x).numpy().astype(np.float64)
    wanted = np.eye(3)[labels] * (1 - share) + share / 3
    assert loss == pytest.approx(-(wanted * np.log(p)).sum(axis=1).mean(), rel=1e-4)


@pytest.mark.usefixtures("short_trunks")
@pytest.mark.parametrize("name", HERE)
def test_a_recipe_knows_whether_its_network_begins_with_frozen_layers(built, small, name):
    recipe = small(name)
    model = built(name)
    if recipe.network == "resnet50":  # as published it changes images at random
        assert not recipe.frozen_first
        recipe = recipe.override(augmentation="none")
        model = networks.build(recipe, 2)
    try:
        networks.trunk_and_head(model)
        begins_frozen = True
    except RecipeError:
        begins_frozen = False
    assert recipe.frozen_first == begins_frozen
