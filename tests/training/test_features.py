"""Frozen layers are computed once an image: the same result, sooner, in bounded disk space."""

import json
import os
import shutil
import time
from collections import namedtuple

import numpy as np
import pytest

from cxrcore import settings, store, training
from cxrcore.errors import Cancelled
from cxrcore.models import networks
from cxrcore.training import features
from cxrcore.training.data import Feed, Rows
from cxrcore.training.inputs import load_inputs
from cxrcore.training.monitor import Reporter

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
IMAGES = 36  # of the tiny dataset

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def make(make_spec, prepared):
    """A training of study A's recipe without augmentation, on whole images."""

    def spec(**changes):
        asked = {"weights": "random", "augmentation": "none", "region": "none", "max_brisque": None}
        return make_spec("resnet50-masked", **asked, **changes)

    return spec


@pytest.fixture
def seen(monkeypatch):
    """A network in place of ResNet50, frozen in its first half; how many images passed there."""
    import keras
    import tensorflow as tf
    from keras import layers

    passed = []

    class Counting(layers.Layer):
        def call(self, x):
            counted = tf.numpy_function(
                lambda n: passed.append(int(n)) or n, [tf.shape(x)[0]], "int32"
            )
            with tf.control_dependencies([counted]):
                return tf.identity(x)

    def build(recipe, classes, weights=None, report=None):
        keras.utils.set_random_seed(recipe.seed)
        shape = (recipe.image_size, recipe.image_size, 3)
        inner = x = keras.Input(shape)
        # "Pretrained": the same whatever the seed.
        first = keras.initializers.HeNormal(seed=1)
        x = layers.Conv2D(8, 5, strides=4, activation="relu", kernel_initializer=first)(x)
        x = Counting()(x)
        x = layers.BatchNormalization()(x)
        x = layers.Conv2D(8, 3, activation="relu")(x)
        x = layers.BatchNormalization()(x)
        trunk = keras.Model(inner, x, name="trunk")
        for layer in trunk.layers[:4]:
            layer.trainable = False
        inputs = keras.Input(shape, name="image")
        x = trunk(layers.Rescaling(1 / 255, dtype="float32")(inputs))
        x = layers.Dropout(0.2)(layers.Flatten()(x))
        x = layers.Dense(len(classes), "softmax", dtype="float32", name="predictions")(x)
        return keras.Model(inputs, x)

    monkeypatch.setattr(networks, "build", build)
    return passed


def figures(run: store.Run) -> np.ndarray:
    return run.history()[["loss", "accuracy", "val_loss", "val_accuracy"]].to_numpy()


def shares(run: store.Run) -> np.ndarray:
    return run.predictions()[[f"p_{name}" for name in run.classes]].to_numpy()


def interrupt_after(epochs: int, spec: training.TrainSpec, checkpoint) -> None:
    done = []

    def report(progress):
        done.append(len(progress.history))

    with pytest.raises(Cancelled):
        training.train(
            spec,
            checkpoint=checkpoint,
            report=report,
            should_stop=lambda: bool(done) and done[-1] >= epochs,
        )


def test_with_and_without_features_the_same_is_trained(make, seen, monkeypatch, own_folders):
    spec = make(epochs=4, learning_rate=0.001)
    kept = training.train(spec)
    expected = figures(kept), shares(kept), kept.embeddings()
    assert "frozen layers: their features" in kept.log()
    assert "are computed once and read from the disk" in kept.log()
    assert sum(seen) == IMAGES
    seen.clear()

    shutil.rmtree(own_folders.models)
    monkeypatch.setenv("CXR_FEATURES_GB", "0")
    shutil.rmtree(own_folders.data / "features")
    whole = training.train(spec)
    assert "are not kept because CXR_FEATURES_GB allows 0 GB" in whole.log()
    assert not (own_folders.data / "features").exists()
    counts = whole.split_counts
    looked = 4 * (counts["train"] + counts["validation"]) + counts["validation"] + counts["test"]
    assert sum(seen) == looked

    # With dropout and a trained normalisation, whose order and state must be the same: another
    # order differs by hundredths. Float32 rounds otherwise for other sizes of batches on some
    # processors (measured: 3e-4 of the loss after four epochs).
    np.testing.assert_allclose(figures(whole)[0], expected[0][0], atol=1e-4)
    np.testing.assert_allclose(figures(whole), expected[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(shares(whole), expected[1], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(whole.embeddings(), expected[2], rtol=2e-3, atol=2e-3)
    assert whole.parameters == kept.parameters


def test_what_is_changed_in_the_head_or_the_split_reuses_them(make, seen, own_folders):
    training.train(make(epochs=1))
    assert sum(seen) == IMAGES
    [path] = (own_folders.data / "features").glob("*.npy")
    os.utime(path, (1e9, 1e9))
    run = training.train(make(epochs=1, seed=3, learning_rate=0.1, batch_size=4))
    assert "were computed by an earlier training" in run.log()
    assert sum(seen) == IMAGES
    assert path.stat().st_mtime > 1e9  # the newest again, the last to be deleted
    training.train(make(epochs=1, image_size=40))  # other pixels
    assert sum(seen) == 2 * IMAGES


def test_precision_changes_the_head_and_not_the_features(make, seen, own_folders):
    spec = make(epochs=2)
    training.train(spec)
    [path] = (own_folders.data / "features").glob("*.npy")
    expected = np.load(path)
    assert expected.dtype == np.float32
    path.unlink()
    shutil.rmtree(own_folders.models)
    run = training.train(spec, precision="mixed_bfloat16")
    assert run.precision == "mixed_bfloat16"
    np.testing.assert_array_equal(np.load(path), expected)
    # The run's numbers are those of the model that is kept, in float32.
    assert run.metrics["test"].n == run.split_counts["test"]


def test_a_resumed_training_needs_no_budget_and_ends_as_an_uninterrupted_one(
    make, seen, monkeypatch, own_folders, tmp_path
):
    spec = make(epochs=5)
    expected = figures(training.train(spec))
    shutil.rmtree(own_folders.models)
    interrupt_after(2, spec, tmp_path / "checkpoint")
    # Meanwhile they were deleted, and no new ones are allowed.
    shutil.rmtree(own_folders.data / "features")
    monkeypatch.setenv("CXR_FEATURES_GB", "0")
    resumed = training.train(spec, checkpoint=tmp_path / "checkpoint")
    assert resumed.epochs_run == 5
    np.testing.assert_allclose(figures(resumed), expected, atol=1e-5)


def test_a_training_that_began_without_features_goes_on_without(
    make, seen, monkeypatch, own_folders, tmp_path
):
    spec = make(epochs=4)
    with monkeypatch.context() as patched:
        patched.setenv("CXR_FEATURES_GB", "0")
        interrupt_after(2, spec, tmp_path / "checkpoint")
    # As checkpoints were before they noted it.
    state = tmp_path / "checkpoint" / "state.json"
    told = json.loads(state.read_text())
    assert told.pop("features") is False
    state.write_text(json.dumps(told))
    assert training.train(spec, checkpoint=tmp_path / "checkpoint").epochs_run == 4
    assert not (own_folders.data / "features").exists()


def wanted(folder, *, reused=False) -> features.Features:
    """Features of 4,000 bytes."""
    return features.Features(folder / "wanted.npy", (10, 10, 10), reused)


def test_of_a_nearly_full_disk_they_take_at_most_half(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 7999))
    assert wanted(tmp_path / "not yet there").obstacle().startswith("0.0 GB are free")
    assert wanted(tmp_path, reused=True).obstacle() == ""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 8000))
    assert wanted(tmp_path).obstacle() == ""


