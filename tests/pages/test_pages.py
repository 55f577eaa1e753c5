"""Every page, found by glob, opens in the empty state, with a dataset, and with runs."""

import pytest

from cxrcore import datasets, models, priority, training
from tests.conftest import ROOT, write_tiny_dataset
from tests.helpers.app import open_page, read

PAGES = sorted(
    page.parent.relative_to(ROOT / "pages").as_posix() for page in (ROOT / "pages").rglob("page.py")
)


def test_there_are_pages():
    assert len(PAGES) >= 5


@pytest.mark.parametrize("page", PAGES)
def test_page_says_what_to_do_before_there_is_a_dataset(page):
    at = open_page(page)
    assert any(button.label == "Make the demonstration" for button in at.sidebar.button)
    assert at.main.info or at.main.markdown


@pytest.mark.parametrize("page", PAGES)
def test_page_opens_before_any_model_is_trained(page, tiny):
    at = open_page(page)
    assert at.title
    if "data" not in page:
        assert "No model has been trained" in at.info[0].value


@pytest.mark.parametrize("page", PAGES)
def test_page_opens_when_the_datasets_folder_is_gone(page, tiny, tiny_dataset_folder):
    tiny_dataset_folder.rename(tiny_dataset_folder.with_name("moved"))
    at = open_page(page)
    assert any(str(tiny_dataset_folder) in read(error.value) for error in at.error)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training for all pages: the variables of a store and a data folder with one run."""
    place = tmp_path_factory.mktemp("trained")
    variables = {"CXR_MODELS": str(place / "models"), "CXR_DATA": str(place / "data")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(priority, "give_way", lambda: None)  # a test process could not take it back
        dataset = datasets.register("tiny", write_tiny_dataset(place / "tiny"))
        recipe = models.get("cnn-plain").override(image_size=32, epochs=1)
        run = training.train(training.plan(recipe, dataset))
    return variables, run


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_page_opens_with_runs(page, trained, monkeypatch):
    variables, run = trained
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    at = open_page(page)
    assert not at.error
    if "compare" in page:
        assert at.dataframe[0].value["Id"].tolist() == [run.run_id]
