"""A file of predictions dropped on Compare."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from cxrcore import duplicates, index, predictions, store
from tests.conftest import ROOT
from tests.helpers.app import again, texts


@pytest.fixture
def opened(tiny):
    duplicates.find(tiny, index.load(tiny))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["dataset"] = "tiny"
    at._page_hash = calc_hash("compare")
    at.session_state["predictions_open"] = True
    return again(at)


def test_a_filled_in_template_becomes_a_run_and_a_bad_one_a_sentence(opened, tiny):
    rows = predictions.template(tiny, predictions.divide(tiny))
    shares = np.random.default_rng(1).dirichlet(np.ones(3), len(rows))
    good = rows.assign(**{name: shares[:, k] for k, name in enumerate(tiny.classes)})
    for table, title in ((good.drop(columns="C"), "Bad"), (good, "Our *Swin-T*")):
        opened.file_uploader(key="predictions_file").upload(
            "mine.csv", table.to_csv(index=False).encode(), "text/csv"
        )
        opened.text_input(key="predictions_title").set_value(title)
        [button] = [button for button in opened.button if button.label == "Add the model"]
        button.click()
        again(opened)
        if title == "Bad":
            assert "No column for the class C" in opened.error[0].value
            assert store.list_runs().empty
    assert "Our *Swin-T* is added" in texts(opened)
    assert store.list_runs()["title"].tolist() == ["Our *Swin-T*"]
