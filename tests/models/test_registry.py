"""Models are found by themselves; a file in a folder adds one, and a broken file harms nothing."""

import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import cli, datasets, explanations, index, models, settings, store
from cxrcore.errors import RecipeError
from cxrcore.models import RECIPES, Recipe, networks, overview, pretrained, registry
from cxrcore.store.card import model_card
from tests.conftest import ROOT

# A pretrained model as a user would write it: a trunk with a file of its own, and a head.
MODEL = '''
"""A small pretrained network, in one file."""

from cxrcore.models import Network, Recipe, Reported, Source, layers
from cxrcore.models.pretrained import matching


def trunk(side=32):
    import keras

    image = keras.Input((side, side, 3))
    maps = keras.layers.Conv2D(4, 3, activation="relu", name="maps")(image)
    return keras.Model(image, maps, name="trunk")


def build(recipe, n_classes):
    import keras

    image = layers.image(recipe)
    x = keras.layers.Rescaling(1 / 255)(image)
    x = trunk(recipe.image_size)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return layers.classifier(recipe, image, x, n_classes)


NETWORKS = (
    Network(
        name="tiny",
        build=build,
        count_parameters=lambda recipe, n_classes: 4 * 28 + 5 * n_classes,
        pretrained={
            "own": (
                Source("own:trunk", "trunk.h5", "our hospital's share", lambda: trunk().layers),
            )
        },
        load=lambda model, files: matching.load(
            files[0], model.get_layer("trunk").layers, model.name
        ),
        slow_means=True,
    ),
)
RECIPES = (
    Recipe(
        name="tiny-own",
        study="ours",
        title="Tiny network",
        description="One convolution, for a test.",
        network="tiny",
        image_size=32,
        batch_size=8,
        epochs=2,
        learning_rate=1e-2,
        weights="own",
        reported=Reported(caveat="There is no published figure."),
        citation="Nobody 2026",
        data="none",
        class_names=("A", "B", "C"),
    ),
)
'''

ROW = "| `tiny-own` | ours | 32 px | 127 | own |  |\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder of recipes."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    monkeypatch.setenv("CXR_RECIPES", str(folder))
    return folder


