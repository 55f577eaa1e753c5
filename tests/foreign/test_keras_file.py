"""Keras files of others: rebuilt of known layers, or refused; nothing in them runs."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import models
from cxrcore.errors import ModelError, WeightsError
from cxrcore.foreign import Interface, keras_file
from cxrcore.models import Recipe
from tests.helpers import model_files

# Keras 3.15 saves its variables in a way that NumPy 2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def rewritten(path, change):
    """The file with its configuration changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def saved(tmp_path):
    model_files.network().save(tmp_path / "net.keras")
    return tmp_path / "net.keras"


def mixed():
    """Most of what networks of others are made of."""
    image = keras.Input((16, 16, 3))
    x = layers.RandomRotation(0.1, seed=3)(layers.Rescaling(1 / 127.5, offset=-1)(image))
    x = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(keras.ops.flip(x, axis=-1))
    x = layers.BatchNormalization()(x)
    y = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU()(x))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.LeakyReLU()], name="head")
    x = layers.Dropout(0.5)(inner(x))
    x = layers.MultiHeadAttention(2, 2)(layers.Reshape((2, 2))(x), layers.Reshape((2, 2))(x))
    return keras.Model(image, layers.Dense(3, "softmax")(layers.Flatten()(x)))


@pytest.mark.parametrize("kind", ["mixed", "cnn-batchnorm-dropout", "binary-l2", "resnet50-masked"])
def test_a_rebuilt_network_says_what_the_original_says(kind, tmp_path, short_trunks):
    if kind == "mixed":
        model = mixed()
    else:
        recipe: Recipe = models.get(kind).override(image_size=64, weights="random")
        model = models.build(recipe, ["A", "B"] if kind == "binary-l2" else ["A", "B", "C"])
    model.compile("adam", "mse")
    model.save(tmp_path / "net.keras")
    found = keras_file.rebuilt(tmp_path / "net.keras")
    side = model.input.shape[1]
    films = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    assert np.abs(np.asarray(found(films)) - np.asarray(model(films))).max() < 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_an_adapted_network_takes_gray_levels_and_gives_probabilities(tmp_path, channels):
    model = model_files.network(softmax=False)
    if channels == 1:
        image = keras.Input((48, 48, 1))
        model = keras.Model(image, model(layers.Concatenate()([image, image, image])))
    interface = Interface(format="keras", size=48, channels=channels, layout="NHWC", range="imagenet", outputs="logits")  # fmt: skip
    films = np.random.default_rng(0).uniform(0, 255, (2, 48, 48)).astype(np.float32)
    keras_file.adapted(model, interface).save(tmp_path / "kept.keras")
    adapted = keras.models.load_model(tmp_path / "kept.keras", compile=False, safe_mode=True)
    wanted = keras.ops.softmax(model(interface.batch(films)))
    given = np.repeat(films[..., None], 3, axis=3)
    assert np.abs(np.asarray(adapted(given)) - np.asarray(wanted)).max() < 1e-6


RAN = []
HOSTILE = {
    "lambda": {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
    "bytes": {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    "custom": {"module": "tests.foreign.test_keras_file", "class_name": "Evil"},
    "registered": {"module": "keras.layers", "class_name": "Dense", "registered_name": "x>Dense"},
    "function": {"module": "os", "class_name": "function", "config": "system"},
    "builtin": {"module": "builtins", "class_name": "function", "config": "eval"},
    "elsewhere in Keras": {"module": "keras.utils", "class_name": "get_file"},
    "a file's words": {"module": "keras.layers", "class_name": "StringLookup"},
    "a saved model": {"module": "keras.layers", "class_name": "TFSMLayer"},
}


class Evil(layers.Layer):
    """Tells if it was ever made."""

    def __init__(self, **options):
        RAN.append(options)
        super().__init__(**options)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", ["layer", "activation"])
def test_what_is_not_known_to_compute_only_is_refused_by_name(saved, kind, place):
    def change(config):
        dense = config["config"]["layers"][-1]
        if place == "layer":
            dense.update(HOSTILE[kind])
        else:
            dense["config"]["activation"] = {"config": {}, **HOSTILE[kind]}

    with pytest.raises(ModelError, match="not rebuilt here") as refused:
        keras_file.rebuilt(rewritten(saved, change))
    assert HOSTILE[kind]["class_name"] in str(refused.value)
    assert not RAN


def test_what_is_said_about_training_is_not_looked_at(saved):
    def change(config):
        config["compile_config"] = {"loss": HOSTILE["function"]}

    assert keras_file.rebuilt(rewritten(saved, change)).count_params() > 0


def test_a_configuration_without_end_is_refused(saved):
    def change(config):
        inner = config
        for _ in range(200):
            inner["config"] = inner = {"config": {}}

    with pytest.raises(ModelError, match="nested too deeply"):
        keras_file.rebuilt(rewritten(saved, change))


def test_weights_that_lie_in_another_file_are_not_read(saved, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        config = archive.read("config.json")
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["0"] = np.ones(3)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/0")
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("config.json", config)
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    with pytest.raises(WeightsError, match="refers to other files"):
        keras_file.rebuilt(saved)
