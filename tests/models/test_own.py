"""Models of one's own: a file to begin with, named by its source, checked before it trains."""

import importlib.metadata
import shutil
import sys
from pathlib import Path

import pytest

from cxrcore import cli, datasets, index, models, settings, store, training
from cxrcore.errors import RecipeError
from cxrcore.inference import predict_here
from cxrcore.models import own, registry
from tests.conftest import ROOT

EXAMPLES = ROOT / "docs" / "examples"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def file(own_folders) -> Path:
    """The file that `recipes new` writes."""
    return own.create("our-net")


@pytest.fixture
def darkcovidnet(own_folders) -> models.Recipe:
    """The documented example, in the folder of recipes."""
    settings.recipes_dir().mkdir(parents=True)
    shutil.copy(EXAMPLES / "darkcovidnet.py", settings.recipes_dir())
    return models.get("darkcovidnet")


def planned(dataset: datasets.Dataset, name: str = "our-net") -> training.TrainSpec:
    recipe = models.get(name).override(image_size=32, epochs=1, batch_size=8)
    return training.plan(recipe, dataset)


# Published for two classes (Ozturk et al. 2020); of three by the same arithmetic.
@pytest.mark.parametrize(("n_classes", "trainable"), [(2, 1_164_434), (3, 1_167_586)])
def test_darkcovidnet_has_the_published_parameters(darkcovidnet, n_classes, trainable):
    model = models.build(darkcovidnet, n_classes)
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == trainable
    assert darkcovidnet.count_parameters(n_classes) == model.count_params()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert (kinds.count("Conv2D"), kinds.count("MaxPooling2D")) == (17, 5)


def test_the_example_trains_and_predicts_as_the_readme_says(darkcovidnet, tiny):
    index.measure(tiny)
    run = training.train(planned(tiny, "darkcovidnet"))
    assert (run.recipe.source, run.epochs_run) == (darkcovidnet.source, 1)
    assert "docs/examples/darkcovidnet.py" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_new_file_trains_and_a_change_of_it_makes_another_run(file, tiny):
    import numpy as np

    index.measure(tiny)
    spec = planned(tiny)
    run = training.train(spec)
    assert own.change(run.recipe) == ""
    assert planned(tiny).run_id == run.run_id

    edit(file, "(16, 32, 64)", "(16, 32, 65)")
    changed = planned(tiny)
    assert changed.run_id != run.run_id
    assert changed.family != spec.family
    assert "has changed since this run" in own.change(run.recipe)
    # The stored run goes on with its own network; a training that was planned before does not.
    film = np.full((40, 40), 99, np.uint8)
    (prediction,) = predict_here(film, [run.run_id], methods=("grad-cam",))
    assert prediction.error is None
    with pytest.raises(RecipeError, match=r"has changed .* start the training again"):
        models.build(run.recipe, 3)

    file.unlink()
    assert "is not here" in own.change(store.load_run(run.run_id).recipe)
    (prediction,) = predict_here(film, [run.run_id], methods=())
    assert prediction.error is None


def test_a_file_that_builds_upon_another_depends_on_both(file):
    (file.parent / "wide.py").write_text(
        "from cxrcore.models import get\n"
        'RECIPES = (get("our-net").model_copy(update={"name": "our-wide"}),)\n'
    )
    other = file.parent / "z.py"
    before = models.get("our-wide").source
    assert before != models.get("our-net").source
    edit(file, "(16, 32, 64)", "(16, 32, 66)")
    # Files are read by name: "our_net.py" comes before "wide.py".
    assert models.get("our-wide").source != before
    assert not other.exists()


def test_a_recipe_of_this_package_has_no_source_and_keeps_its_runs():
    recipe = models.get("cnn-plain")
    assert recipe.source == ""
    assert "source" not in recipe.weights_fields()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Conv2D(maps, 3, p", "1 / 0\n        x = Conv2D(maps, 3, p", r"py, line \d+: ZeroDivisionError"),
        ("return layers", "x = layers", "returned a NoneType"),
        ("layers.classifier(recipe, image, x, n_classes)", "layers.classifier(recipe, image, x, 7)", r"to \(None, 7\)"),
        (
            "return layers.classifier(recipe, image, x, n_classes)",
            "import keras\n    return keras.Model(image, keras.layers.Dense(n_classes)(x))",
            "must end in a float32 softmax",
        ),
        (
            "x = GlobalAveragePooling2D()(x)",
            "import keras\n    x = keras.layers.Lambda(lambda y: y)(GlobalAveragePooling2D()(x))",
            "and no Lambda",
        ),
        (
            "x = GlobalAveragePooling2D()(x)",
            "class Mine(GlobalAveragePooling2D):\n        pass\n    x = Mine()(x)",
            "of the class Mine; only Keras' own",
        ),
    ],
    ids=["raises", "nothing", "classes", "softmax", "lambda", "custom"],
)  # fmt: skip
def test_a_network_that_cannot_be_stored_is_refused_before_it_trains(file, old, new, reason):
    edit(file, old, new)
    with pytest.raises(RecipeError, match=reason) as refused:
        models.build(models.get("our-net"), 3)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("RECIPES = 5\n", "RECIPES must be a tuple of Recipe, .* It is a int"),
        ('RECIPES = ("x",)\n', "RECIPES holds a str; each must be a Recipe"),
        (
            "from cxrcore.models import get\nRECIPES = (get('cnn-plain'),)\nNETWORKS = [1]\n",
            "NETWORKS holds a int; each must be a Network",
        ),
    ],
    ids=["number", "text", "network"],
)
def test_records_of_a_wrong_type_are_named(file, text, reason):
    file.write_text(text)
    (problem,) = models.problems()
    assert problem.startswith(f"{file}, line 1: RecipeError")
    import re

    assert re.search(reason, problem), problem


def test_new_refuses_to_overwrite_and_names_that_cannot_be(file):
    before = file.read_text()
    for name, reason in (
        ("our-net", "our_net.py already"),
        ("cnn-plain", "of that name"),
        ("../x", "is no name"),
        ("Ours", "is no name"),
    ):
        with pytest.raises(RecipeError, match=reason):
            own.create(name)
    assert file.read_text() == before
    assert list(settings.recipes_dir().iterdir()) == [file]


def test_the_command_writes_the_file_and_the_bare_command_still_lists(
    own_folders, monkeypatch, capsys
):
    for words in (("new", "our-net"), ()):
        monkeypatch.setattr(sys, "argv", ["cxrcore", "recipes", *words])
        with pytest.raises(SystemExit):
            cli.main()
            raise SystemExit(0)
    printed = capsys.readouterr().out
    assert "our_net.py" in printed
    assert "Three convolutions" in printed


def test_a_package_adds_models_by_an_entry_point(tmp_path, monkeypatch):
    package = tmp_path / "our_package"
    package.mkdir()
    shutil.copy(ROOT / "cxrcore" / "models" / "template.py", package / "__init__.py")
    monkeypatch.syspath_prepend(tmp_path)
    entries = [
        importlib.metadata.EntryPoint("ours", "our_package", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("broken", "no_such_package", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    registry._of_packages.cache_clear()
    registry._with_files.cache_clear()
    try:
        recipe = models.get("my-network")
        assert recipe.source
        assert models.build(recipe.override(image_size=32), 2).output_shape == (None, 2)
        (problem,) = models.problems()
        assert problem.startswith("no_such_package, line 1: ModuleNotFoundError")
    finally:
        registry._of_packages.cache_clear()
        registry._with_files.cache_clear()
        sys.modules.pop("our_package")
