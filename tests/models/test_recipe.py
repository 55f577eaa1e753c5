import json
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cxrcore import models
from cxrcore.errors import RecipeError
from cxrcore.models import RECIPES, Recipe, Stopping
from cxrcore.models.fields import Number
from tests.helpers.recipes import HERE

PLAIN = RECIPES["cnn-plain"]
WHOLE = ["image_size", "batch_size", "epochs", "seed"]
TRANSFER_WHOLE = ["trained_stages", "head_epochs"]
NUMBERS = [name for name, option in Recipe.options().items() if isinstance(option, Number)]


def test_an_unknown_recipe_is_refused_with_the_names_that_exist():
    with pytest.raises(RecipeError, match=r"'vgg'.*cnn-plain.*resnet50-masked.*cnn-five"):
        models.get("vgg")


def test_recipes_are_frozen():
    with pytest.raises(ValidationError):
        PLAIN.epochs = 3


def test_override_changes_only_what_was_asked_and_not_the_original():
    changed = PLAIN.override(epochs=3, learning_rate=0.01)
    assert (changed.epochs, changed.learning_rate) == (3, 0.01)
    assert changed.model_copy(update={"epochs": 50, "learning_rate": 1e-3}) == PLAIN
    assert PLAIN.epochs == 50


@pytest.mark.parametrize("recipe", HERE.values(), ids=HERE)
@pytest.mark.parametrize("field", NUMBERS)
def test_both_ends_of_every_range_are_allowed_and_beyond_is_not(recipe, field):
    if recipe.option(field).transfer and not recipe.architecture.trunks:
        pytest.skip("it contains no pretrained network")
    low, high = recipe.option(field).bounds
    step = 1 if field in WHOLE + TRANSFER_WHOLE else 1e-6
    for value in (low, high):
        assert getattr(recipe.override(**{field: value}), field) == value
    for value in (low - step, high + step):
        with pytest.raises(RecipeError, match=rf"{field} must be .* from .* to .*{recipe.name}"):
            recipe.override(**{field: value})


@given(size=st.integers(-10, 1000))
def test_a_size_is_taken_exactly_if_it_lies_in_the_limits(size):
    recipe = RECIPES["cnn-five"]
    low, high = recipe.option("image_size").bounds
    if low <= size <= high:
        assert recipe.override(image_size=size).image_size == size
    else:
        with pytest.raises(RecipeError, match=f"from 94 to 512.*Received: {size}"):
            recipe.override(image_size=size)


@pytest.mark.parametrize("field", WHOLE)
@pytest.mark.parametrize("value", [True, 2.5, "50", None, float("nan")])
def test_a_whole_number_must_be_one(field, value):
    with pytest.raises(RecipeError, match=rf"{field} must be a whole number.*Received: {value!r}"):
        PLAIN.override(**{field: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.1", None, True])
def test_a_learning_rate_must_be_a_finite_number(value):
    with pytest.raises(RecipeError, match="learning_rate must be a number from 1e-07 to 1 "):
        PLAIN.override(learning_rate=value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region": "heart"}, "region must be one of none, lungs, .*'heart'"),
        (
            {"optimizer": "sgd"},
            "optimizer must be one of adam, rmsprop for recipe cnn-plain.*'sgd'",
        ),
        ({"weights": "imagenet"}, "weights must be one of random or the path"),
        ({"weights": "model.bin"}, "weights must be one of random or the path"),
        ({"augmentation": "published"}, "its study published none"),
        ({"plateau": 3}, "plateau must be valid .*Received: 3"),
        ({"best_by": "loss"}, "best_by must be one of None, val_loss .*'loss'"),
        ({"max_brisque": -1.0}, "max_brisque must be a number from 0 to 200, or None .*-1.0"),
        ({"name": "mine"}, "'name' cannot be changed.*image_size, epochs, batch_size"),
        ({"reported": None}, "'reported' cannot be changed"),
    ],
)
def test_what_a_recipe_cannot_take_is_refused_and_named(change, message):
    with pytest.raises(RecipeError, match=message):
        PLAIN.override(**change)


def test_the_quality_filter_can_be_switched_off():
    assert RECIPES["resnet50-masked"].override(max_brisque=None).max_brisque is None


def test_first_weights_from_a_file_count_by_content_and_not_by_place(tmp_path):
    for name, content in [("a.h5", b"1"), ("b.h5", b"1"), ("c.h5", b"2")]:
        (tmp_path / name).write_bytes(content)
    a, b, c = (PLAIN.override(weights=str(tmp_path / f"{n}.h5")) for n in "abc")
    assert a.weights_fields() == b.weights_fields() != c.weights_fields()
    assert a.override(weights="random") == PLAIN


def test_a_file_of_first_weights_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"lost\.h5, which does not exist.*random"):
        PLAIN.override(weights=str(tmp_path / "lost.h5"))


