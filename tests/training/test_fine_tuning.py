"""Fine-tuning in two steps: the head alone, then the last stages, from pretrained layers."""

import shutil

import keras
import numpy as np
import pytest

from cxrcore import models, training
from cxrcore.errors import Cancelled, RecipeError, TrainingError
from cxrcore.models import RECIPES, networks, stages
from cxrcore.training import monitor
from tests.helpers.trainings import figures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def tiny(recipe, classes, weights=None, report=None):
    """A "pretrained" trunk of two stages, the same whatever the seed, and a head with dropout."""
    from keras import layers

    keras.utils.set_random_seed(recipe.seed)
    shape = (recipe.image_size, recipe.image_size, 3)
    inner = x = keras.Input(shape)
    for number in (1, 2):
        first = keras.initializers.HeNormal(seed=number)
        name = f"stage{number}"
        x = layers.Conv2D(8, 5, strides=4, kernel_initializer=first, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
        x = layers.Dropout(0.2, name=f"{name}_dropout")(layers.ReLU()(x))
    trunk = keras.Model(inner, x, name="trunk")
    inputs = keras.Input(shape, name="image")
    x = trunk(layers.Rescaling(1 / 255, dtype="float32")(inputs))
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    x = layers.Dense(len(classes), "softmax", dtype="float32", name="predictions")(x)
    model = keras.Model(inputs, x)
    if recipe.trained_stages is not None:
        stages.train_last(model, recipe.trained_stages)
    return model


@pytest.fixture
def make(make_spec, prepared, monkeypatch, tmp_path):
    """A training on the tiny trunk: the head for two epochs, then its last stage for two."""
    monkeypatch.setattr(networks, "build", tiny)
    (tmp_path / "trunk.h5").write_bytes(b"what it stands for")

    def spec(**changes):
        asked = {"augmentation": "none", "region": "none", "max_brisque": None}
        asked |= {"weights": str(tmp_path / "trunk.h5"), "head_epochs": 2, "trained_stages": 1}
        return make_spec("resnet50-masked", **asked | changes)

    return spec


def changed(run) -> set[str]:
    """The layers of the trunk that are no longer as pretrained."""
    model = keras.models.load_model(run.model_path(), compile=False, safe_mode=True)
    as_before = tiny(run.recipe, run.classes)
    return {
        now.name
        for now, before in zip(
            *(stages.trunks(one)[0].layers for one in (model, as_before)), strict=True
        )
        for a, b in zip(now.get_weights(), before.get_weights(), strict=True)
        if not np.array_equal(a, b)
    }


@pytest.mark.parametrize("augmentation", ["none", "strong"])
def test_the_head_trains_first_then_the_last_stage_at_a_lower_rate(make, augmentation, monkeypatch):
    spec = make(augmentation=augmentation, fine_tuning_rate=1e-4)
    times: dict[int, set[bool]] = {}

    def note(progress):
        if progress.stage == "training" and progress.batch > 1:
            times.setdefault(progress.epoch, set()).add(progress.eta_seconds is not None)

    monkeypatch.setattr(monitor, "_INTERVAL_SECONDS", 0)
    run = training.train(spec, report=note)
    # How long the rest takes is not known while the head trains.
    assert [True in times[epoch] for epoch in (1, 2, 3, 4)] == [False, False, True, True]
    assert run.history()["learning_rate"].tolist() == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])
    assert run.epochs_run == 4
    assert run.history()["val_loss"].idxmin() > 1  # else the weights kept are those of the head
    assert changed(run) == {"stage2_conv", "stage2_norm"}
    log = run.log()
    assert "the head has trained alone for 2 epochs; from its weights after epoch 2 on" in log
    assert ("read from the disk" in log) == (augmentation == "none")


