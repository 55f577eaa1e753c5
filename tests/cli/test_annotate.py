"""annotate: what people say of a run, from the command line."""

import json

import pytest

from cxrcore import store
from tests.helpers.runs import RUN, kept, made_up


@pytest.fixture(autouse=True)
def a_run():
    """A run in the store."""
    return kept(made_up(), lambda path: path.write_bytes(b"weights"))


def said(run, *words):
    code, out, err = run("annotate", RUN, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_what_is_said_is_kept_and_printed(run):
    given = said(run, "--title", "Mine", "--tag", "a b", "--tag", "c", "--notes", "Two\nlines")
    assert (
        given
        == said(run)
        == {
            "name": RUN,
            "shown_as": "Mine",
            "title": "Mine",
            "tags": ["a b", "c"],
            "notes": "Two\nlines",
            "thresholds": {},
            "temperature": None,
        }
    )
    code, out, _ = run("annotate", RUN)
    assert code == 0
    assert [text in out for text in ("Mine", "a b, c", "Two", "lines")] == [True] * 4


def test_what_is_said_can_be_taken_back(run):
    said(run, "--title", "Mine", "--tag", "a", "--notes", "x")
    bare = said(run, "--clear-title", "--tag", "", "--notes", "")
    assert (bare["title"], bare["tags"], bare["notes"]) == (None, [], "")
    assert bare["shown_as"] == "Plain CNN"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--title", "x", "--clear-title"), "Leave one out"),
        (("--title", "two\nlines"), "title: it must be one line"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(run, words, told):
    code, out, err = run("annotate", RUN, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [(), ("--title", "x")])
def test_a_run_that_is_not_there_is_told(run, words):
    code, _, err = run("annotate", "cnn-plain-00000000", *words)
    assert code == 2
    assert "There is no run" in err


def test_runs_shows_titles_before_names_and_brackets_are_no_style(run):
    store.annotate(RUN, title="[red]Mine[/red]")
    code, out, _ = run("runs")
    head, row, *_ = out.splitlines()
    assert code == 0
    assert head.split()[:2] == ["title", "run_id"]
    assert row.startswith(f"[red]Mine[/red]  {RUN}  ")
    listed = json.loads(run("runs", "--json")[1])["runs"]
    assert [(r["title"], r["run_id"], r["tags"]) for r in listed] == [("[red]Mine[/red]", RUN, [])]


def test_runs_tells_of_a_damaged_annotation(run, own_folders):
    store.annotate(RUN, title="Mine")
    (own_folders.models / ".annotations" / f"{RUN}.json").write_text("{")
    code, out, _ = run("runs")
    assert code == 0
    assert "title and notes of" in out
    assert "Plain CNN" in out
