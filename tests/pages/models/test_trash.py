"""Deleting runs on the Compare page: asked twice, brought back, gone for good."""

import pytest

from cxrcore import models, settings, store, training
from tests.helpers.app import open_page
from tests.helpers.tested import of_spec


@pytest.fixture
def run_id(tiny):
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
    return of_spec(training.plan(recipe, tiny), tiny).run_id


def test_a_deleted_run_goes_to_the_trash_comes_back_and_is_gone_for_good(run_id):
    at = open_page("models/compare")
    assert not any(button.key == "delete_runs" for button in at.button)  # only from a row's menu
    store.delete(run_id)
    at.run()
    assert not at.exception
    assert not store.exists(run_id)
    assert store.trashed() == [run_id]
    assert any("No model has been trained" in info.value for info in at.info)

    at.button(key=f"restore_{run_id}").click().run()
    assert store.exists(run_id)
    assert store.trashed() == []

    store.delete(run_id)
    at.run()
    assert at.button(key="empty_trash").disabled  # not by one slip of the mouse
    at.checkbox(key="sure_to_empty").check().run()
    at.button(key="empty_trash").click().run()
    assert not at.exception
    assert store.trashed() == []
    assert not list((settings.models_dir() / ".trash").glob("*"))
