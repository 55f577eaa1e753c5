"""Deleting runs on the Compare page: asked twice, brought back, gone for good."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index, recipes, settings, store, training

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def run_id(tiny_dataset_folder):
    dataset = datasets.register("tiny", tiny_dataset_folder)
    index.measure(dataset)
    recipe = recipes.get("cnn-plain").override(image_size=32, epochs=1)
    return training.train(training.plan(recipe, dataset)).run_id


def compare() -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/models/compare.py").run()
    assert not at.exception, at.exception
    return at


@pytest.mark.slow
def test_a_deleted_run_goes_to_the_trash_comes_back_and_is_gone_for_good(run_id):
    at = compare()
    assert store.trashed() == []
    at.button(key="delete_runs").click().run()
    assert not at.exception
    assert not store.exists(run_id)
    assert store.trashed() == [run_id]
    assert any("No model has been trained" in info.value for info in at.info)

    at.button(key=f"restore_{run_id}").click().run()
    assert store.exists(run_id)
    assert store.trashed() == []

    at.button(key="delete_runs").click().run()
    assert at.button(key="empty_trash").disabled  # not by one slip of the mouse
    at.checkbox(key="sure_to_empty").check().run()
    at.button(key="empty_trash").click().run()
    assert not at.exception
    assert store.trashed() == []
    assert not list((settings.models_dir() / ".trash").glob("*"))
