"""What all tests of pages share."""

import pytest
from streamlit.components.v2 import manifest_scanner

from cxrcore import work


@pytest.fixture(scope="session", autouse=True)
def _no_search_for_components():
    """Every AppTest would look through all installed packages for components of Streamlit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: [])
        yield


@pytest.fixture(autouse=True)
def _nothing_in_the_background(monkeypatch):
    """Pages would start jobs with TensorFlow for every made-up run."""
    monkeypatch.setattr(work, "submit_examples", lambda dataset: None)
    monkeypatch.setattr(work, "submit_profiles", lambda dataset: None)
