"""What people say about a run: bounded, never lost, and gone only with the run."""

import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore import files, settings, store
from cxrcore.errors import StoreError
from cxrcore.splits import SplitSpec
from tests.helpers.runs import RUN, kept, made_up

OTHER = "cnn-plain-4567cdef"


def keep(run_id: str = RUN, **changes: object) -> store.Run:
    return kept(made_up(run_id=run_id, **changes), lambda path: path.write_bytes(b"weights"))


def file_of(name: str = RUN) -> Path:
    return settings.models_dir() / ".annotations" / f"{name}.json"


def test_nothing_is_said_of_a_run_until_somebody_does():
    keep()
    assert store.annotation(RUN) == store.Annotation()
    assert not file_of().parent.exists()


def test_what_is_changed_stays_and_the_rest_as_it_was():
    keep()
    store.annotate(RUN, title="The  one for\u00a0Monday ", tags=["demo", "demo", "to check"])
    said = store.annotate(RUN, notes="First line.\nSecond.", thresholds={"Normal": 0.3})
    assert said == store.annotation(RUN)
    assert (said.title, said.tags) == ("The one for Monday", ["demo", "to check"])
    assert (said.notes, said.thresholds) == ("First line.\nSecond.", {"Normal": 0.3})
    assert store.annotate(RUN, title=None, temperature=1.5).title is None
    assert store.annotation(RUN).notes == "First line.\nSecond."


def test_the_record_of_the_run_stays_sealed():
    run = keep()
    before = {path.name: files.digest(path) for path in run.folder.iterdir()}
    store.annotate(RUN, title="Another name")
    assert {path.name: files.digest(path) for path in run.folder.iterdir()} == before
    assert store.load_run(RUN) == run


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x" * 81},
        {"title": "two\nlines"},
        {"title": "two\u2028lines"},
        {"title": ""},
        {"title": " \u200b "},
        {"title": "turned \u202e round"},
        {"title": "bell \x07"},
        {"title": "half \ud800"},
        {"tags": ["x" * 41]},
        {"tags": [str(n) for n in range(21)]},
        {"notes": "x" * 2001},
        {"notes": "\x1b[31m"},
        {"thresholds": {"Normal": 1.1}},
        {"thresholds": {"Normal": float("nan")}},
        {"temperature": 0.0},
        {"temperature": float("inf")},
        {"colour": "red"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_what_cannot_be_kept_is_refused_with_its_name_and_changes_nothing(changes):
    keep()
    store.annotate(RUN, title="Before")
    with pytest.raises(StoreError, match=next(iter(changes))):
        store.annotate(RUN, **changes)
    assert store.annotation(RUN) == store.Annotation(title="Before")


@given(st.text(max_size=100))
def test_any_title_is_kept_as_one_line_that_reads_back_or_is_refused(title):
    if not (settings.models_dir() / RUN).exists():
        keep()
    try:
        said = store.annotate(RUN, title=title)
    except StoreError:
        return
    assert said == store.annotation(RUN)
    assert said.title is not None
    assert 0 < len(said.title) <= 80
    assert said.title.splitlines() == [said.title]
    assert said.title in json.loads(file_of().read_bytes())["title"]


@pytest.mark.parametrize("name", ["", "..", "../secret", "/etc/passwd", "a/b", ".trash", "a\0b"])
def test_a_name_never_leads_out_of_the_store(name):
    keep()
    for use in (store.annotation, store.annotate):
        with pytest.raises(StoreError, match="no run"):
            use(name)


def test_a_run_that_is_not_there_cannot_be_annotated():
    keep()
    with pytest.raises(StoreError, match=f"no run '{OTHER}'.*{RUN}"):
        store.annotate(OTHER, title="x")
    assert not file_of(OTHER).exists()


@pytest.mark.parametrize("text", ["", "{", '{"title": 7}', '{"title": "a", "mood": "b"}', "[]"])
def test_a_damaged_file_is_told_and_never_written_over(text):
    run = keep()
    store.annotate(RUN, title="Kept")
    file_of().write_text(text)
    for use in (store.annotation, lambda name: store.annotate(name, notes="more")):
        with pytest.raises(StoreError, match=r"title and notes of .* damaged.*lost"):
            use(RUN)
    assert file_of().read_text() == text
    assert list(store.damaged_annotations()) == [RUN]
    assert store.list_runs()["title"].tolist() == [run.recipe.title]


def test_annotations_that_are_whole_are_not_among_the_damaged():
    keep()
    store.annotate(RUN, title="Kept")
    assert store.damaged_annotations() == {}


def test_an_interrupted_change_leaves_the_last_one(monkeypatch):
    keep()
    store.annotate(RUN, title="Before")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.annotate(RUN, title="After")
    assert store.annotation(RUN).title == "Before"
    assert [p.name for p in file_of().parent.glob("*.json*")] == [file_of().name]


def test_two_processes_lose_nothing_of_each_other():
    keep()
    context = multiprocessing.get_context("fork")
    one = context.Process(target=store.annotate, args=(RUN,), kwargs={"title": "T"})
    other = context.Process(target=store.annotate, args=(RUN,), kwargs={"notes": "N"})
    for process in (one, other):
        process.start()
    for process in (one, other):
        process.join(20)
        assert process.exitcode == 0
    assert (store.annotation(RUN).title, store.annotation(RUN).notes) == ("T", "N")


def test_pages_notice_a_change_of_this_run_and_of_any():
    for name in (RUN, OTHER):
        keep(name)
    seen, other = [(store.stamp(), store.stamp(RUN))], store.stamp(OTHER)
    for title in ("One", "Another"):
        store.annotate(RUN, title=title)
        seen.append((store.stamp(), store.stamp(RUN)))
    file_of().unlink()
    assert (store.stamp(), store.stamp(RUN)) == seen[0]
    assert [len(set(stamps)) for stamps in zip(*seen, strict=True)] == [3, 3]
    assert store.stamp(OTHER) == other


def test_a_restored_run_keeps_what_was_said_and_an_emptied_trash_does_not():
    for name in (RUN, OTHER):
        keep(name)
        store.annotate(name, title=f"Title of {name}")
    store.delete(RUN)
    assert file_of().exists()
    store.restore(RUN)
    assert store.annotation(RUN).title == f"Title of {RUN}"
    store.delete(RUN)
    store.empty_trash()
    assert store.annotation(RUN) == store.Annotation()
    assert store.annotation(OTHER).title == f"Title of {OTHER}"


def test_a_run_trained_again_keeps_its_title_when_the_trash_is_emptied():
    keep()
    store.annotate(RUN, title="The same weights")
    store.delete(RUN)
    keep()
    store.empty_trash()
    assert store.annotation(RUN).title == "The same weights"


def folds() -> list[store.Run]:
    return [keep(f"cnn-plain-0000000{n}", split=SplitSpec(fold=n, folds=2)) for n in (1, 2)]


def test_what_is_said_of_a_family_goes_with_its_last_run():
    first, second = folds()
    family = store.family_of(first)
    store.annotate(family, title="Both folds")
    store.delete(first.run_id)
    store.empty_trash()
    assert store.annotation(family).title == "Both folds"
    store.delete(second.run_id)
    store.empty_trash()
    assert store.annotation(family) == store.Annotation()


def test_what_is_said_of_a_family_stays_while_a_run_cannot_be_read():
    first, second = folds()
    family = store.family_of(first)
    store.annotate(family, title="Both folds")
    (second.folder / "run.json").write_text("{")
    store.delete(first.run_id)
    store.empty_trash()
    assert store.annotation(family).title == "Both folds"
