"""Changing the film on the live page: the answers follow, the checks are those of the film as it came."""

import numpy as np
import pytest

from cxrcore.gate import Finding, Report
from cxrcore.perturbations import PERTURBATIONS, erase, perturb
from pages.predict.live import answers, eraser_component, what_if
from pages.shared import prediction_cache
from tests.helpers.app import again, component, open_page, read, texts
from tests.helpers.live import Models, rows, runs

PAGE = "predict/live"
BOX = (4, 6, 10, 8)
FOUND = Report((Finding("letters", "A letter is burnt in", "warning", boxes=(BOX,)),), False, {})


class Bright(Models):
    """Models that are as sure of the first class as the film is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.films = []

    def predict(self, film, run_ids, class_name, **given):
        self.films.append(film)
        share = float(film.gray.mean()) / 255
        self.shares = dict.fromkeys(run_ids, (share, 1 - share, 0.0))
        return super().predict(film, run_ids, class_name, **given)


@pytest.fixture
def models(monkeypatch):
    models = Bright()
    monkeypatch.setattr(prediction_cache, "predict", models.predict)
    monkeypatch.setattr(answers, "check", lambda *_: FOUND)
    monkeypatch.setattr(answers, "warm", lambda runs: None)
    return models


@pytest.fixture
def page(tiny, models):
    runs(tiny)
    return open_page(PAGE)


def share(at) -> float:
    return rows(at)[0]["bars"][0]["share"]


def slide(at, name: str, value):
    at.slider(key=f"what_if_{name}").set_value(value)
    return again(at)


def button(at, label: str):
    return next(button for button in at.button if button.label == label)


def test_answers_follow_a_slider_and_the_head_says_what_was_changed(page, models):
    before, original = share(page), models.films[-1]
    slide(page, "brightness", 20)
    expected = perturb(original.gray, {"brightness": 20})[0].mean() / 255
    assert share(page) == pytest.approx(expected, abs=1e-6) != before
    assert "changed: Brightness 20 %" in read(texts(page))


def test_undo_gives_back_the_film_as_it_came(page):
    before = share(page)
    slide(page, "gamma", 2.0)
    slide(page, "noise", 30)
    assert share(page) != before
    button(page, "Undo all changes").click()
    again(page)
    assert share(page) == pytest.approx(before)
    assert "changed:" not in read(texts(page))
    assert not [b for b in page.button if b.label == "Undo all changes"]


def test_the_checks_are_those_of_the_film_as_it_came(page, monkeypatch):
    checked = []
    monkeypatch.setattr(answers, "check", lambda film, *_: checked.append(film.digest) or FOUND)
    again(page)
    slide(page, "rotation", 30)
    assert len(set(checked)) == 1


def test_letters_that_were_found_can_be_painted_out(page, models):
    original = next(film for film in models.films if film.gray.size)
    button(page, "Paint out the letters").click()
    again(page)
    assert (models.films[-2].gray == erase(original.gray, BOX)).all() or (
        models.films[-1].gray == erase(original.gray, BOX)
    ).all()
    assert "1 part erased" in read(texts(page))
    assert not [b for b in page.button if b.label == "Paint out the letters"]


def test_erased_parts_belong_to_one_film(page, tiny):
    button(page, "Paint out the letters").click()
    again(page)
    other = open_page(PAGE, image=tiny.table["image_id"].iloc[-1])
    other.session_state[what_if._BOXES] = page.session_state[what_if._BOXES]
    again(other)
    assert "erased" not in read(texts(other))


def test_without_a_mask_no_region_is_offered(page):
    assert not [c for c in page.get("button_group") if c.label == "Show the models"]


def test_a_chart_shows_how_answers_follow_a_change(page, models):
    asked = len(models.films)
    page.session_state["live_response"] = True
    page.session_state["response_change"] = "contrast"
    again(page)
    assert len(page.get("plotly_chart")) == 1
    assert len(models.films) - asked >= len(PERTURBATIONS["contrast"].strengths())
    assert "Most affected" in texts(page)


@pytest.mark.parametrize(
    ("sent", "box"),
    [
        ([1.2, 2.8, 5.0, 5.0], (1, 2, 6, 6)),
        ([-5, -5, 10, 10], (0, 0, 5, 5)),
        ([50, 30, 100, 100], (50, 30, 10, 10)),
        ([70, 0, 5, 5], None),
        ([0, 0, 0, 0], None),
        ([0, 0, float("nan"), 1], None),
        (["0", 0, 1, 1], None),
        ([True, 0, 1, 1], None),
        ([1, 2, 3], None),
        ("box", None),
        (None, None),
    ],
)
def test_only_a_box_on_the_film_is_taken_from_the_browser(sent, box):
    assert eraser_component._valid(sent, 60, 40) == box


def test_the_eraser_shows_the_film_as_it_is_by_now(page):
    page.session_state["what_if_erase"] = True
    again(page)
    first = component(page, "cxr_eraser")
    assert (first["width"], first["height"]) == tuple(reversed(np.array(first_shape(page))))
    button(page, "Paint out the letters").click()
    again(page)
    assert component(page, "cxr_eraser")["src"] != first["src"]


def first_shape(at) -> tuple[int, int]:
    drawn = component(at, "cxr_live")["film"]
    return drawn["height"], drawn["width"]