def test_where_fine_tuning_harms_the_weights_are_those_of_the_head_on_the_pretrained_layers(make):
    run = training.train(make(fine_tuning_rate=1.0))
    losses = run.history()["val_loss"]
    assert losses.idxmin() < 2
    assert changed(run) == set()
    # The figures are those of the stored model, in that state.
    assert run.metrics["validation"].loss == pytest.approx(losses.min(), rel=1e-4)


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_training_stopped_at_any_epoch_goes_on_as_if_it_had_not_been(
    make, tmp_path, own_folders, epochs
):
    spec, done = make(), []
    whole = figures(training.train(spec))
    shutil.rmtree(own_folders.models)
    folder = tmp_path / "checkpoint"
    with pytest.raises(Cancelled):
        training.train(
            spec,
            checkpoint=folder,
            report=lambda now: done.append(len(now.history)),
            should_stop=lambda: bool(done) and done[-1] >= epochs,
        )
    resumed = training.train(spec, checkpoint=folder)
    np.testing.assert_allclose(figures(resumed), whole, rtol=1e-5, atol=1e-6)
    assert f"continued after epoch {epochs}" in resumed.log()


def test_stages_and_the_head_first_need_pretrained_weights(make):
    for changes in ({"head_epochs": None}, {"trained_stages": None}):
        with pytest.raises(TrainingError, match="would stay random"):
            make(weights="random", **changes)


def test_only_a_model_with_a_pretrained_network_is_fine_tuned():
    for name in ("cnn-plain", "chexnet-probe"):
        assert not RECIPES[name].offers("trained_stages")
        with pytest.raises(RecipeError, match="contains no pretrained network"):
            RECIPES[name].override(head_epochs=3)
    assert RECIPES["resnet50v2-xception"].override(trained_stages=2).offers("head_epochs")
    with pytest.raises(
        RecipeError, match=r"trained_stages must be .*from 0 to 1, .*no other place"
    ):
        RECIPES["keras-nasnet-mobile"].override(trained_stages=2)


def test_what_is_left_as_it_was_keeps_the_names_of_runs():
    fields = RECIPES["resnet50-masked"].weights_fields()
    assert not {"trained_stages", "head_epochs", "fine_tuning_rate"} & fields.keys()
    assert (
        RECIPES["resnet50-masked"].override(trained_stages=0).weights_fields()["trained_stages"]
        == 0
    )


@pytest.mark.usefixtures("short_trunks")
def test_two_trunks_side_by_side_are_frozen_but_not_computed_once():
    recipe = RECIPES["resnet50v2-xception"].override(
        image_size=71, weights="random", augmentation="none", trained_stages=0
    )
    model = networks.build(recipe, 3)
    assert not recipe.frozen_first
    assert not any(trunk.trainable_weights for trunk in stages.trunks(model))
    with pytest.raises(RecipeError, match="features cannot be computed once"):
        networks.trunk_and_head(model)


@pytest.mark.usefixtures("short_trunks")
@pytest.mark.parametrize("chosen", [0, 1, 3])
def test_trunk_and_head_are_the_network_wherever_it_is_cut(chosen):
    recipe = models.get("resnet50-masked").override(
        image_size=64, weights="random", augmentation="none", trained_stages=chosen
    )
    model = networks.build(recipe, 3)
    trunk, head = networks.trunk_and_head(model)
    x = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(head(trunk(x)), model(x, training=False), atol=1e-6)
    trained = {
        layer.name.split("_")[0]
        for layer in stages.trunks(model)[0].layers
        if layer.trainable_weights
    }
    assert trained == {0: set(), 1: {"conv5"}, 3: {"conv3", "conv4", "conv5"}}[chosen]


def test_estimates_and_progress_count_the_epochs_of_the_head(make):
    recipe = make().recipe
    assert recipe.all_epochs == 4
    head, rest = recipe.phases()
    assert (head.epochs, head.trained_stages, head.learning_rate) == (2, 0, 1e-3)
    assert (rest.epochs, rest.trained_stages, rest.learning_rate) == (4, 1, 1e-5)
    assert recipe.override(head_epochs=None).phases() == (recipe.override(head_epochs=None),)
