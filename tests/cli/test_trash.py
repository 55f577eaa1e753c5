"""delete asks, and what it did can be undone: delete, trash list|restore|empty."""

import io
import json

import pytest

from cxrcore import store
from cxrcore.errors import StoreError
from tests.helpers.runs import RUN, kept, made_up

OTHER = "cnn-plain-89abcdef"


@pytest.fixture
def two_runs():
    """Two runs in the store, that of the helper and OTHER."""
    for run_id in (RUN, OTHER):
        kept(made_up(run_id=run_id), lambda path: path.write_bytes(b"weights"))


@pytest.fixture
def answer(monkeypatch):
    """Let somebody sit at the terminal who types this."""

    def type_in(text: str) -> None:
        terminal = io.StringIO(f"{text}\n")
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)

    return type_in


def listed() -> set[str]:
    return set(store.list_runs()["run_id"])


def as_json(run, *words):
    code, out, err = run(*words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("words", [("delete", RUN), ("trash", "empty")])
def test_where_nobody_can_be_asked_nothing_is_deleted_and_what_to_say_is_told(run, two_runs, words):
    store.delete(OTHER)
    code, out, err = run(*words)
    assert code == 2
    assert not out
    assert len(err.splitlines()) == 1
    assert "--yes" in err
    assert listed() == {RUN}
    assert store.trashed() == [OTHER]


def test_no_leaves_the_run_and_yes_moves_it_to_the_trash(run, two_runs, answer):
    answer("n")
    code, out, err = run("delete", RUN)
    assert (code, out) == (1, "")
    assert f"Move to the trash: Plain CNN · 0123abcd ({RUN})?" in err
    assert "Nothing was done." in err
    assert listed() == {RUN, OTHER}
    answer("y")
    assert run("delete", RUN)[0] == 0
    assert listed() == {OTHER}


def test_a_question_does_not_spoil_the_json_object(run, two_runs, answer):
    answer("y")
    assert as_json(run, "delete", RUN) == {"deleted": [RUN]}


def test_a_deleted_run_comes_back_with_the_command_that_delete_names(run, two_runs):
    code, out, _ = run("delete", RUN, "--yes")
    assert code == 0
    command = out.rstrip().partition("python -m cxrcore ")[2].split()
    assert RUN in run("trash", "list")[1]
    assert as_json(run, "trash", "list") == {"deleted": [RUN]}
    code, out, _ = run(*command)
    assert (code, out) == (0, f"Plain CNN · 0123abcd ({RUN}) is back.\n")
    assert listed() == {RUN, OTHER}
    assert store.load_run(RUN).run_id == RUN
    assert as_json(run, "trash", "list") == {"deleted": []}


def test_with_one_wrong_name_none_is_deleted(run, two_runs):
    code, _, err = run("delete", RUN, "no-such-run", "--yes")
    assert code == 2
    assert "no-such-run" in err
    assert listed() == {RUN, OTHER}


def test_several_are_deleted_and_brought_back_at_once(run, two_runs):
    assert as_json(run, "delete", RUN, OTHER, RUN, "--yes") == {"deleted": [RUN, OTHER]}
    assert listed() == set()
    assert as_json(run, "trash", "restore", OTHER, RUN) == {"restored": [OTHER, RUN]}
    assert listed() == {RUN, OTHER}


def test_the_name_of_a_family_means_its_runs(run, two_runs):
    third = made_up(run_id="cnn-plain-11112222", dataset="another", fingerprint="0" * 16)
    kept(third, lambda path: path.write_bytes(b"weights"))
    one = store.load_run(RUN)
    seeds = one.model_copy(
        update={"run_id": OTHER, "recipe": one.recipe.override(seed=7), "files": {}, "stamps": {}}
    )
    store.delete(OTHER)
    kept(seeds, lambda path: path.write_bytes(b"weights"))
    deleted = as_json(run, "delete", store.family_of(one), "--yes")["deleted"]
    assert set(deleted) == {RUN, OTHER}
    assert listed() == {third.run_id}


def test_a_damaged_run_can_be_deleted(run, two_runs, own_folders):
    (own_folders.models / RUN / "run.json").write_text("{")
    assert as_json(run, "delete", RUN, "--yes") == {"deleted": [RUN]}
    assert listed() == {OTHER}


def test_what_is_not_in_the_trash_cannot_be_brought_back(run, two_runs):
    store.delete(RUN)
    code, out, err = run("trash", "restore", "no-such-run")
    assert (code, out) == (2, "")
    assert "no-such-run" in err
    assert RUN in err


def test_emptied_is_gone_for_good_after_a_second_question(run, two_runs, answer):
    store.delete(RUN)
    answer("n")
    assert run("trash", "empty")[0] == 1
    assert store.trashed() == [RUN]
    answer("y")
    assert as_json(run, "trash", "empty") == {"removed": 1}
    assert store.trashed() == []
    assert run("trash", "empty")[:2] == (0, "The trash is empty.\n")
    assert as_json(run, "trash", "empty") == {"removed": 0}


def test_what_could_not_be_removed_is_an_error_that_names_it(run, two_runs, monkeypatch):
    def refuse(_place, ignore_errors=False, **_options):
        if not ignore_errors:
            raise PermissionError(13, "Permission denied")

    store.delete(RUN)
    monkeypatch.setattr("shutil.rmtree", refuse)
    code, out, err = run("trash", "empty", "--yes", "--json")
    assert (code, out) == (2, "")
    assert RUN in err
    assert "Permission denied" in err
    with pytest.raises(StoreError):
        store.empty_trash()