@pytest.mark.parametrize("name", ["x.pt", "x.PTH", "x.ckpt", "x.safetensors", "x.h5", "x.bin"])
def test_a_file_of_pytorch_is_named_as_such_whatever_it_is_called(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:  # as torch.save has it since 1.6
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    with pytest.raises(RecipeError, match=rf"{name} is a PyTorch checkpoint .*one of: random"):
        PLAIN.override(weights=str(tmp_path / name))
    (tmp_path / name).write_bytes(b"\x80\x02\x8a\x0a")  # and before
    with pytest.raises(RecipeError, match="is a PyTorch checkpoint"):
        PLAIN.override(weights=tmp_path / name)


def test_a_stored_recipe_reads_back_even_if_its_weights_file_is_gone(tmp_path):
    file = tmp_path / "a.h5"
    file.write_bytes(b"1")
    recipe = PLAIN.override(weights=str(file))
    file.unlink()
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize("recipe", HERE.values(), ids=HERE)
def test_a_recipe_survives_json_in_both_forms(recipe):
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert Recipe.model_validate(json.loads(recipe.model_dump_json())) == recipe


@pytest.mark.parametrize("recipe", HERE.values(), ids=HERE)
def test_texts_do_not_decide_the_name_of_a_run_but_every_setting_does(recipe):
    fields = recipe.weights_fields()
    assert json.loads(json.dumps(fields)) == fields
    assert recipe.model_copy(update={"title": "x", "defects": ()}).weights_fields() == fields
    changes = [{"image_size": 128}, {"batch_size": 7}, {"epochs": 3}, {"learning_rate": 0.02}]
    changes += [{"seed": 7}, {"region": "border"}, {"max_brisque": 55.0}, {"optimizer": "sgd"}]
    changes += [{"weights": "other"}, {"best_by": "x"}, {"augmentation": "x"}, {"network": "x"}]
    for change in changes:
        assert recipe.model_copy(update=change).weights_fields() != fields, change


def test_regions_are_those_that_images_can_apply():
    images = pytest.importorskip("cxrcore.images")
    for region in images.REGIONS:
        assert PLAIN.override(region=region).region == region
    with pytest.raises(RecipeError, match=", ".join(images.REGIONS)):
        PLAIN.override(region="?")


def test_a_recipe_of_version_0_4_reads_with_its_region_under_the_old_name():
    stored = json.loads(PLAIN.override(region="lungs").model_dump_json())
    stored["arm"] = stored.pop("region")
    assert Recipe.model_validate(stored) == PLAIN.override(region="lungs")


def test_what_runs_are_named_by_is_what_it_was_in_version_0_4():
    assert PLAIN.fast().weights_fields() == {
        "network": "cnn-plain",
        "image_size": 192,
        "batch_size": 32,
        "epochs": 50,
        "learning_rate": 0.001,
        "optimizer": "adam",
        "seed": 42,
        "weights": "random",
        "arm": "none",
        "max_brisque": None,
        "plateau": {"monitor": "val_loss", "factor": 0.25, "patience": 3, "mode": "min"},
        "best_by": "val_loss",
        "stopping": {"monitor": "val_loss", "min_delta": 0.0, "patience": 8},
        "augmentation": "none",
        "class_weights": "none",
        "label_smoothing": 0.0,
        "favoured_class": None,
        "favoured_weight": 1.0,
    }


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_size": 56}, "56 px"),
        ({"learning_rate": 1e-5}, "1e-05"),
        ({"max_brisque": 70.0}, "70"),
        ({"max_brisque": None}, "none"),
        ({"favoured_weight": 3.0}, "3 times"),
        ({"favoured_weight": 1.0}, "once"),
        ({"favoured_class": None}, "No class in particular"),
        ({"favoured_class": "B"}, "B"),
        ({"region": "lungs-crop"}, "Cropped to the lungs"),
        ({"best_by": None}, "of the last epoch"),
        ({"stopping": None}, "no"),
        ({"plateau": PLAIN.plateau}, "÷10 after 3 epochs without a better validation accuracy"),
        (
            {"stopping": Stopping(monitor="val_loss", patience=1, settling_steps=300)},
            "after 1 epoch without a better validation loss, not counting the first 300 steps",
        ),
    ],
)
def test_a_value_reads_as_people_say_it(change, text):
    [field] = change
    assert PLAIN.override(**change).describe(field) == text


def test_first_weights_read_by_name_and_a_file_without_its_folder(tmp_path):
    (tmp_path / "team.h5").write_bytes(b"1")
    assert RECIPES["chexnet"].describe("weights") == "CheXNet"
    assert PLAIN.override(weights=str(tmp_path / "team.h5")).describe("weights") == "team.h5"


def test_reading_recipes_imports_neither_tensorflow_nor_opencv():
    code = "import sys, cxrcore.models; print({'tensorflow', 'keras', 'cv2'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr
