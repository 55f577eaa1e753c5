"""The overview: what the data are, which model is best, whether that is sure, what to do next."""

import html
import re
from datetime import UTC, datetime

import pytest

from cxrcore import comparison, jobs, store, work
from cxrcore.splits import Leak, Leaks
from cxrcore.store.lung_shares import KeptShare
from tests.helpers.app import open_page, texts
from tests.helpers.tested import answered, keep

PAGE = "data/overview"


def drawn(at) -> str:
    """The text of the page's own HTML."""
    bodies = [e.proto.body for e in at.main if e.type == "html"]
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", "\n".join(bodies), flags=re.S))


@pytest.fixture
def runs(tiny):
    """Run 1 knows every image; run 2 takes all of class A for B."""
    truth = [list(tiny.classes).index(label) for label in tiny.table["label"]]
    wrong = [1 if true == 0 else true for true in truth]
    return [
        keep(tiny, 1, answered(tiny, truth, [0.9] * 36)),
        keep(tiny, 2, answered(tiny, wrong, [0.8] * 36)),
    ]


def test_without_a_run_it_says_how_to_get_one_and_what_the_data_are(tiny):
    at = open_page(PAGE)
    assert "No model has been trained" in at.info[0].value
    text = drawn(at)
    assert re.search(r"Images\s+36\s+12 A · 12 B · 12 C", text)
    assert re.search(r"Patients\s+24\s+known for 100% of the images", text)


def test_the_first_training_is_shown_as_it_goes(tiny, monkeypatch):
    job = jobs.Job(
        job_id="j", kind="train", title="Net", state="running", dataset="tiny", share=0.25,
        created=datetime.now(UTC),
    )  # fmt: skip
    monkeypatch.setattr(jobs, "list_jobs", lambda: [job])
    assert "The first model is being trained" in open_page(PAGE).info[0].value


def test_the_verdict_and_the_table_are_those_of_the_comparison(tiny, runs):
    text = drawn(open_page(PAGE))
    names = [run.run_id for run in runs]
    found = comparison.compare(comparison.subjects(names), "accuracy")
    said = comparison.verdict(found, store.titles("tiny")).text
    assert re.sub(r"\s+", " ", said) in re.sub(r"\s+", " ", text)
    best = text.index("Plain CNN · 00000001", text.index("Rank"))
    assert best < text.index("Plain CNN · 00000002", text.index("Rank"))
    assert [figure.ranks for figure in found.figures] == [(1, 1), (2, 2)]
    assert re.search(r"Rank.*\s1\s.*\s2\s", text, flags=re.S)


def test_while_runs_are_compared_it_says_what_the_data_are(tiny, runs, monkeypatch):
    active = jobs.Job(
        job_id="j", kind="comparison", title="Comparing", state="running", created=datetime.now(UTC)
    )  # fmt: skip
    monkeypatch.setattr(comparison, "heavy", lambda _: True)
    monkeypatch.setattr(work, "find", lambda kind, **_: active)
    monkeypatch.setattr(jobs, "list_jobs", lambda: [active])
    at = open_page(PAGE)
    assert any("The runs are being compared" in info.value for info in at.info)
    assert re.search(r"Images\s+36", drawn(at))
    assert "Rank" not in drawn(at)


def test_of_many_models_the_most_accurate_are_shown_however_old_they_are(tiny):
    truth = [list(tiny.classes).index(label) for label in tiny.table["label"]]
    for number in range(1, 8):  # each newer run has two more mistakes
        answers = [(true + 1) % 3 if row < 2 * number else true for row, true in enumerate(truth)]
        keep(tiny, number, answered(tiny, answers, [0.9] * 36))
    at = open_page(PAGE)
    assert "The 5 most accurate of 7 models" in [head.value for head in at.subheader]
    table = drawn(at).split("Rank", 1)[1]
    assert re.findall(r"Plain CNN · 0000000(\d)", table)[:5] == ["1", "2", "3", "4", "5"]
    assert "The best of many" in texts(at)


def test_titles_with_brackets_and_stops_stand_whole_in_the_claim(tiny, runs):
    for run, title in zip(runs, ("Ours (v1. final)", "Theirs: (ONNX)"), strict=True):
        store.annotate(run.run_id, title=title)
    bodies = [e.proto.body for e in open_page(PAGE).main if e.type == "html"]
    [claim] = re.findall(r'class="verdict".*?<b>(.*?)</b>', " ".join(bodies))
    assert claim == "Ours (v1. final) calls more films correctly than Theirs: (ONNX)"


def test_the_matrix_is_that_of_the_first_run(tiny, runs):
    text = drawn(open_page(PAGE))
    assert runs[0].metrics["test"].confusion == [[12, 0, 0], [0, 12, 0], [0, 0, 12]]
    matrix = text[text.rindex(" 12 ", 0, text.rindex(" 12 ", 0, text.rindex(" 12 "))) :]
    assert matrix.split() == "12 0 0 B 0 12 0 C 0 0 12".split()


def test_leaks_are_what_to_take_care_of_first(tiny, runs):
    truth = [list(tiny.classes).index(label) for label in tiny.table["label"]]
    leak = Leak(image_id="a", partner="b", why="patient")
    leaks = Leaks(test_images=36, found=(leak,), patients_known=1.0, duplicates_searched=True)
    keep(tiny, 3, answered(tiny, truth, [0.9] * 36), leaks=leaks)
    assert re.search(r"Take care\s+Test images leak\s+1 of 36", drawn(open_page(PAGE)))


def test_recall_of_covid_is_asked_first_where_there_is_such_a_class(make_tiny_dataset):
    from cxrcore import datasets, index

    folder = make_tiny_dataset("covid", classes=("COVID-19", "Normal"))
    dataset = datasets.register("covid", folder)
    index.measure(dataset)
    truth = [list(dataset.classes).index(label) for label in dataset.table["label"]]
    keep(dataset, 1, answered(dataset, truth, [0.9] * len(truth)))
    text = drawn(open_page(PAGE))
    assert "Recall COVID-19, 95 %" in text


def test_how_much_of_the_maps_lies_in_the_lungs_stands_beside_each_model(tiny, runs, monkeypatch):
    assert "Maps in the lungs" not in drawn(open_page(PAGE))
    share = KeptShare(mean=0.41, low=0.35, high=0.45, area=0.25, films=9, masks="")
    first = runs[0].run_id
    monkeypatch.setattr(
        store.Run, "lung_share", property(lambda run: share if run.run_id == first else None)
    )
    assert re.search(
        r"Maps in the lungs.*1.00\s+41%\s+25% by chance.*0.67\s+–", drawn(open_page(PAGE)), re.S
    )


def test_hostile_titles_are_text(tiny, runs):
    store.annotate(runs[0].run_id, title="<img src=x onerror=alert(1)> **b**")
    at = open_page(PAGE)
    bodies = "\n".join(e.proto.body for e in at.main if e.type == "html")
    assert "<img src=x" not in bodies
    assert "&lt;img src=x onerror=alert(1)&gt; **b**" in bodies


def test_presenting_hides_what_only_whoever_trains_needs(tiny, runs):
    at = open_page(PAGE, present="true")
    assert not at.sidebar.children
    assert at.toggle(key="present").value
    assert "see it" not in texts(at)
    at.toggle(key="present").set_value(False).run()
    assert at.sidebar.children
