"""The film on the overview: answers and maps of several runs, painted without a network."""

import re

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cxrcore import store, work
from cxrcore.jobs import Job
from cxrcore.jobs.model import now
from cxrcore.store.card import NOTICE
from pages.data.overview import answers, example_film
from pages.shared.entries import Entry, Family
from tests.conftest import ROOT
from tests.helpers.films import film
from tests.helpers.runs import made_up

HOSTILE = "<script>alert(1)</script> **bold** & \"q\" <img src=x onerror='1'>"


def keep(dataset, number: int, called: str) -> store.Run:
    """A run of the store that takes all test films, the first two of each class, for one class."""
    rows = dataset.table.groupby("label").head(2)
    shares = {f"p_{name}": np.float32(0.7 if name == called else 0.15) for name in dataset.classes}
    predictions = rows[["image_id", "path", "label"]].assign(split="test", predicted=called)
    columns = ["image_id", "path", "split", "label", "predicted", *shares]
    recipe = made_up().recipe.override(seed=number)
    facts = {"classes": list(dataset.classes), "dataset": dataset.name, "recipe": recipe}
    run = made_up(run_id=f"cnn-plain-{number:08x}", **facts)
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    table, features = predictions.assign(**shares)[columns], np.zeros((len(rows), 1))
    return store.save(run, lambda path: path.write_bytes(b"w"), table, history, features, "")


def explain(run: store.Run, strength: float = 1.0) -> None:
    """Keep example films of all its predictions, all of one made-up picture."""
    films = [
        store.Example.of(
            film(1, (32, 32)),
            np.float32(film(2, (32, 32))) * np.float32(strength),
            image_id=row.image_id,
            label=row.label,
            predicted=row.predicted,
            probabilities=(0.15, 0.15, 0.7),
        )
        for row in run.predictions().sort_values(["label", "image_id"]).itertuples()
    ]
    store.keep_examples(run, store.Examples(films=tuple(films), latency_ms=1.0, device="CPU"))


def script(titles: dict[str, str]) -> None:
    from cxrcore import datasets, store
    from pages.data.overview import example_film
    from pages.shared.entries import Entry

    entries = [Entry(store.load_run(name), title, "#0072b2") for name, title in titles.items()]
    example_film.show(entries, datasets.load("tiny"))


@pytest.fixture
def links(monkeypatch) -> list[tuple[str, str, dict[str, str] | None]]:
    """The links that are drawn: page, label, query."""
    drawn: list[tuple[str, str, dict[str, str] | None]] = []
    monkeypatch.setattr(
        st, "page_link", lambda page, *, label, query_params=None: drawn.append((page, label, query_params))
    )  # fmt: skip
    return drawn


@pytest.fixture
def job(monkeypatch) -> dict[str, object]:
    """The job that makes example films: how often it was `asked` for, and whether it `runs`."""
    known: dict[str, object] = {"asked": [], "runs": False}

    def submit(name: str) -> None:
        known["asked"].append(name)
        known["runs"] = True

    def find(kind: str, **details: str) -> Job | None:
        assert (kind, details) == ("examples", {"dataset": "tiny"})
        state = "running" if known["runs"] else "done"
        return Job(job_id="e", kind=kind, title="t", state=state, created=now())

    monkeypatch.setattr(work, "submit_examples", submit)
    monkeypatch.setattr(work, "find", find)
    return known


def opened(*runs: store.Run, titles: tuple[str, ...] = ()) -> AppTest:
    named = dict(zip([run.run_id for run in runs], titles or "ABCDEF", strict=False))
    at = AppTest.from_function(script, kwargs={"titles": named}, default_timeout=60).run()
    assert not at.exception, at.exception
    return at


def markup(at: AppTest) -> str:
    [element] = [e for e in at.main if e.type == "html"]
    return element.proto.body


def words(at: AppTest) -> list[str]:
    """What a screen reader says of each figure, without its picture."""
    figures = re.findall(r"<figcaption>(.*?)</figcaption>", markup(at))
    plain = [re.sub(r'<span aria-hidden="true">.*?</span>', "", text) for text in figures]
    plain = [re.sub(r"<[^>]+>", " ", text).replace("&nbsp;", " ") for text in plain]
    return [" ".join(text.split()) for text in plain]