@pytest.fixture
def command(monkeypatch, capsys):
    """Run `python -m cxrcore …` in this process: its standard output."""

    def call(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["cxrcore", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
            raise SystemExit(0)
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        return printed.out

    return call


@pytest.fixture
def trunk(own_folders) -> keras.Model:
    """The weights of the file's trunk, where the project looks for them."""
    image = keras.Input((32, 32, 3))
    maps = keras.layers.Conv2D(4, 3, bias_initializer="ones", name="maps")(image)
    model = keras.Model(image, maps)
    (own_folders.data / "weights").mkdir(parents=True)
    model.save(own_folders.data / "weights" / "trunk.h5")
    return model


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning")
def test_one_file_adds_a_model_everywhere(folder, trunk, command, tiny_dataset_folder):
    (folder / "tiny.py").write_text(MODEL)

    # The list of recipes, the README's table and the list of weights.
    listed = json.loads(command("recipes", "--json"))
    assert listed["recipes"][-1]["name"] == "tiny-own"
    assert listed["problems"] == []
    assert "tiny-own" in command("recipes")
    assert overview.markdown().endswith(ROW)
    (weights,) = [
        row
        for row in json.loads(command("weights", "list", "--json"))["weights"]
        if row["kind"] == "own:trunk"
    ]
    assert (weights["recipes"], weights["state"]) == (["tiny-own"], "here, not compared")
    assert "all 1 layers" in command("weights", "check", "own:trunk", "--json")

    # The network as a record and as a Keras model.
    recipe = models.get("tiny-own")
    assert recipe.weights_choices == ("own", "random")
    assert recipe.fast().stopping.settling_steps == models.SETTLING_STEPS
    model = models.build(recipe, 3)
    assert recipe.count_parameters(3) == model.count_params()
    assert model.get_layer("trunk").get_weights()[1].tolist() == [1, 1, 1, 1]

    # A training on the command line, in a process of its own, and its run.
    index.measure(datasets.register("tiny", tiny_dataset_folder))
    done = json.loads(command("train", "tiny-own", "--data", "tiny", "--epochs", 1, "--json"))
    run = store.load_run(done["run_id"])
    assert (run.recipe.name, run.weights_used, run.epochs_run) == ("tiny-own", "own", 1)
    assert run.parameters == 127
    assert "# Tiny network on tiny" in model_card(run)
    stored = keras.models.load_model(run.model_path(), compile=False, safe_mode=True)
    picture = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    heat = explanations.explain(stored, picture, "grad-cam")
    assert heat.shape == (32, 32)

    # The form, whose estimate knows the network's size.
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.selectbox(key="recipe").set_value("tiny-own").run()
    assert not at.exception
    assert at.selectbox(key="form_weights_tiny-own").options == ["own", "random"]
    assert not at.button(key="train").disabled

    # Without the file the run is still listed and opened; training and building are refused.
    (folder / "tiny.py").unlink()
    assert "tiny-own" not in RECIPES
    assert store.load_run(run.run_id) == run
    assert store.list_runs()["run_id"].tolist() == [run.run_id]
    assert models.schedule_of(run.recipe) == "own"
    with pytest.raises(
        RecipeError, match=r"no network 'tiny'\. Choose one of: cnn-plain,.*compact"
    ):
        models.build(run.recipe, 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n\ndef broken(:\n", "line 3: SyntaxError"),
        ("\n\nx = 1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("raise SystemExit(1)\n", "line 1: SystemExit"),
        ("import cxrcore.nothing\n", "line 1: ModuleNotFoundError: No module named"),
        ("x = 1\n", "line 1: RecipeError: The file defines no RECIPES"),
        (MODEL.replace('network="tiny"', 'network="small"'), "a network 'small', which does not"),
        (MODEL.replace('name="tiny-own"', 'name="cnn-plain"'), "another recipe called 'cnn-plain'"),
        (MODEL.replace('name="tiny"', 'name="compact"'), "another network called 'compact'"),
        (MODEL.replace('name="tiny-own"', 'name="../../x"'), "'../../x' is no name"),
        (MODEL.replace('"own:trunk"', '"chexnet"'), "other weights called 'chexnet'"),
        (MODEL.replace("slow_means", "min_size=64, slow_means"), "a whole number from 64 to 512"),
        (MODEL.replace('weights="own"', 'weights="imagenet"'), "one of own, random or the path"),
        (MODEL.replace("epochs=2", "epochs=0"), "ValidationError: .*epochs"),
    ],
)
def test_a_broken_file_is_named_with_line_and_reason_and_takes_nothing_down(folder, text, reason):
    before = list(RECIPES)
    (folder / "broken.py").write_text(text)
    (folder / "good.py").write_text(MODEL.replace("tiny-own", "good").replace('"tiny"', '"other"'))
    assert list(RECIPES) == [*before, "good"]
    (problem,) = models.problems()
    assert problem.startswith(f"{folder / 'broken.py'}, line ")
    assert re.search(reason, problem), problem
    with pytest.raises(RecipeError, match=r"no recipe 'tiny-own'.*broken"):
        models.get("tiny-own")


def test_the_form_and_the_command_line_tell_of_a_broken_file(folder, command, tiny):
    (folder / "broken.py").write_text("1 / 0\n")
    assert "broken.py,line1:ZeroDivisionError" in "".join(command("recipes").split())  # wrapped
    assert "broken.py, line 1" in json.loads(command("recipes", "--json"))["problems"][0]
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not at.exception
    assert any("division by zero" in warning.value for warning in at.warning)


def test_a_file_that_changes_is_read_again(folder):
    (folder / "tiny.py").write_text(MODEL)
    assert RECIPES["tiny-own"].epochs == 2
    (folder / "tiny.py").write_text(MODEL.replace("epochs=2", "epochs=33"))
    assert RECIPES["tiny-own"].epochs == 33


def test_a_file_can_build_upon_the_models_that_exist(folder):
    (folder / "larger.py").write_text(
        "from cxrcore.models import get\n"
        'larger = get("cnn-plain").override(image_size=256).fast()\n'
        'RECIPES = (larger.model_copy(update={"name": "cnn-larger", "study": "ours"}),)\n'
    )
    assert models.problems() == ()
    assert (models.get("cnn-larger").network, RECIPES["cnn-larger"].image_size) == (
        "cnn-plain",
        256,
    )


def test_files_that_begin_with_an_underscore_or_are_no_python_are_passed_over(folder):
    for name in ("_helper.py", ".hidden.py", "notes.txt", "tiny.py.bak"):
        (folder / name).write_text("1 / 0")
    (folder / "folder.py").mkdir()
    assert (models.problems(), list(folder.glob("__pycache__"))) == ((), [])


def test_the_folder_is_in_the_data_folder_unless_told_otherwise(own_folders, monkeypatch):
    assert settings.recipes_dir() == own_folders.data / "recipes"
    (own_folders.data / "recipes").mkdir(parents=True)
    (own_folders.data / "recipes" / "tiny.py").write_text(MODEL)
    assert "tiny-own" in RECIPES
    monkeypatch.setenv("CXR_RECIPES", str(own_folders.data / "elsewhere"))
    assert "tiny-own" not in RECIPES
    assert settings.places()["CXR_RECIPES"] == str(own_folders.data / "elsewhere")


def test_the_readme_has_exactly_this_table_of_recipes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    start = readme.index("| model | study |")
    assert readme[start : readme.index("\n\n", start) + 1] == overview.markdown()


def test_every_network_belongs_to_a_recipe_and_every_file_of_weights_to_a_network():
    found = registry.models()
    assert {recipe.network for recipe in found.recipes.values()} == set(found.networks)
    used = {
        source.kind
        for network in found.networks.values()
        for files in network.pretrained.values()
        for source in files
    }
    assert used == set(pretrained.SOURCES)


def test_a_recipe_of_an_unknown_network_is_refused_with_the_networks_that_exist():
    stranger = RECIPES["cnn-plain"].model_copy(update={"network": "vgg"})
    assert Recipe.model_validate_json(stranger.model_dump_json()) == stranger  # a stored run opens
    for refused in (
        lambda: networks.build(stranger, 3),
        lambda: stranger.count_parameters(3),
        lambda: stranger.override(epochs=3),
        stranger.fast,
    ):
        with pytest.raises(RecipeError, match=r"no network 'vgg'\. Choose one of: cnn-plain, "):
            refused()
