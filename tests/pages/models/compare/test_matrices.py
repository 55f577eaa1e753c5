"""The section of confusion matrices: what the address opens, the films, the map."""

import numpy as np
import pytest

from cxrcore import datasets, index, store
from cxrcore.inference import Prediction
from pages.models.compare import cells
from pages.shared import prediction_cache
from pages.shared.text import literal
from tests.helpers.app import again, component, open_page, texts
from tests.helpers.tested import answered, keep

PAGE = "models/compare"
ONE, TWO = "cnn-plain-00000001", "cnn-plain-00000002"


@pytest.fixture
def runs(tiny):
    """Of the 12 films of class A, run 1 calls the last 8 B, the sooner the surer; run 2 is right."""
    truth = [list(tiny.classes).index(label) for label in tiny.table["label"]]
    called = [1 if 4 <= place < 12 else c for place, c in enumerate(truth)]
    sure = [0.95 - 0.01 * place for place in range(36)]
    one = keep(tiny, 1, answered(tiny, called, sure))
    two = keep(tiny, 2, answered(tiny, truth, sure))
    for name in (ONE, TWO):
        store.annotate(name, title=name)
    return one, two


@pytest.fixture
def films(tiny, runs) -> list[str]:
    """Of the cell A called B of run 1, in order of certainty."""
    return tiny.table["image_id"].iloc[4:12].tolist()


def shown(at) -> list[str]:
    return [item["id"] for item in component(at, "cxr_thumbnails")["groups"][0]["items"]]


def test_without_a_cell_in_the_address_no_predictions_are_read(runs, monkeypatch):
    monkeypatch.setattr(cells, "_predictions", None)
    at = open_page(PAGE)
    assert "Choose a cell to see its films." in texts(at)
    assert component(at, "cxr_matrices")["selected"] is None
    assert not [e for e in at.main if getattr(e, "key", None) == "close_cell"]


def test_a_cell_in_the_address_shows_its_films_six_a_page_the_surest_first(runs, films):
    at = open_page(PAGE, runs=f"{ONE},{TWO}", cell=f"{ONE}~A~B")
    assert f"A called B · 8 films · {ONE}" in texts(at).replace("*", "")
    assert shown(at) == films[:6]
    first = component(at, "cxr_thumbnails")["groups"][0]["items"][0]
    assert first["lines"] == ["91 %"]
    assert [(m["sign"], m["meaning"]) for m in first["marks"]] == [("✓", f"{TWO}: right")]
    matrices = component(at, "cxr_matrices")
    number = [m["title"] for m in matrices["matrices"]].index(ONE)
    assert matrices["selected"] == [number, 0, 1]


def test_a_film_in_the_address_is_shown_large_on_its_page_with_what_every_run_says(runs, films):
    at = open_page(PAGE, runs=f"{ONE},{TWO}", cell=f"{ONE}~A~B", film=films[6])
    assert shown(at) == films[6:]
    assert component(at, "cxr_thumbnails")["selected"] == films[6]
    assert "Film 7 of 8" in texts(at)
    table = next(e.proto.body for e in at.main if e.type == "html" and "<table" in e.proto.body)
    rows = table.split("<tr>")[2:]
    wrong, right = sorted(rows, key=lambda row: TWO in row)
    assert "85 %" in wrong
    assert "✗ B" in wrong
    assert "85 %" in right
    assert "✓ A" in right


def test_next_turns_the_page_and_close_leaves_the_cell(runs, films):
    at = open_page(PAGE, cell=f"{ONE}~A~B", film=films[5])
    at.button(key="film_Next").click()
    again(at)
    assert at.query_params["film"] == films[6]
    assert shown(at) == films[6:]
    at.button(key="film_Previous").click()
    again(at)
    assert at.query_params["film"] == films[5]
    at.button(key="close_cell").click()
    again(at)
    assert "Choose a cell to see its films." in texts(at)
    assert not any(at.query_params.get(key) for key in ("cell", "film"))


@pytest.mark.parametrize(
    "cell", ["x", "~~", f"{ONE}~A~<b>", f"{ONE}~A~B~{ONE}~A", "../..~A~B", f"{ONE}~A~B~nobody"]
)
def test_a_cell_that_is_not_there_is_said_and_nothing_else_happens(runs, cell):
    at = open_page(PAGE, cell=cell, film="<script>")
    assert "The cell of this link is not among the runs shown." in texts(at)


