"""Many films at once: a table of answers, and what cannot be read."""

import io

import numpy as np
import pytest
from PIL import Image

from cxrcore import store
from cxrcore.gate import Finding, Report
from pages.predict.live import answers
from pages.shared import prediction_cache
from tests.helpers.app import again, open_page, texts
from tests.helpers.live import Models, runs

PAGE = "predict/batch"
HELD = Report((Finding("chest", "Not a chest film", "withheld"),), True, {})


@pytest.fixture
def models(monkeypatch, tiny):
    models = Models()
    monkeypatch.setattr(prediction_cache, "predict", models.predict)
    monkeypatch.setattr(answers, "check", lambda *_: Report((), False, {}))
    models.runs = runs(tiny)
    return models


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 60), np.uint8)
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def predicted(*files: tuple[str, bytes]):
    at = open_page(PAGE)
    at.main.file_uploader[0].set_value([(*file, "image/png") for file in files])
    again(at)
    next(b for b in at.button if b.label.startswith("Predict")).click()
    return again(at)


def test_it_says_what_to_do_before_films_are_there(models):
    assert "Drop films above" in texts(open_page(PAGE))


def test_a_row_a_film_has_every_models_answer(models):
    first, second = models.runs
    models.shares[first.run_id] = (0.1, 0.7, 0.2)
    store.annotate(first.run_id, title="One")
    store.annotate(second.run_id, title="Two")
    at = predicted(("a.png", png(1)), ("b.png", png(2)))
    table = at.dataframe[0].value
    assert table["File"].tolist() == ["a.png", "b.png"]
    assert table["One"].tolist() == ["B 70%", "B 70%"]
    assert table["Two"].tolist() == ["A 60%", "A 60%"]
    assert table["Agree"].tolist() == ["no", "no"]
    assert "2 films." in texts(at)


def test_answers_follow_thresholds_and_temperatures(models):
    first = models.runs[0]
    models.shares[first.run_id] = (0.6, 0.3, 0.1)
    store.annotate(first.run_id, title="One", thresholds={"B": 0.25})
    table = predicted(("a.png", png(1))).dataframe[0].value
    assert table["One"].tolist() == ["B 30%"]


def test_a_film_that_cannot_be_read_is_a_row_with_the_reason(models):
    at = predicted(("broken.png", png(1)[:100]), ("a.png", png(2)))
    table = at.dataframe[0].value
    assert "broken.png" in table["Why not"].iloc[0]
    assert table.filter(like="Plain CNN").iloc[1].notna().all()
    assert "2 films, 1 could not be read." in texts(at)


def test_answers_that_mean_little_are_held_back(models, monkeypatch):
    monkeypatch.setattr(answers, "check", lambda *_: HELD)
    at = predicted(("hand.png", png(1)))
    table = at.dataframe[0].value
    assert table["Before you believe it"].tolist() == ["Not a chest film"]
    assert "held back" in table.iloc[0].tolist()
    assert "1 held back" in texts(at)


def test_a_name_that_reverses_what_follows_is_shown_without_that(models):
    table = predicted(("\u202egnp.exe.png", png(1))).dataframe[0].value
    assert table["File"].tolist() == ["gnp.exe.png"]
