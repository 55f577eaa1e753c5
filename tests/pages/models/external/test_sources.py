"""Leave one source out on the page of other test sets."""

import dataclasses

import numpy as np
import pytest

from cxrcore import jobs, models
from cxrcore.splits import SplitSpec
from tests.helpers.app import again, open_page, texts
from tests.helpers.tested import divided

PAGE = "models/external"


@pytest.fixture
def sourced(tiny, monkeypatch):
    names = np.where(np.arange(len(tiny.table)) % 3, "<b>Kerr*", "Lind")
    found = dataclasses.replace(
        tiny, table=tiny.table.assign(source=names).astype({"source": "str"})
    )
    monkeypatch.setattr("pages.shared.cache.chosen_dataset", lambda: found)
    monkeypatch.setattr("cxrcore.external.sources.FEWEST", 8)
    return found


def test_one_click_trains_without_each_source(sourced, monkeypatch):
    submitted = []
    monkeypatch.setattr(jobs, "start", submitted.append)
    at = open_page(PAGE, dataset="tiny")
    at.session_state["sources_open"] = True
    again(at)
    [table] = [frame.value for frame in at.dataframe if "Source left out" in frame.value]
    assert table["Source left out"].tolist() == ["<b>Kerr*", "Lind"]
    assert table["On that source"].tolist() == ["–", "–"]
    [button] = [button for button in at.main.button if button.label == "Train 2 models and test"]
    button.click().run()
    assert not at.exception
    assert [spec.details["split"]["without_source"] for spec in submitted] == ["<b>Kerr*", "Lind"]
    assert [spec.part for spec in submitted] == ["without <b>Kerr*", "without Lind"]


def test_it_opens_with_the_model_that_was_trained_without_a_source(sourced):
    divided(sourced, 1, 0.5)
    recipe = models.get("compact")
    divided(sourced, 2, 0.5, recipe=recipe, split=SplitSpec(without_source="Lind"))
    divided(sourced, 3, 0.5)
    at = open_page(PAGE, dataset="tiny")
    at.session_state["sources_open"] = True
    again(at)
    assert at.selectbox(key="sources_recipe_tiny").value == "compact"


def test_a_dataset_of_one_source_has_no_such_section(tiny):
    assert "Leave one source out" not in texts(open_page(PAGE, dataset="tiny"))
