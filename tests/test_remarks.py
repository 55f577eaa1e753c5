"""What a reader must know before trusting a figure."""

from dataclasses import replace

import numpy as np
import pytest

from cxrcore.index import load as load_index
from cxrcore.remarks import FEW, remarks
from cxrcore.splits import Leaks
from cxrcore.store import Run
from cxrcore.store.lung_shares import KeptShare
from tests.helpers.runs import made_up


def titles(*given) -> list[str]:
    return [remark.title for remark in remarks(*given)]


@pytest.fixture
def images(tiny):
    measured = load_index(tiny)
    extra = measured.table.columns.difference(tiny.table.columns)
    return tiny.table.join(measured.table[extra])


def test_leaks_come_first_and_few_images_last(tiny, images):
    found = remarks(tiny, images, [made_up()])
    assert found[0].title == "Test images leak"
    assert "1 of 10" in found[0].text
    assert found[-1].title == "Few test images"
    assert "COVID | 19 has 4" in found[-1].text


def test_a_clean_run_has_no_remark_on_leaks(tiny, images):
    clean = Leaks(test_images=10, found=(), patients_known=1.0, duplicates_searched=True)
    assert "Test images leak" not in titles(tiny, images, [made_up(leaks=clean)])
    assert "Test images leak" not in titles(tiny, images, [made_up(leaks=None)])


def test_quality_that_gives_the_class_away_is_a_remark_with_its_share_of_pairs(tiny, images):
    ranks = np.where(images["label"] == "A", 10.0, 50.0) + np.arange(len(images)) / 100
    found = remarks(tiny, images.assign(brisque=ranks), [])
    quality = next(remark for remark in found if remark.page == "quality")
    assert quality.title == "Image quality tells the class"
    assert "A from the rest in 100 of 100 pairs" in quality.text


def test_quality_without_a_difference_is_no_remark(tiny, images):
    same = np.tile(np.arange(12.0), 3)
    assert len(images) == len(same)
    assert "Image quality tells the class" not in titles(tiny, images.assign(brisque=same), [])


def test_sources_that_go_with_the_classes_are_a_remark(tiny):
    told = replace(tiny, table=tiny.table.assign(source="hospital " + tiny.table["label"]))
    assert titles(told, None, [])[0] == "The source tells the class"
    mixed = replace(tiny, table=tiny.table.assign(source=["one", "two"] * (len(tiny.table) // 2)))
    assert "The source tells the class" not in titles(mixed, None, [])


def test_unknown_patients_are_a_remark(tiny):
    unknown = replace(tiny, table=tiny.table.assign(patient_id=None))
    assert titles(unknown, None, []) == ["Patients are unknown"]
    assert titles(tiny, None, []) == []


def test_damaged_images_are_counted(tiny, images):
    damaged = images.assign(error=["broken", *[None] * (len(images) - 1)])
    assert "1 image cannot be read and is left out." in [
        remark.text for remark in remarks(tiny, damaged, [])
    ]


def test_enough_test_images_are_no_remark(tiny):
    run = made_up(leaks=None)
    test = run.metrics["test"]
    many = test.model_copy(
        update={"classes": [row.model_copy(update={"support": FEW}) for row in test.classes]}
    )
    assert titles(tiny, None, [run.model_copy(update={"metrics": {"test": many}})]) == []


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.19), (0.1, 0.3), (0.3, 0.4), (None, None)])
def test_maps_beside_the_lungs_are_a_remark_where_that_is_sure(tiny, monkeypatch, low, high):
    share = KeptShare(mean=0.15, low=low, high=high, area=0.25, films=40, masks="")
    monkeypatch.setattr(Run, "lung_share", share)
    found = [r for r in remarks(tiny, None, [made_up()]) if r.title == "Maps lie beside the lungs"]
    assert bool(found) == (high == 0.19)
    if found:
        assert "15%, where the lungs are 25%" in found[0].text
        assert found[0].page == "compare"
