"""The training form: what it offers becomes the recipe that is trained."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index, jobs, recipes, store
from cxrcore.recipes import RECIPES, schedule_of

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def form(tiny_dataset_folder, monkeypatch):
    """The app with a dataset of three classes, and what its form submits."""
    index.measure(datasets.register("tiny", tiny_dataset_folder))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    asked = []
    job = jobs.Job(job_id="x", kind="train", title="x", state="queued", created=datetime.now(UTC))
    monkeypatch.setattr(jobs, "submit_training", lambda spec: asked.append(spec) or job)
    monkeypatch.setattr(store, "exists", lambda run_id: False)

    def train():
        at.button(key="train").click().run()
        assert not at.exception
        return asked[-1].recipe

    at.train = train
    return at


def test_the_fast_schedule_is_the_default(form):
    assert form.train() == RECIPES["cnn-plain"].fast()


def test_the_published_schedule_trains_the_recipe_as_it_is(form):
    form.segmented_control(key="form_schedule_cnn-plain").set_value("published").run()
    recipe = form.train()
    assert recipe == RECIPES["cnn-plain"]
    assert schedule_of(recipe) == "published"


def test_every_option_reaches_the_recipe(form):
    key = "form_{}_cnn-plain".format
    form.selectbox(key=key("augmentation")).set_value("strong").run()
    form.checkbox(key=key("balanced")).check().run()
    form.selectbox(key=key("favoured") + "tiny").set_value("B").run()
    form.slider(key=key("favoured_times")).set_value(5.0).run()
    form.slider(key=key("smoothing")).set_value(0.1).run()
    expected = (
        recipes.get("cnn-plain")
        .fast()
        .override(
            augmentation="strong",
            class_weights="balanced",
            favoured_class="B",
            favoured_weight=5.0,
            label_smoothing=0.1,
        )
    )
    assert form.train() == expected


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("cnn-plain", {"none", "strong"}),
        ("chexnet-probe", {"none"}),
        ("resnet50v2-xception", {"none", "published", "strong"}),
    ],
)
def test_only_augmentations_that_a_recipe_can_have_are_offered(form, name, ways):
    form.selectbox(key="recipe").set_value(name).run()
    assert not form.exception
    offered = form.selectbox(key=f"form_augmentation_{name}")
    assert len(offered.options) == len(ways)
    assert offered.value == RECIPES[name].augmentation


def test_a_recipe_for_two_classes_says_so_instead_of_training(form):
    form.selectbox(key="recipe").set_value("binary-pool").run()
    assert not form.exception
    assert any("tells 2 classes apart; tiny has 3" in w.value for w in form.warning)
    assert any(b.label == "Train" and b.disabled for b in form.button)
