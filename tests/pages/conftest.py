"""What all tests of pages share."""

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import local_script_runner

from cxrcore import work


@pytest.fixture(scope="session", autouse=True)
def _nothing_needless_in_streamlit():
    """What takes long in an AppTest and does not happen in the server.

    Every one would look through all installed packages for components; every run would have Keras
    forget its graphs, since a test has imported it, and be asked a thousand times a second whether it has ended.
    """
    ask = local_script_runner.require_widgets_deltas

    def wait(runner, timeout):
        runner._script_thread.join(timeout)
        ask(runner, 1 if runner.script_stopped() else 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: [])
        patch.setattr(script_runner, "_clean_problem_modules", lambda: None)
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture(autouse=True)
def _nothing_in_the_background(monkeypatch):
    """Pages would start jobs with TensorFlow for every made-up run."""
    monkeypatch.setattr(work, "submit_examples", lambda dataset: None)
    monkeypatch.setattr(work, "submit_profiles", lambda dataset: None)
