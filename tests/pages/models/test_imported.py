"""Imported weights on the pages: marked wherever their figures stand."""

import numpy as np
import pytest

from cxrcore import models
from cxrcore.inference import Prediction
from cxrcore.models import networks
from cxrcore.training.weight_import import import_weights, plan_import
from pages.shared import prediction_cache
from tests.helpers.app import component, open_compare, open_page, texts

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def imported(tiny, tmp_path):
    recipe = models.get("cnn-plain").override(image_size=32)
    networks.build(recipe, 3).save(tmp_path / "team.keras")
    return import_weights(plan_import(recipe, tiny, tmp_path / "team.keras")).run


def test_compare_marks_imported_weights_and_draws_no_curves_for_them(imported):
    at = open_compare()
    shown = at.dataframe[0].value
    assert shown["Leaks"].tolist() == ["imported"]
    assert shown["Starts from"].iloc[0].startswith("imported team.keras (")
    (matrix,) = component(at, "cxr_matrices")["matrices"]
    assert matrix["marks"] == ["imported"]
    [tab] = at.tabs
    assert "imported" in tab.label
    assert f"From: {imported.imported}" in texts(at)
    assert "they have no curves" in texts(at)


def test_live_does_not_say_of_imported_weights_what_they_saw(imported, monkeypatch):
    answer = Prediction(
        run_id=imported.run_id, recipe="cnn-plain", classes=("A", "B", "C"), predicted="A",
        explained="A", probabilities=np.float32([0.5, 0.3, 0.2]),
        seen=np.zeros((32, 32), np.uint8),
        maps=dict.fromkeys(("grad-cam", "saliency"), np.zeros((32, 32), np.float32)),
    )  # fmt: skip
    monkeypatch.setattr(prediction_cache, "predict", lambda *_, **__: [answer])
    at = open_page("predict/live", image=imported.predictions()["image_id"].iloc[-1])
    assert "whether they were trained on this film is not known" in texts(at)
    assert "never seen" not in texts(at)
    assert component(at, "cxr_live")["rows"][0]["marks"][0] == "imported"
