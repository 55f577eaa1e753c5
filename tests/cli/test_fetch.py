"""`data known` and `data fetch` as people and programs use them."""

import io
import json
import socket
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from cxrcore import downloads
from cxrcore.cli import fetch, output
from cxrcore.datasets import collections
from cxrcore.progress import Progress


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(downloads, "PAUSES", ())
    monkeypatch.setitem(sys.modules, "kagglehub", None)


@pytest.fixture
def put_by_hand(own_folders):
    """The archive of the tuberculosis collection, laid out as the original, in its place."""
    file = own_folders.data / "public" / "tuberculosis.zip"
    file.parent.mkdir(parents=True)
    rng = np.random.default_rng(5)
    with zipfile.ZipFile(file, "w") as opened:
        for label in ("Normal", "Tuberculosis"):
            for number in range(3):
                data = io.BytesIO()
                Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(data, "PNG")
                name = f"TB_Chest_Radiography_Database/{label}/{label}-{number}.png"
                opened.writestr(name, data.getvalue())
    return file


def test_the_list_names_each_collection_and_what_to_type(run):
    code, out, _ = run("data", "known")
    assert code == 0
    for collection in collections.COLLECTIONS.values():
        assert collection.name in out
        assert collection.title in " ".join(out.split())
    assert "data known NAME" in out
    assert "data fetch NAME" in out


def test_the_list_fits_into_100_columns_and_names_are_whole(run, monkeypatch):
    narrow = Console(width=100)
    monkeypatch.setattr(output, "console", narrow)
    monkeypatch.setattr(fetch, "console", narrow)
    for words in (
        ("data", "known"),
        *(("data", "known", name) for name in collections.COLLECTIONS),
    ):
        _, out, _ = run(*words)
        assert max(map(len, out.splitlines())) <= 100
        assert "…" not in out
    assert all(name in run("data", "known")[1] for name in collections.COLLECTIONS)


@pytest.mark.parametrize("name", collections.COLLECTIONS)
def test_one_collection_is_told_in_full(run, name):
    code, out, _ = run("data", "known", name)
    collection, said = collections.get(name), "".join(out.split())
    assert code == 0
    for text in (collection.what, collection.citation, collection.home, *collection.notes):
        assert "".join(text.split()) in said
    assert "".join((collection.licence or "not stated").split()) in said
    assert f"datafetch{name}" in said


def test_as_json_the_catalogue_is_one_object(run):
    code, out, _ = run("data", "known", "--json")
    assert code == 0
    listed = {c["name"]: c for c in json.loads(out)["collections"]}
    assert set(listed) == set(collections.COLLECTIONS)
    assert listed["radiography"]["how"] == {
        "kind": "kaggle",
        "handle": "tawsifurrahman/covid19-radiography-database",
    }
    assert listed["kermany"]["size_bytes"] == 1_235_512_464
    assert listed["kermany"]["registered"] is None
    assert json.loads(run("data", "known", "kermany", "--json")[1]) == listed["kermany"]


@pytest.mark.parametrize("command", ["known", "fetch"])
def test_an_unknown_collection_is_one_line(run, command):
    code, out, err = run("data", command, "nothing")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "kermany" in err


@pytest.mark.parametrize("name", collections.COLLECTIONS)
def test_offline_a_fetch_is_one_line_with_what_to_do(run, name, own_folders):
    code, out, err = run("data", "fetch", name)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert collections.get(name).how.address in err
    assert str(own_folders.data / "public" / name) in err


def test_an_archive_put_there_by_hand_is_unpacked_registered_and_told(run, put_by_hand):
    code, out, _ = run("data", "fetch", "tuberculosis")
    assert code == 0
    assert "tuberculosis: 6 images in" in out
    assert f"{put_by_hand} is no longer needed." in out
    assert "Next: python -m cxrcore index tuberculosis" in out
    assert "there already" in run("data", "fetch", "tuberculosis")[1]
    row = next(r for r in run("data", "known")[1].splitlines() if r.startswith("tuberculosis"))
    assert " yes " in row


def test_as_json_a_fetch_is_one_object_that_says_whether_it_was_there(run, put_by_hand):
    first = json.loads(run("data", "fetch", "tuberculosis", "--json")[1])
    assert first["classes"] == {"Normal": 3, "Tuberculosis": 3}
    assert first["archive"] == str(put_by_hand)
    again = json.loads(run("data", "fetch", "tuberculosis", "--json")[1])
    assert (first.pop("was_there"), again.pop("was_there")) == (False, True)
    assert again == first


def test_another_place_is_looked_at_and_named(run, tmp_path):
    _, _, err = run("data", "fetch", "cohen", "--to", tmp_path / "disk")
    assert str(tmp_path / "disk" / "cohen.zip") in err


def test_bytes_are_shown_as_megabytes_and_files_as_files():
    half = fetch._in_megabytes(Progress("downloading a.zip", 1_500_000, 3_000_001))
    assert (half.stage, half.done, half.total) == ("downloading a.zip, MB", 1, 4)
    whole = fetch._in_megabytes(replace(half, stage="unpacking a.zip", done=5, total=5))
    assert (whole.done, whole.total) == (1, 1)
    files = Progress("reading files", 3, 8)
    assert fetch._in_megabytes(files) == files
