"""The trash of the store: what lies there for good is told, and every listed run can go there."""

import shutil
from pathlib import Path

import pytest

from cxrcore import settings, store
from cxrcore.errors import StoreError
from tests.helpers.runs import RUN, kept, made_up

OTHER = "cnn-plain-4567cdef"


def keep(run_id: str = RUN) -> store.Run:
    return kept(made_up(run_id=run_id), lambda path: path.write_bytes(b"weights"))


def in_trash() -> list[str]:
    return sorted(
        path.name.partition("@")[0] for path in (settings.models_dir() / ".trash").iterdir()
    )


def test_what_cannot_be_removed_is_named_with_the_reason_and_the_rest_is_gone(monkeypatch):
    for run_id in (RUN, OTHER):
        keep(run_id)
        store.delete(run_id)
    real = shutil.rmtree

    def held(path: Path, ignore_errors: bool = False) -> None:
        if RUN not in str(path):
            real(path, ignore_errors)
        elif not ignore_errors:
            raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", held)
        with pytest.raises(StoreError) as told:
            store.empty_trash()
    assert f"1 of 2 deleted runs could not be removed: {RUN} (Permission denied)." in str(
        told.value
    )
    assert "then empty the trash again" in str(told.value)
    assert in_trash() == store.trashed() == [RUN]
    assert store.empty_trash() == 1  # once it is not held any more
    assert in_trash() == []


def test_a_run_that_another_process_removes_meanwhile_is_no_failure(monkeypatch):
    keep()
    store.delete(RUN)
    real = shutil.rmtree

    def raced(path: Path, ignore_errors: bool = False) -> None:
        real(path, ignore_errors=True)
        if ignore_errors:
            return
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(shutil, "rmtree", raced)
    assert store.empty_trash() == 1


@pytest.mark.parametrize("name", [f"{RUN} (copy)", f"{RUN} [1]", f"old {RUN}@home"])
def test_a_run_that_was_copied_by_hand_can_be_deleted_and_brought_back(name):
    folder = settings.models_dir() / name
    shutil.copytree(keep().folder, folder)
    assert store.list_runs()["run_id"].tolist().count(name) == 1
    store.delete(name)
    assert not folder.exists()
    assert store.trashed() == [name]
    assert store.exists(RUN)
    assert store.restore(name) == folder
    assert folder.is_dir()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../secret", ".trash", ".jobs", f"../models/{RUN}"]
)
def test_nothing_but_a_listed_run_can_be_deleted(name):
    run = keep()
    (settings.models_dir() / ".jobs").mkdir()
    with pytest.raises(StoreError, match="There is no run"):
        store.delete(name)
    assert run.folder.is_dir()


def test_of_a_run_that_is_a_link_only_the_link_is_removed(tmp_path):
    run = keep()
    elsewhere = tmp_path / "elsewhere"
    run.folder.rename(elsewhere)
    run.folder.symlink_to(elsewhere)
    store.delete(RUN)
    assert store.empty_trash() == 1
    assert (elsewhere / "model.keras").is_file()
    assert in_trash() == []