def test_every_run_answers_one_film_in_words_and_next_turns_it_without_the_page(tiny, links, job):
    runs = [keep(tiny, number, called) for number, called in enumerate("AB")]
    for run in runs:
        explain(run)
    at = opened(*runs, titles=("First", "Second"))
    assert at.subheader[0].value == "One film, two answers"
    assert words(at) == ["The film A", "First A 70% right", "Second B 70% wrong"]
    assert markup(at).count('src="data:image/jpeg;base64,') == 3
    assert sum(NOTICE in caption.value for caption in at.caption) == 1
    first = tiny.table.loc[tiny.table["label"] == "A", "image_id"].head(2).min()
    query = {"image": first, "runs": f"{runs[0].run_id},{runs[1].run_id}"}
    live = example_film.LIVE
    assert links[-2:] == [
        (live, "Open in live prediction", query),
        (live, "Try your own film", None),
    ]
    assert (ROOT / live).is_file()
    assert job["asked"] == []  # nothing lacks
    truths = [words(at)[0]]
    for _ in range(6):
        at.button(key="next_film").click().run()
        truths.append(words(at)[0])
    assert truths == [f"The film {name}" for name in "AABBCCA"]


def test_runs_without_maps_get_them_unasked_once_while_the_others_are_shown(tiny, links, job):
    runs = [keep(tiny, number, called) for number, called in enumerate("AB")]
    explain(runs[0])
    at = opened(*runs)
    assert at.subheader[0].value == "One film, one answer"
    assert "The others follow in a moment." in at.caption[0].value
    at.run()
    assert job["asked"] == ["tiny"]
    explain(runs[1])
    job["runs"] = False
    at.run()
    assert at.subheader[0].value == "One film, two answers"
    assert "follow" not in at.caption[0].value
    assert job["asked"] == ["tiny"]


def test_before_any_map_is_made_the_answers_are_those_of_the_predictions(tiny, links, job):
    runs = [keep(tiny, number, called) for number, called in enumerate("AB")]
    at = opened(*runs, titles=("First", "Second"))
    assert words(at) == ["The film A", "First A 70% right", "Second B 70% wrong"]
    assert markup(at).count("<img") == 1  # the film
    assert at.caption[0].value == f"Where each looked follows in a moment. {NOTICE}"
    assert job["asked"] == ["tiny"]


def test_what_could_not_be_made_is_said_and_not_asked_for_again(tiny, links, job):
    run = keep(tiny, 0, "A")
    at = opened(run)
    job["runs"] = False
    at.run()
    assert job["asked"] == ["tiny"]
    assert at.caption[0].value.startswith(
        "Some maps could not be made; the log of that job says why."
    )


def test_a_map_that_is_empty_says_so(tiny, links, job):
    run = keep(tiny, 0, "A")
    explain(run, strength=0.0)
    assert words(opened(run))[1] == "A A 70% right no region speaks for it"


def test_titles_that_people_wrote_are_text(tiny, links, job):
    run = keep(tiny, 0, "A")
    explain(run)
    shown = markup(opened(run, titles=(HOSTILE,)))
    assert "<script>" not in shown
    assert shown.count("<img") == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **bold** &amp; &quot;q&quot;" in shown


def test_of_a_family_the_first_run_answers(tiny, links, job):
    runs = [keep(tiny, number, called) for number, called in enumerate("AB")]
    for run in runs:
        explain(run)
    found = answers.find([Entry(Family("f", tuple(runs)), "Folds", "#0072b2")])
    assert {answer.run.run_id for given in found.answers.values() for answer in given} == {
        runs[0].run_id
    }
    drawn = example_film._answer(next(iter(found.answers.values()))[0])
    assert "<small>the first of 2 runs</small>" in drawn


def test_films_that_some_runs_were_not_tested_on_give_way_to_those_of_all(tiny, links, job):
    first, second = keep(tiny, 0, "A"), keep(tiny, 1, "B")
    explain(first)
    explain(second)
    kept = store.examples(second)
    store.keep_examples(second, kept.model_copy(update={"films": kept.films[3:]}))
    entries = [Entry(run, run.run_id, "#0072b2") for run in (first, second)]
    assert list(answers.find(entries).answers) == [film.image_id for film in kept.films[3:]]
    alone = kept.films[0].model_copy(update={"image_id": "other"})
    store.keep_examples(second, kept.model_copy(update={"films": (alone,)}))
    found = answers.find(entries)  # nothing in common: the films of each
    assert [len(given) for given in found.answers.values()] == [1] * 7


def test_at_most_five_runs_are_shown(tiny, links, job):
    runs = [keep(tiny, number, "A") for number in range(6)]
    for run in runs:
        explain(run)
    at = opened(*runs)
    assert at.subheader[0].value == "One film, five answers"
    assert len(words(at)) == 6
