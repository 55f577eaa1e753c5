"""Answers to films: each run is asked once, what changed is asked again, memory is bounded."""

import dataclasses
import functools
import os

import numpy as np
import pytest

from cxrcore import settings
from cxrcore.errors import ImageError
from cxrcore.inference import Film, Prediction, Wait
from pages.shared import prediction_cache
from pages.shared.prediction_cache import Kept

FILM = Film("a.png", "0" * 32, np.zeros((32, 32), np.uint8))


class FakeWorker:
    """Answers with an error as often as it is told to, then well."""

    def __init__(self, failures: int = 0) -> None:
        self.asked, self.failures = [], failures

    def predict(self, image, run_ids, **options: object) -> list[Prediction]:
        self.asked.append(list(run_ids))
        self.options = options
        error = "out of memory" if len(self.asked) <= self.failures else None
        return [Prediction(run_id=run_id, error=error) for run_id in run_ids]


@pytest.fixture
def worker(monkeypatch):
    fake = FakeWorker()
    monkeypatch.setattr(prediction_cache, "worker", lambda: fake)
    monkeypatch.setattr(prediction_cache, "_answers", functools.cache(lambda: Kept(10**6)))
    return fake


def test_each_run_is_asked_once_and_answers_come_in_the_order_asked(worker):
    prediction_cache.predict(FILM, ("a", "b"), None)
    found = prediction_cache.predict(FILM, ("c", "b", "a"), None)
    assert worker.asked == [["a", "b"], ["c"]]
    assert [answer.run_id for answer in found] == ["c", "b", "a"]


@pytest.mark.parametrize(
    "change",
    [
        {"class_name": "Normal"},
        {"methods": ("rise",)},
        {"layer": "conv"},
        {"mask": np.eye(32, dtype=bool)},
        {"mask": ~np.eye(32, dtype=bool)},
        {"film": FILM.altered(FILM.gray, "erased")},
    ],
    ids=str,
)
def test_another_question_is_asked_anew(worker, change):
    question = {
        "film": FILM,
        "run_ids": ("a",),
        "class_name": None,
        "mask": np.ones((32, 32), bool),
    }
    for _ in range(2):
        prediction_cache.predict(**question)
        prediction_cache.predict(**(question | change))
    assert len(worker.asked) == 2


def test_a_failed_prediction_is_tried_again(worker):
    worker.failures = 1
    assert prediction_cache.predict(FILM, ("a",), None)[0].error
    assert prediction_cache.predict(FILM, ("a",), None)[0].error is None


def test_a_run_that_was_trained_again_is_asked_again(worker):
    record = settings.models_dir() / "a" / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    prediction_cache.predict(FILM, ("a",), None)
    os.utime(record, (1, 1))
    prediction_cache.predict(FILM, ("a",), None)
    assert len(worker.asked) == 2


def test_a_film_is_decoded_once(monkeypatch):
    calls = []

    class FakeDecoder:
        def decode(self, data, *, name, session, on_wait, page):
            calls.append(name)
            if data == b"bad":
                raise ImageError("bad.png is damaged.")
            return dataclasses.replace(FILM, name=name)

    monkeypatch.setattr(prediction_cache, "decoder", FakeDecoder)
    monkeypatch.setattr(prediction_cache, "_films", functools.cache(lambda: Kept(10**6)))
    for _ in range(2):
        assert prediction_cache.film("a.png", b"data").name == "a.png"
        assert prediction_cache.film("same.png", b"data").name == "same.png"
        with pytest.raises(ImageError):
            prediction_cache.film("bad.png", b"bad")
    assert calls == ["a.png", "same.png", "bad.png", "bad.png"]


def test_the_values_used_longest_ago_make_room():
    kept = Kept(100)
    for key in "abc":
        kept.put(key, key.upper(), 33)
    assert kept.get("a") == "A"
    kept.put("d", "D", 30)
    assert [kept.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    kept.put("a", "huge", 101)
    assert [kept.get(key) for key in "abcd"] == [None] * 4
    kept.put("b", "B", 100)
    assert kept.get("b") == "B"


def test_what_a_waiting_visitor_reads():
    told = []

    class Place:
        def caption(self, text):
            told.append(text)

        def progress(self, share, text):
            told.append(f"{share:.0%} {text}")

    tell = prediction_cache.telling(Place())
    for wait in (Wait(2), Wait(0), Wait(0, 1, 4)):
        tell(wait)
    assert told == ["2 before you …", "The models are looking …", "25% The models are looking …"]
