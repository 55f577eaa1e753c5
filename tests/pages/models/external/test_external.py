"""The page of other test sets: trained on x, tested on y, and starting such a test."""

import dataclasses

import numpy as np
import pytest

from cxrcore import datasets, external, jobs, store, work
from tests.helpers import elsewhere, tested
from tests.helpers.app import open_page, texts

PAGE = "models/external"


@pytest.fixture
def home(tiny):
    return elsewhere.home_run(tiny)


@pytest.fixture
def other(tiny, make_tiny_dataset):
    return datasets.register("other", make_tiny_dataset(classes=("A", "<b>X"), side=32))


def test_the_matrix_shows_what_is_reached_and_lost(home, other, tiny):
    truth = (other.table["label"] != "A").to_numpy(int)
    given = np.random.default_rng(3).dirichlet(np.ones(3), len(truth))
    labels = other.table["label"].replace("<b>X", "B")
    films = dataclasses.replace(other, classes=tiny.classes, table=other.table.assign(label=labels))
    there = store.Home(run_id=home.run_id, dataset="tiny", fingerprint=tiny.fingerprint, mapping={})
    tested.keep(films, 2, given, recipe=home.recipe, home=there, write=None)
    store.annotate(home.run_id, title="<script>")
    at = open_page(PAGE, dataset="tiny", external_metric="accuracy")
    [table] = [html.value for html in at.main.get("html") if "elsewhere" in html.value]
    row = external.table("accuracy").iloc[0]
    assert f"<b>{row['value']:.2f}</b>" in table
    assert "&lt;script&gt;" in table
    assert "<script>" not in table
    word = "lost" if row["drop"] >= 0 else "gained"
    assert f"{word} {abs(row['drop']):.2f}" in table
    assert "classes: A, B" in table
    [details] = [frame.value for frame in at.dataframe if "Tested on" in frame.value]
    assert details["Tested on"].tolist() == ["other", "tiny"]


def test_a_test_is_started_with_what_the_labels_stand_for(home, other, monkeypatch):
    submitted = []
    monkeypatch.setattr(jobs, "start", submitted.append)
    at = open_page(PAGE, dataset="tiny")
    assert "No model has been tested elsewhere yet" in texts(at)
    [button] = [button for button in at.main.button if button.label.startswith("Test on")]
    button.click().run()
    assert not at.exception
    [spec] = submitted
    assert spec.details == {
        "run_id": home.run_id, "dataset": "other", "mapping": {"A": "A", "<b>X": ""},
    }  # fmt: skip
    assert spec.job_id == work.external.job_id(**spec.details)


def test_pages_that_ask_a_network_leave_out_runs_that_have_none(tiny, make_tiny_dataset):
    shares = np.random.default_rng(1).dirichlet(np.ones(3), len(tiny.table))
    tested.keep(tiny, 3, shares, imported="swin.csv (00)", write=None)
    for page in ("predict/live", "predict/batch"):
        assert "predictions without a network" in texts(open_page(page, dataset="tiny"))
    for page in ("models/compare", "models/errors", "models/thresholds", "data/overview"):
        open_page(page, dataset="tiny")  # draws without an exception
