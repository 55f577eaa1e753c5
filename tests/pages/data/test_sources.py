"""Public datasets: what each card says, and that nothing is downloaded from the page."""

import socket

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index
from cxrcore.datasets import collections, retrieval
from tests.helpers.app import open_page, read

PAGE = "data/sources"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("the page asked for an address")

    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(retrieval, "fetch", forbidden)


def plain(text: str) -> str:
    """Without the backslashes of Markdown."""
    return read(text)


def said(at: AppTest) -> str:
    return plain("\n".join(part.value for part in [*at.main.markdown, *at.main.caption]))


def test_each_collection_has_its_card_command_and_facts_before_there_is_a_dataset():
    at = open_page(PAGE)
    titles = [part.value for part in at.main.subheader]
    assert titles == [collection.title for collection in collections.COLLECTIONS.values()]
    commands = "\n".join(part.value for part in at.main.code)
    text = said(at)
    tables = plain(" ".join(str(table.value.to_numpy().tolist()) for table in at.main.table))
    for collection in collections.COLLECTIONS.values():
        assert f"python -m cxrcore data fetch {collection.name}" in commands
        assert collection.what in text
        assert collection.citation in text
        assert all(plain(note) in text for note in collection.notes)
        assert collection.class_list() in tables
        assert (collection.licence or "not stated") in tables
    assert "darwin dataset pull" in commands
    assert text.count("Not on this computer") == len(collections.COLLECTIONS)


def test_what_to_do_without_internet_names_address_file_and_place(own_folders):
    text = said(open_page(PAGE))
    assert collections.get("kermany").how.address in text
    assert str(own_folders.data / "public" / "kermany.zip") in text


def test_a_registered_collection_says_where_it_is_and_opens_in_the_gallery(make_tiny_dataset):
    folder = make_tiny_dataset("kermany")
    index.measure(datasets.register("tiny", make_tiny_dataset("tiny")))
    index.measure(datasets.register("kermany", folder, "folders"))
    at = open_page(PAGE)
    assert str(folder) in said(at)
    assert said(at).count("On this computer") == 1
    (button,) = [b for b in at.main.button if b.label == "Open in the gallery"]
    button.click().run()
    assert not at.exception
    assert at.session_state["dataset"] == "kermany"
    assert at.title[0].value == "Gallery"


def test_a_collection_whose_folder_is_gone_says_so(make_tiny_dataset):
    folder = make_tiny_dataset("kermany")
    datasets.register("kermany", folder, "folders")
    folder.rename(folder.with_name("moved"))
    assert "Registered, but its folder is gone" in said(open_page(PAGE))


def test_an_archive_that_waits_to_be_unpacked_is_shown(own_folders):
    (own_folders.data / "public").mkdir(parents=True)
    (own_folders.data / "public" / "cohen.zip").write_bytes(b"zip")
    assert said(open_page(PAGE)).count("Downloaded, not unpacked yet") == 1


def test_the_list_can_be_downloaded():
    at = open_page(PAGE)
    assert any(button.label == "Download this list (CSV)" for button in at.get("download_button"))
