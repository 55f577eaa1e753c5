"""What `import cxrcore as cxr` offers, and the guide that shows it."""

import itertools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cxrcore as cxr
from cxrcore import datasets, inference, store, work
from cxrcore.errors import ExplainError, ImageError, RecipeError, TrainingError
from cxrcore.jobs.model import Job, now
from tests.conftest import ROOT
from tests.helpers import store_04

GUIDE = ROOT / "docs" / "notebook.md"


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `code`, in the package's folder."""
    code = f"import sys; before = set(sys.modules)\n{code}\nimport json\n"
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_but_itself():
    loaded = modules_after("import cxrcore")
    assert {name for name in loaded if name.startswith("cxrcore")} == {"cxrcore"}
    assert not loaded & {"numpy", "pandas", "cv2", "pydantic", "tensorflow", "keras", "sklearn"}


def test_every_name_of_the_surface_is_there_without_heavy_libraries():
    loaded = modules_after("import cxrcore as cxr\nfor name in cxr.__all__: getattr(cxr, name)")
    assert not loaded & {"tensorflow", "keras", "streamlit", "sklearn", "skimage", "matplotlib"}


def test_the_surface_lists_its_names():
    assert set(cxr.__all__) <= set(dir(cxr))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cxr.nothing  # noqa: B018


@pytest.fixture
def my_xrays(tiny_dataset_folder, tmp_path, monkeypatch):
    """The dataset of the guide, and the image it explains, in the working directory."""
    monkeypatch.chdir(tmp_path)
    data = datasets.register("my-xrays", tiny_dataset_folder)
    Image.open(data.path_of(data.table["image_id"].iloc[0])).save("film.png")
    return data


@pytest.mark.slow
def test_the_code_of_the_guide_runs(my_xrays, capsys):
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), names)
    assert names["run"].run_id == store.runs("my-xrays")[0].run_id
    assert names["found"].map.shape == (32, 32)
    assert names["heat"].shape == (192, 192)
    assert "no-such-name" in capsys.readouterr().out


@pytest.fixture
def run(own_folders, tmp_path):
    """A run of a tiny network on 16 films of two classes, "Clear" and "Dense"."""
    store_04.place(own_folders.models, own_folders.data, tmp_path / "films")
    return cxr.run("cnn-plain-599e2266")


def test_the_confusion_matrix_counts_the_test_predictions(run):
    test = run.predictions().query("split == 'test'")
    found = run.confusion()
    assert (found.index.name, found.columns.name) == ("true", "predicted")
    assert list(found.index) == list(found.columns) == run.classes
    for true, predicted in itertools.product(run.classes, repeat=2):
        both = (test["label"] == true) & (test["predicted"] == predicted)
        assert found.loc[true, predicted] == both.sum()


def test_a_film_may_be_a_file_its_bytes_or_an_array(run):
    kept = run.predictions().iloc[0]
    path = datasets.load("films").path_of(kept["image_id"])
    films = (str(path), path, path.read_bytes(), np.asarray(Image.open(path)))
    expected = kept[[f"p_{name}" for name in run.classes]].to_numpy(np.float32)
    for film in films:
        np.testing.assert_allclose(run.predict(film).probabilities, expected, atol=1e-5)


def test_an_explanation_is_that_of_the_pages_and_draws_itself(run, tmp_path):
    film = tmp_path / "films" / "00.png"
    found = run.explain(film, "saliency", "Dense")
    (expected,) = inference.predict_here(film, [run.run_id], class_name="Dense")
    np.testing.assert_array_equal(found.map, expected.maps["saliency"])
    assert (found.class_name, found.method) == ("Dense", "saliency")
    assert found._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_a_notebook_shows_is_escaped(run):
    hostile = inference.Prediction(
        "a<b>", classes=("<script>",), probabilities=np.ones(1, np.float32), predicted="<script>"
    )
    assert "<script>" not in hostile._repr_html_()
    assert "&lt;script&gt;" in hostile._repr_html_()
    assert run.run_id in run._repr_html_()
    store.annotate(run.run_id, title="<i>Mine</i>")
    assert run._repr_html_().startswith("<b>&lt;i&gt;Mine&lt;/i&gt; on ")


@pytest.mark.parametrize("film", [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32)])
def test_an_array_that_is_no_gray_image_is_refused(run, film):
    with pytest.raises(ImageError, match="uint8"):
        run.predict(film)


def test_a_class_that_the_run_does_not_have_is_refused(run):
    with pytest.raises(ExplainError, match="Clear, Dense"):
        run.explain("00.png", class_name="Other")


def test_a_layer_can_be_looked_at_and_one_that_a_run_lacks_is_refused(run, tmp_path):
    film = tmp_path / "films" / "00.png"
    found = run.explain(film, "layercam")
    [layer] = found.prediction.layers
    again = run.explain(film, "layercam", layer=layer.name)
    assert again.prediction.layer == layer.name
    np.testing.assert_allclose(again.map, found.map, rtol=1e-5)
    with pytest.raises(ExplainError, match=rf"no layer 'conv99'\. Choose from: {layer.name}"):
        run.explain(film, layer="conv99")


def test_fields_go_to_the_recipe_and_the_split(my_xrays, monkeypatch):
    specs = []

    def submit(spec):
        specs.append(spec)
        return Job(job_id="x", kind="train", title="A title", state="failed", created=now())

    monkeypatch.setattr(work, "submit_training", submit)
    fields = {"epochs": 3, "seed": 5, "fold": 1, "folds": 3, "group": "image"}
    with pytest.raises(TrainingError, match=r"A title: failed"):
        cxr.train("cnn-plain", "my-xrays", **fields)
    (spec,) = specs
    assert (spec.recipe.epochs, spec.recipe.seed, spec.split.seed) == (3, 5, 42)
    assert (spec.split.fold, spec.split.folds, spec.split.group) == (1, 3, "image")
    assert spec.recipe.stopping is not None  # the fast schedule is usual


def test_the_published_schedule_is_that_of_the_recipe(my_xrays, monkeypatch):
    asked = []
    monkeypatch.setattr(work, "submit_training", lambda spec: asked.append(spec) or 1 / 0)
    for recipe in ("cnn-plain", cxr.RECIPES["cnn-plain"]):
        with pytest.raises(ZeroDivisionError):
            cxr.train(recipe, my_xrays, schedule="published")
    assert asked[0].run_id == asked[1].run_id
    assert asked[0].recipe == cxr.RECIPES["cnn-plain"]


def test_wrong_fields_are_named(my_xrays):
    with pytest.raises(RecipeError, match="colour"):
        cxr.train("cnn-plain", my_xrays, colour="red")
    with pytest.raises(TrainingError, match="group"):
        cxr.train("cnn-plain", my_xrays, group="house")


def test_runs_are_those_of_the_dataset(run):
    assert len(cxr.runs(cxr.load("films"))) == len(cxr.runs()) == 4
    assert cxr.runs("other").empty
