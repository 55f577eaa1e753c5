"""A field of a recipe is told once: form, command line, pages, card and tracking read its record."""

from typing import Annotated

import pytest
import typer
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from cxrcore import store
from cxrcore.cli import app
from cxrcore.cli.recipe_options import recipe_options
from cxrcore.errors import RecipeError
from cxrcore.models import FAST, RECIPES, Recipe, fields, registry
from cxrcore.store.card import model_card
from cxrcore.tracking import mlflow
from pages.models.compare import training
from tests.conftest import ROOT
from tests.helpers.app import read
from tests.helpers.runs import made_up

PLAIN = RECIPES["cnn-plain"]
OPTIONS = Recipe.options()
OFFERED = {name: option for name, option in OPTIONS.items() if option.flags}
# Another value than the default for each field.
CHANGED = {
    "image_size": 56,
    "epochs": 14,
    "batch_size": 7,
    "learning_rate": 0.02,
    "optimizer": "rmsprop",
    "plateau": None,
    "stopping": FAST["stopping"],
    "best_by": "val_loss",
    "weights": "imagenet",
    "trained_stages": 2,
    "head_epochs": 4,
    "fine_tuning_rate": 2e-5,
    "label_smoothing": 0.1,
    "seed": 9,
    "region": "border",
    "lung_masks": "completed",
    "max_brisque": 55.0,
    "augmentation": "strong",
    "class_weights": "balanced",
    "favoured_class": "Normal",
    "favoured_weight": 4.0,
}


class Extended(Recipe):
    """A recipe with one field more."""

    warm_up: Annotated[
        int,
        fields.Number(
            title="Warm-up",
            group="training",
            bounds=(0, 20),
            unit="epochs",
            flags=("--warm-up",),
            help="How long the learning rate rises.",
        ),
    ] = 0


EXTENDED = Extended.model_validate(dict(PLAIN))


@pytest.fixture
def form(tiny, monkeypatch):
    """The app with the extended recipe in place of the plain one."""
    monkeypatch.setitem(registry.models().recipes, "cnn-plain", EXTENDED)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not at.exception
    return at


def labels(at):
    kinds = ("number_input", "slider", "selectbox", "checkbox", "segmented_control")
    return {widget.label for kind in kinds for widget in at.get(kind)}


# One field more


def test_a_new_field_is_in_the_form_and_reaches_the_recipe(form, monkeypatch):
    asked = []
    monkeypatch.setattr(store, "exists", lambda run_id: False)

    def submit(spec, *_):
        asked.append(spec.recipe)
        raise RecipeError("enough")

    number = form.number_input(key="form_warm_up_cnn-plain")
    assert (number.label, number.min, number.max) == ("Warm-up (epochs)", 0, 20)
    assert number.help == "How long the learning rate rises."
    number.set_value(5).run()
    monkeypatch.setattr("cxrcore.work.submit_training", submit)
    form.button(key="train").click().run()
    assert [recipe.warm_up for recipe in asked] == [5]


def test_a_new_field_is_an_option_of_the_command_line():
    given = []
    commands = typer.Typer()

    @commands.command()
    @recipe_options(recipe=Extended)
    def train(*, changes):
        given.append(changes)

    result = CliRunner().invoke(commands, ["--warm-up", "5", "--mask", "lungs"])
    assert result.exit_code == 0, result.output
    assert given == [{"warm_up": 5, "region": "lungs"}]
    output = CliRunner().invoke(commands, ["--help"]).output
    said = " ".join(output.replace("│", " ").split())
    assert "Warm-up, 0 to 20 epochs. How long the learning rate rises." in said


def test_a_new_field_is_in_how_it_was_trained_the_card_and_tracking(monkeypatch):
    monkeypatch.setitem(registry.models().recipes, "cnn-plain", EXTENDED)
    run = made_up(recipe=EXTENDED.override(warm_up=5))
    assert training.differences([run]) == [("Warm-up", "5 epochs", "0 epochs")]
    assert "| Warm-up | 5 epochs |" in model_card(run)
    assert mlflow._parameters(run)["warm_up"] == "5"


def test_a_new_field_keeps_the_names_of_earlier_runs_unless_it_is_used():
    assert EXTENDED.weights_fields() == PLAIN.weights_fields()
    changed = EXTENDED.override(warm_up=5).weights_fields()
    assert changed == PLAIN.weights_fields() | {"warm_up": 5}


def test_a_wrong_value_of_a_new_field_is_explained():
    with pytest.raises(
        RecipeError, match=r"warm_up must be a whole number from 0 to 20 .*Received: 21"
    ):
        EXTENDED.override(warm_up=21)


# Every field that there is


def test_every_field_that_is_offered_is_in_the_form(form):
    form.selectbox(key="form_favoured_class_cnn-plaintiny").set_value("B").run()
    found = labels(form)
    form.selectbox(key="recipe").set_value("chexnet").run()  # contains a pretrained network
    form.checkbox(key="form_head_epochs_chexnet_on").check().run()
    found |= labels(form)
    for option in OFFERED.values():
        assert {option.title, getattr(option, "label", "")} & found, option.title
    headings = {part.value for part in form.markdown}
    assert headings >= {f"**{group.capitalize()}**" for group in fields.GROUPS[1:]}


@pytest.mark.parametrize("name", OFFERED)
def test_every_field_that_is_offered_is_an_option_of_train(name):
    [command] = [c for c in app.registered_commands if c.callback.__name__ == "train"]
    shown = typer.main.get_command_from_info(
        command, pretty_exceptions_short=True, rich_markup_mode=None
    )
    [option] = [p for p in shown.params if p.name == name]
    assert tuple(option.opts) == OFFERED[name].flags
    assert option.help == OFFERED[name].summary


@pytest.mark.parametrize("name", OPTIONS)
def test_every_field_is_in_how_it_was_trained_if_it_differs_and_in_the_card(name):
    recipe = RECIPES["chexnet"].override(**{name: CHANGED[name]})
    title, text = OPTIONS[name].title, recipe.describe(name)
    run = made_up(recipe=recipe, weights_used=recipe.weights)
    [(field, here, published)] = training.differences([run])
    assert field == title
    assert read(here) == text != published
    assert f"| {title} | {text} |" in model_card(run)
    assert name in mlflow._parameters(run) or f"{name}.patience" in mlflow._parameters(run)


def test_of_imported_weights_only_the_preparation_is_told():
    recipe = RECIPES["chexnet"].override(**CHANGED | {"weights": "random"})
    run = made_up(recipe=recipe, imported="team.h5")
    assert [row[0] for row in training.differences([run])] == ["Image side", "Region", "Lung masks"]
    assert "| Epochs |" not in model_card(run)