def test_what_was_not_used_for_longest_makes_room(tmp_path, monkeypatch):
    for age, name in enumerate(("newest", "older", "oldest")):
        path = tmp_path / f"{name}.npy"
        path.write_bytes(bytes(1000))
        os.utime(path, (1e9 - age, 1e9 - age))
    monkeypatch.setattr(settings, "features_bytes", lambda: 7000)
    features._make_room(wanted(tmp_path))
    assert len(list(tmp_path.iterdir())) == 3  # all fit
    monkeypatch.setattr(settings, "features_bytes", lambda: 5999)
    features._make_room(wanted(tmp_path))
    assert [path.stem for path in tmp_path.iterdir()] == ["newest"]


def test_what_a_killed_computation_left_is_deleted(tmp_path):
    two_days_ago = time.time() - 2 * 86_400
    for name in (".wanted.npy.0a1b", ".other.npy.2c3d", ".others.npy.4e5f"):
        (tmp_path / name).write_bytes(bytes(10))
    os.utime(tmp_path / ".other.npy.2c3d", (two_days_ago, two_days_ago))
    features._make_room(wanted(tmp_path))
    assert os.listdir(tmp_path) == [".others.npy.4e5f"]  # somebody may be writing it


def test_a_training_reads_on_when_its_features_are_deleted(make, seen, own_folders):
    deleted = []

    def report(progress):
        if progress.stage == "training" and not deleted:
            [path] = (own_folders.data / "features").glob("*.npy")
            deleted.append(path)
            path.unlink()

    run = training.train(make(epochs=3), report=report)
    assert deleted
    assert run.epochs_run == 3


def test_asked_to_stop_while_they_are_computed_nothing_is_left(make, seen, own_folders):
    stages = []
    with pytest.raises(Cancelled):
        training.train(
            make(epochs=1),
            report=lambda progress: stages.append(progress.stage),
            should_stop=lambda: "computing features" in stages,
        )
    assert not list((own_folders.data / "features").glob("*.npy"))
    assert not list((own_folders.data / "features").glob(".*.npy*"))


@pytest.mark.slow
@pytest.mark.usefixtures("short_trunks")
def test_study_a_itself_is_trained_as_keras_trains_the_whole_network(make):
    import keras

    spec = make(epochs=1, learning_rate=1e-4)
    recipe = spec.recipe
    kept = training.train(spec)

    inputs = load_inputs(spec, Reporter(lambda _: None, lambda: False, 1))
    chosen, pixels = inputs.selection, Rows(inputs.pixels.array)

    def feed(part, seed=None):
        numbers = chosen.rows[part]
        return Feed(pixels, numbers, chosen.labels[numbers], recipe.batch_size, seed).dataset()

    whole = networks.build(recipe, 3)
    networks.compile(whole, recipe)
    data, validation = feed("train", recipe.seed), feed("validation")
    history = whole.fit(data, validation_data=validation, shuffle=False, verbose=0).history
    expected = [history[name][0] for name in ("loss", "accuracy", "val_loss", "val_accuracy")]
    np.testing.assert_allclose(figures(kept)[0], expected, rtol=1e-3, atol=1e-3)

    # The kept model, opened by Keras alone, says of the pixels what the run says.
    model = keras.models.load_model(kept.model_path(), safe_mode=True)
    assert not model.compiled
    said = [model.predict(feed(part), verbose=0) for part in ("validation", "test")]
    np.testing.assert_allclose(shares(kept), np.concatenate(said), atol=1e-5)
    said = [whole.predict(feed(part), verbose=0) for part in ("validation", "test")]
    np.testing.assert_allclose(shares(kept), np.concatenate(said), atol=2e-3)
    pixels.close()
