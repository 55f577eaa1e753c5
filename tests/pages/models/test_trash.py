"""Deleting runs on the Compare page: asked twice, brought back, gone for good."""

import numpy as np
import pytest

from cxrcore import datasets, index, models, settings, store, training
from cxrcore.metrics import evaluate
from tests.helpers.app import open_page
from tests.helpers.runs import kept, made_up


@pytest.fixture
def run_id(tiny_dataset_folder):
    dataset = datasets.register("tiny", tiny_dataset_folder)
    index.measure(dataset)
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
    spec = training.plan(recipe, dataset)
    tested = evaluate([0, 1, 2], np.eye(3) * 0.7 + 0.1, list(spec.classes))
    run = made_up(
        run_id=spec.run_id,
        dataset="tiny",
        fingerprint=spec.fingerprint,
        classes=list(spec.classes),
        metrics={"validation": tested, "test": tested},
        leaks=None,
    )
    return kept(run, lambda path: path.write_bytes(b"w"), [[1, 1, 0.5, 1, 0.5, 1e-3, 1]]).run_id


def test_a_deleted_run_goes_to_the_trash_comes_back_and_is_gone_for_good(run_id):
    at = open_page("models/compare")
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