def test_a_film_that_is_not_in_the_cell_is_not_opened(tiny, runs, films):
    at = open_page(PAGE, cell=f"{ONE}~A~B", film=tiny.table["image_id"].iloc[0])
    assert shown(at) == films[:6]
    assert "Film " not in texts(at)


def test_runs_of_a_link_that_are_not_here_are_named_and_the_others_are_shown(runs):
    at = open_page(PAGE, runs=f"{ONE},cnn-<b>gone")
    assert "This address names 1 run that is not here: cnn-" in texts(at)
    at = open_page("predict/live", runs="gone,gone,away")
    assert "This address names 2 runs that are not here: gone, away." in texts(at)


def test_an_empty_cell_says_so(runs):
    at = open_page(PAGE, cell=f"{ONE}~C~A")
    assert "No film is in this cell." in texts(at)


def test_films_that_left_the_dataset_are_counted(tiny, runs, films):
    for image_id in films[:2]:
        tiny.path_of(image_id).unlink()
    at = open_page(PAGE, cell=f"{ONE}~A~B")
    assert "2 films no longer in the dataset." in texts(at)
    assert shown(at) == films[2:]


def test_the_network_runs_only_when_its_map_is_asked_for(runs, films, monkeypatch):
    asked = []

    def predict(film, run_ids, class_name, **_):
        asked.append((run_ids, class_name))
        maps = {"grad-cam": np.zeros((32, 32), np.float32)}
        return [Prediction(run_ids[0], seen=np.zeros((32, 32), np.uint8), maps=maps)]

    monkeypatch.setattr(prediction_cache, "predict", predict)
    at = open_page(PAGE, cell=f"{ONE}~A~B", film=films[0])
    assert not asked
    at.button(key="look").click()
    again(at)
    assert asked == [((ONE,), "B")]
    assert f"Grad-CAM of {ONE} for B" in texts(at)
    at.button(key="film_Next").click()
    again(at)
    assert len(asked) == 1


def test_a_cell_of_agreement_shows_films_by_the_answers_of_both(runs, films):
    at = open_page(PAGE, cells="Agreement", cell=f"{ONE}~A~B~{TWO}")
    assert f"{TWO} says A, {ONE} says B · 8 films" in texts(at).replace("*", "")
    assert shown(at) == films[:6]
    (matrix,) = component(at, "cxr_matrices")["matrices"]
    assert np.sum(matrix["counts"]) == 36
    assert "They agree on 28 of the 36 films" in component(at, "cxr_matrices")["legend"]["text"]


def test_a_difference_leaves_the_reference_out(runs):
    at = open_page(PAGE, cells="Difference", reference=ONE)
    (matrix,) = component(at, "cxr_matrices")["matrices"]
    assert matrix["title"] == TWO
    assert matrix["texts"][0] == ["+67", "−67", "0"]


def test_the_largest_errors_are_listed_the_largest_first(runs):
    listing = component(open_page(PAGE), "cxr_matrices")["listing"]
    assert [place[1:] for place in listing["places"]] == [[0, 1]]


def test_one_run_alone_is_compared_with_nothing(runs):
    at = open_page(PAGE, runs=ONE, cell=f"{ONE}~A~B")
    offered = next(e for e in at.main if getattr(e, "key", None) == "cells")
    assert list(offered.options) == ["Films", "Share of true class", "Share of predicted class"]
    assert component(at, "cxr_thumbnails")["groups"][0]["items"][0]["marks"] == []


def test_names_with_markup_are_text(make_tiny_dataset):
    classes = ("a__b", "<img src=x onerror=alert(1)>", "*c* :red[d]")
    dataset = datasets.register("tiny", make_tiny_dataset("odd", classes=classes, patients=2))
    index.measure(dataset)
    names = list(dataset.classes)
    keep(dataset, 1, answered(dataset, [1, 1, 1], [0.9] * 3))
    at = open_page(
        PAGE, cell=f"{ONE}~{names[0]}~{names[1]}", film=dataset.table["image_id"].iloc[0]
    )
    headline = next(m.value for m in at.main.markdown if " called " in m.value)
    assert headline.startswith(f"**{literal(names[0])} called {literal(names[1])}**")
    table = next(e.proto.body for e in at.main if e.type == "html" and "<table" in e.proto.body)
    assert "&lt;img src=x" in table
    assert "<img" not in table
