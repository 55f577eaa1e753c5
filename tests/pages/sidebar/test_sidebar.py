"""The sidebar where something is wrong: it says so, and the rest of the page stays of use."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, settings
from tests.helpers.app import open_page, read


def told(at: AppTest) -> str:
    """What stands in the sidebar; of a job that could not begin, its entry in the list tells."""
    return "\n".join(text.value for text in (*at.sidebar.error, *at.sidebar.caption))


@pytest.fixture
def no_cluster(monkeypatch):
    """A cluster is set and does not answer."""
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")


def test_a_damaged_list_of_datasets_is_told_with_what_to_do():
    path = settings.data_dir() / "datasets.json"
    path.parent.mkdir(parents=True)
    path.write_text("[not json")
    assert any(str(path) in read(error.value) for error in open_page().sidebar.error)


def test_a_demonstration_that_cannot_be_started_says_why(no_cluster):
    at = open_page()
    start = next(b for b in at.sidebar.button if b.label == "Make the demonstration")
    start.click().run()
    assert not at.exception, at.exception
    assert "No Ray cluster answers" in told(at)


def test_a_folder_is_added_though_it_cannot_be_measured_now(no_cluster, tiny_dataset_folder):
    at = open_page()
    at.sidebar.text_input[0].input(str(tiny_dataset_folder))
    at.sidebar.text_input[1].input("mine")
    next(b for b in at.sidebar.button if b.label == "Add").click().run()
    assert not at.exception, at.exception
    assert "No Ray cluster answers" in told(at)
    at.run()
    assert at.selectbox(key="dataset").value == "mine"


def test_a_dataset_whose_folder_is_gone_leaves_the_others_to_be_chosen(make_tiny_dataset):
    folders = {name: make_tiny_dataset(name) for name in ("gone", "here")}
    for name, folder in folders.items():
        datasets.register(name, folder)
    shutil.rmtree(folders["gone"])
    at = open_page()
    assert at.selectbox(key="dataset").options == ["gone", "here"]


def press(at: AppTest, label: str) -> None:
    next(b for b in at.sidebar.button if b.label == label).click().run()
    assert not at.exception, at.exception


def test_a_refused_folder_stays_in_sight_until_it_is_closed():
    at = open_page()
    at.sidebar.text_input[0].input("/etc")
    at.sidebar.text_input[1].input("mine")
    press(at, "Add")
    at.run()
    assert "/etc may not be added in the browser" in read(told(at))
    press(at, "Close")
    assert "may not be added" not in read(told(at))
    assert datasets.registered() == []


def test_a_dataset_is_forgotten_and_its_images_stay(make_tiny_dataset):
    folders = {name: make_tiny_dataset(name) for name in ("first", "second")}
    for name, folder in folders.items():
        datasets.register(name, folder)
    shutil.rmtree(folders["first"])  # also where its folder is gone
    at = open_page()
    press(at, "Forget it")
    assert [entry.name for entry in datasets.registered()] == ["second"]
    assert at.selectbox(key="dataset").value == "second"
    assert folders["second"].is_dir()
    at.run()  # by now it is being measured
    assert next(b for b in at.sidebar.button if b.label == "Forget it").disabled
