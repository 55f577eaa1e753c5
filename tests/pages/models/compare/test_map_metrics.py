"""Metrics of maps on the Compare page: what is not computed is offered, what is known is shown."""

import numpy as np
import pytest

from cxrcore import store, work
from cxrcore.store import lung_shares
from cxrcore.store.lung_shares import KeptShare
from tests.helpers.app import again, open_page, texts
from tests.helpers.tested import answered, keep

PAGE = "models/compare"


@pytest.fixture
def two(tiny):
    truth = np.array([list(tiny.classes).index(label) for label in tiny.table["label"]])
    return [keep(tiny, number, answered(tiny, truth, np.full(36, 0.9))) for number in (1, 2)]


def test_a_share_that_is_known_has_its_interval_and_the_others_are_offered(two, monkeypatch):
    asked = []
    monkeypatch.setattr(work, "submit_explanations", asked.append)
    kept = KeptShare(mean=0.375, low=0.25, high=0.5, area=0.4, films=36, masks="")
    lung_shares.keep(two[0], kept)
    at = open_page(PAGE)
    table = at.dataframe[0].value.set_index("Id")
    assert table["In lungs"].fillna(-1).to_dict() == {two[0].run_id: 0.375, two[1].run_id: -1}
    assert table.loc[two[0].run_id, "In lungs, 95 %"] != table.loc[two[1].run_id, "In lungs, 95 %"]
    assert "In-lung share** is not computed yet for" in texts(at)
    assert f"{kept.sentence}" in texts(at)
    [button] = [b for b in at.button if b.label == "Compute it for 1 model"]
    button.click()
    again(at)
    assert asked == [two[1].run_id]


def test_nothing_is_offered_where_all_is_known(two):
    for run in two:
        kept = KeptShare(mean=0.4, low=None, high=None, area=0.4, films=1, masks="")
        lung_shares.keep(run, kept)
    assert "not computed yet" not in texts(open_page(PAGE))


def test_nor_for_a_network_from_elsewhere_whose_layers_are_not_known(two, monkeypatch):
    monkeypatch.setattr(store.Run, "has_layers", False)
    assert "Do the models look at the lungs?" not in texts(open_page(PAGE))
