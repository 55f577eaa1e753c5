"""Registered datasets: names, paths, and two processes at once."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore import datasets
from cxrcore.datasets import registry
from cxrcore.errors import DatasetError


def test_a_registered_dataset_is_loaded_by_its_name(tiny_dataset_folder):
    dataset = datasets.register("tiny", tiny_dataset_folder)
    loaded = datasets.load("tiny")
    assert dataset.name == loaded.name == "tiny"
    assert loaded.root == tiny_dataset_folder
    assert loaded.fingerprint == datasets.load(tiny_dataset_folder).fingerprint
    assert datasets.registered() == [datasets.Entry("tiny", tiny_dataset_folder, "folders")]


def test_a_relative_path_is_kept_absolute(tiny_dataset_folder, monkeypatch):
    monkeypatch.chdir(tiny_dataset_folder.parent)
    datasets.register("tiny", tiny_dataset_folder.name)
    monkeypatch.chdir("/")
    assert datasets.load("tiny").root == tiny_dataset_folder


def test_a_layout_that_was_registered_is_used(tiny_dataset_folder):
    datasets.register("tiny", str(tiny_dataset_folder), "folders")
    assert datasets.registered()[0].layout == "folders"
    assert datasets.load("tiny").layout == "folders"


def test_forgetting_leaves_the_images(tiny_dataset_folder):
    datasets.register("tiny", tiny_dataset_folder)
    datasets.forget("tiny")
    assert datasets.registered() == []
    assert datasets.load(tiny_dataset_folder).classes == ("A", "B", "C")


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "_a", "a b", "ä", "a/b", "../a", "a" * 41, "a\n", "a.b"]
)
def test_names_that_are_not_plain_words_are_refused(name, tiny_dataset_folder):
    with pytest.raises(DatasetError, match="cannot be a dataset's name"):
        datasets.register(name, tiny_dataset_folder)
    assert datasets.registered() == []


@pytest.mark.parametrize("name", ["a", "0", "covid-19_x", "a" * 40])
def test_plain_words_are_names(name, tiny_dataset_folder):
    assert datasets.register(name, tiny_dataset_folder).name == name


def test_a_name_stays_with_its_folder(make_tiny_dataset):
    one, two = make_tiny_dataset("one"), make_tiny_dataset("two")
    datasets.register("x", one)
    datasets.register("x", one)
    with pytest.raises(DatasetError, match=r"already stands for .*one"):
        datasets.register("x", two)
    assert datasets.load("x").root == one


def test_what_cannot_be_loaded_is_not_registered(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="holds no images"):
        datasets.register("x", tmp_path / "none")
    assert datasets.registered() == []


def test_forgetting_an_unknown_name_lists_the_known_ones(tiny_dataset_folder):
    with pytest.raises(DatasetError, match="none is registered yet"):
        datasets.forget("x")
    datasets.register("tiny", tiny_dataset_folder)
    with pytest.raises(DatasetError, match="registered are tiny"):
        datasets.forget("x")


def test_a_folder_that_is_missing_is_named(make_tiny_dataset):
    folder = make_tiny_dataset("one")
    datasets.register("x", folder)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(DatasetError, match=r"dataset 'x', .*one, is missing"):
        datasets.load("x")
    assert [entry.name for entry in datasets.registered()] == ["x"]


@pytest.mark.parametrize(
    "path", ["nothing-here", "/no/such/folder", "x" * 5000, "~nobody-here/x", "a\0b"]
)
def test_what_is_neither_a_name_nor_a_folder_is_refused(path):
    with pytest.raises(DatasetError, match="no folder and no registered dataset"):
        datasets.load(path)


def test_a_file_is_no_dataset(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(DatasetError, match="is a file"):
        datasets.load(tmp_path / "a.png")


def test_an_unknown_layout_lists_the_known_ones(tiny_dataset_folder):
    with pytest.raises(DatasetError, match=r"no layout 'coco'.*folders"):
        datasets.load(tiny_dataset_folder, "coco")


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": {"path": "x"}}', "null"])
def test_a_damaged_list_is_reported_and_not_overwritten(text, own_folders, tiny_dataset_folder):
    own_folders.data.mkdir()
    file = own_folders.data / "datasets.json"
    file.write_text(text)
    for act in (datasets.registered, lambda: datasets.register("x", tiny_dataset_folder)):
        with pytest.raises(DatasetError, match="damaged"):
            act()
    assert file.read_text() == text


def test_the_list_is_plain_json(own_folders, tiny_dataset_folder):
    datasets.register("tiny", tiny_dataset_folder, "folders")
    found = json.loads((own_folders.data / "datasets.json").read_text())
    assert found == {"tiny": {"path": str(tiny_dataset_folder), "layout": "folders", "options": {}}}


def test_many_threads_lose_no_entry():
    names = [f"d{number}" for number in range(20)]
    threads = [
        threading.Thread(target=registry.add, args=(registry.Entry(name, Path("/x")),))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.name for entry in registry.entries()] == sorted(names)


def test_a_lock_that_is_held_by_another_process_is_reported(own_folders, monkeypatch):
    monkeypatch.setattr(registry, "_LOCK_SECONDS", 0.2)
    own_folders.data.mkdir()
    code = (
        "import sys; from filelock import FileLock\n"
        f"with FileLock({str(own_folders.data / 'datasets.json.lock')!r}):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatasetError, match="Another process"):
            registry.add(registry.Entry("a", Path("/x")))
        holder.stdin.close()
        holder.wait()
    registry.add(registry.Entry("a", Path("/x")))  # the lock died with its process


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_made_name_is_always_allowed(first, rest):
    name = registry.name_of(first, rest)
    registry.check_name(name)
    assert registry.name_of(first, rest) == name


def test_made_names_differ_where_letters_are_lost():
    names = {registry.name_of("demo", text) for text in ("COVID+", "COVID-", "COVID?", "covid")}
    assert len(names) == 4
    assert registry.name_of("demo", "COVID-19 against rest") == "demo-covid-19-against-rest"
