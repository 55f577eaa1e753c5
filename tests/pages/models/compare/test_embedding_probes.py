"""A file of embeddings dropped on Compare, and a probe on it."""

import io

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from cxrcore import embeddings, jobs
from tests.conftest import ROOT
from tests.helpers.app import again, texts


@pytest.fixture
def opened(tiny):
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["dataset"] = "tiny"
    at._page_hash = calc_hash("compare")
    at.session_state["embeddings_open"] = True
    return again(at)


def test_a_file_is_kept_or_refused_and_a_probe_is_started(opened, tiny, monkeypatch):
    submitted = []
    monkeypatch.setattr(jobs, "start", submitted.append)
    paths = tiny.table["path"].to_numpy(str)
    for count in (3, len(paths)):
        file = io.BytesIO()
        np.savez(file, path=paths[:count], v=np.arange(count * 2.0).reshape(-1, 2))
        upload = opened.file_uploader(key="embeddings_file")
        upload.upload("v.npz", file.getvalue(), "application/zip")
        opened.text_input(key="embeddings_name").set_value("rad-dino")
        [button] = [button for button in opened.button if button.label == "Add the embeddings"]
        button.click()
        again(opened)
        if count == 3:
            assert "films of tiny have no vector" in opened.error[0].value
            assert embeddings.listed("tiny") == []
    assert f"rad-dino is added: vectors of {len(paths)} films" in texts(opened).replace(
        "&#45;", "-"
    )
    [record] = embeddings.listed("tiny")
    assert (record.films, record.width, record.file) == (len(paths), 2, "v.npz")
    [button] = [button for button in opened.button if button.label == "Train the probe"]
    button.click()
    again(opened)
    [spec] = submitted
    assert (spec.details["embeddings"], spec.details["probe"]) == ("rad-dino", "linear")
    opened.button(key="embeddings_delete").click()
    again(opened)
    assert embeddings.listed("tiny") == []
