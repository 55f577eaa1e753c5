"""The section of Compare that asks whether a model needs the lungs."""

import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import controls, datasets, index, models, training, work
from tests.conftest import write_masked_dataset
from tests.helpers.app import again, open_page, read, texts
from tests.helpers.tested import of_spec

PAGE = "models/compare"


@pytest.fixture
def films(tmp_path):
    dataset = datasets.register("masked", write_masked_dataset(tmp_path / "masked", images=6))
    index.measure(dataset)
    return dataset


@pytest.fixture
def whole(films):
    recipe = models.get("cnn-plain").override(image_size=32, epochs=4)
    return of_spec(training.plan(recipe, films), films)


def opened() -> AppTest:
    """The page with the section unfolded."""
    at = open_page(PAGE)
    at.session_state["lung_need"] = True
    return again(at)


def table(at: AppTest) -> str:
    """The tables of the section."""
    return "".join(e.proto.body for e in at.main.get("html") if 'class="need"' in e.proto.body)


def test_it_costs_nothing_until_it_is_unfolded(whole, monkeypatch):
    monkeypatch.setattr(controls, "known", lambda *_: pytest.fail("not asked for"))
    open_page(PAGE)


def test_what_is_missing_is_trained_after_its_cost_was_shown(films, whole, monkeypatch):
    trained = []
    monkeypatch.setattr(work, "submit_training", trained.append)
    at = opened()
    assert "lungs only, black outside; lungs erased (control); border only (control)" in texts(at)
    assert "That takes about 60 s" in texts(at)  # 3 trainings of 9 + 4 s
    assert not table(at)
    next(b for b in at.main.button if b.label == "Train 3 models").click()
    again(at)
    assert trained == list(controls.find(whole, films).missing.values())


def test_regions_stand_beside_one_another_with_a_sentence(films, whole):
    specs = controls.find(whole, films).missing
    for wrong, spec in enumerate(specs.values()):
        of_spec(spec, films, wrong)
    at = opened()
    answer = controls.trained(controls.find(whole, films))
    assert controls.sentence(answer) in [read(info.value) for info in at.main.info]
    assert "Train" not in [b.label[:5] for b in at.main.button if "model" in b.label]
    drawn = table(at)
    for region in ("Whole picture", "Lungs only, black outside", "Border only (control)"):
        assert f"{region}</th>" in drawn
    n = whole.metrics["test"].n
    assert f"<b>{(n - 1) / n:.2f}</b>" in drawn  # of the lungs erased
    assert f"<small>-{1 / n:.2f} (" in drawn
    assert controls.about_films(answer) in texts(at)


def test_the_answer_without_training_is_offered_and_told_apart(films, whole, monkeypatch):
    asked = []
    monkeypatch.setattr(work, "submit_controls", asked.append)
    at = opened()
    next(b for b in at.main.button if b.label.startswith("Take the lungs")).click()
    again(at)
    assert asked == [whole.run_id]
    border = of_spec(controls.find(whole, films).missing["border"], films, 1)
    quick = dataclasses.replace(controls.trained(controls.find(border, films)), trained=False)
    monkeypatch.setattr("cxrcore.controls.changed_films.untrained", lambda *_: quick)
    at = opened()
    assert table(at).count('class="need"') == 2
    assert "the network has never seen such films" in texts(at)
    assert controls.sentence(quick) in [read(info.value) for info in at.main.info]


def test_imported_weights_and_changed_datasets_are_told_why(films, whole):
    imported = of_spec(
        training.plan(whole.recipe.override(seed=3), films), films, imported="file 12ab"
    )
    assert imported.imported
    at = open_page(PAGE, runs=imported.run_id)
    at.session_state["lung_need"] = True
    assert "its training cannot be repeated without lungs" in texts(again(at))
