"""The Compare page: verdict, ranks, intervals, what is compared and why not."""

import html
import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest

from cxrcore import comparison, jobs, store, work
from tests.helpers.app import again, open_page, read, texts
from tests.helpers.tested import answered, keep

PAGE = "models/compare"
RIGHT, WRONG = "cnn-plain-00000001", "cnn-plain-00000002"


@pytest.fixture
def runs(tiny):
    """Run 1 knows every image; run 2 takes all of class A for B."""
    truth = np.array([list(tiny.classes).index(label) for label in tiny.table["label"]])
    keep(tiny, 1, answered(tiny, truth, np.full(36, 0.9)))
    keep(tiny, 2, answered(tiny, np.where(truth == 0, 1, truth), np.full(36, 0.8)))
    return store.titles("tiny")


def verdict(at) -> str:
    [body] = [
        e.proto.body for e in at.main if e.type == "html" and 'class="verdict"' in e.proto.body
    ]
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "", body))


def test_the_verdict_is_that_of_the_comparison_and_follows_metric_and_class(runs):
    at = open_page(PAGE)
    found = comparison.compare(comparison.subjects([RIGHT, WRONG]))
    assert verdict(at) == comparison.verdict(found, runs).text
    at.selectbox(key="metric").set_value("recall")
    again(at)
    at.selectbox(key="of_tiny").set_value("B")
    again(at)
    assert at.dataframe[0].value.columns[5] == "Recall B"
    assert "B" in verdict(at)
    found = comparison.compare(comparison.subjects([RIGHT, WRONG]), "recall", "B")
    assert verdict(at) == comparison.verdict(found, runs).text


def test_every_metric_has_its_value_beside_its_interval(tiny, runs):
    at = open_page(PAGE)
    table = at.dataframe[0].value.set_index("Id")
    assert table.loc[[RIGHT, WRONG], "Rank"].tolist() == ["1", "2"]
    bounds = comparison.intervals(comparison.subjects([RIGHT, WRONG]))
    assert table.loc[WRONG, "Accuracy"] == pytest.approx(24 / 36)
    assert bounds.loc[WRONG, "accuracy_low"] < 24 / 36 < bounds.loc[WRONG, "accuracy_high"]
    for name in ("Accuracy", "Recall A", "AUC C", "Log loss"):
        assert table.loc[WRONG, f"{name}, 95 %"].startswith("data:image/svg+xml")
    hidden = {
        name: c.get("hidden") for name, c in json.loads(at.dataframe[0].proto.columns).items()
    }
    assert not hidden["Accuracy, 95 %"]
    assert hidden["AUC C, 95 %"]
    assert hidden["Id"]


def test_recall_first_and_accuracy_where_it_ties_is_one_click(tiny, runs):
    truth = np.array([list(tiny.classes).index(label) for label in tiny.table["label"]])
    # As good on class A as run 1, but worse on the others, and first by its name.
    keep(tiny, 0, answered(tiny, np.where(truth == 1, 2, truth), np.full(36, 0.9)))
    at = open_page(PAGE)
    at.toggle(key="by_accuracy").set_value(True)
    again(at)
    assert at.selectbox(key="metric").value == "recall"
    assert at.dataframe[0].value["Id"].tolist() == [RIGHT, "cnn-plain-00000000", WRONG]
    said = f"{runs[RIGHT]} has the best recall of A, 1.000, as 1 other, and of them the highest accuracy"
    assert said in texts(at).replace("**", "")


def test_pairs_are_said_in_words_and_as_a_matrix(runs):
    at = open_page(PAGE)
    found = comparison.compare(comparison.subjects([RIGHT, WRONG]))
    [pair] = found.pairs
    assert comparison.sentence(pair, found, runs) in [text.value for text in at.text]
    [matrix] = [
        e.proto.body for e in at.main if e.type == "html" and 'class="pairs"' in e.proto.body
    ]
    assert "+0.333" in matrix
    assert "-0.333" in matrix
    assert matrix.count('class="better"') == matrix.count('class="worse"') == 1


def test_runs_on_other_films_are_compared_on_those_in_common_with_a_reason(tiny, runs):
    truth = np.array([list(tiny.classes).index(label) for label in tiny.table["label"]])
    rows = list(range(6, 36))
    keep(tiny, 3, answered(tiny, truth[rows], np.full(30, 0.9)), rows)
    at = open_page(PAGE)
    assert "Compared on the 30 images that all runs were tested on" in [
        e.label for e in at.expander
    ]
    said = [text.value for text in at.text]
    digest = comparison.compare(comparison.subjects([RIGHT, WRONG, "cnn-plain-00000003"])).common
    assert f"Digest of the images in common: {digest.digest}" in said
    assert any("Compared are the 30 films" in text for text in said)


def test_a_large_comparison_is_computed_by_a_job(tiny, runs, monkeypatch):
    asked, active = [], jobs.Job(
        job_id="j", kind="comparison", title="Comparing", state="running", created=datetime.now(UTC)
    )  # fmt: skip
    monkeypatch.setattr(comparison, "heavy", lambda _: True)
    monkeypatch.setattr(work, "find", lambda kind, **_: active if asked else None)
    monkeypatch.setattr(jobs, "list_jobs", lambda: [active])
    monkeypatch.setattr(work, "submit_comparison", lambda *what: asked.append(what) or active)
    at = open_page(PAGE)
    assert asked == [([WRONG, RIGHT], "accuracy", "")]
    assert any("The runs are being compared" in info.value for info in at.info)
    chosen = comparison.subjects([WRONG, RIGHT])
    comparison.compare(chosen)
    comparison.intervals(chosen)
    assert verdict(again(at)).startswith(runs[RIGHT])


def test_a_comparison_that_failed_says_why_and_can_be_tried_again(tiny, runs, monkeypatch):
    failed = jobs.Job(
        job_id="j", kind="comparison", title="Comparing", state="failed", message="The disk is full.",
        created=datetime.now(UTC),
    )  # fmt: skip
    monkeypatch.setattr(comparison, "heavy", lambda _: True)
    monkeypatch.setattr(work, "find", lambda *_, **__: failed)
    at = open_page(PAGE)
    assert "The disk is full." in read(at.error[0].value)
    assert any(button.label == "Try again" for button in at.button)


def test_presenting_leaves_the_verdict_and_takes_menu_and_reports(runs):
    at = open_page(PAGE, present="true")
    assert verdict(at)
    assert "Menu" not in at.dataframe[0].value
    assert not any("detail" in expander.label for expander in at.expander)


def test_titles_and_classes_of_hostile_people_are_text(tiny, runs):
    store.annotate(RIGHT, title="<script>alert(1)</script> ~~x~~")
    at = open_page(PAGE)
    bodies = "".join(e.proto.body for e in at.main if e.type == "html")
    assert "<script" not in bodies
    assert verdict(at).startswith("<script>alert(1)</script> ~~x~~ ")
