"""Settings from the environment."""

import pytest

from cxrcore import settings
from cxrcore.errors import SettingsError


def test_folders_follow_the_environment(own_folders):
    assert settings.models_dir() == own_folders.models
    assert settings.jobs_dir() == own_folders.models / ".jobs"
    assert settings.weights_dir() == own_folders.data / "weights"


def test_without_variables_the_folders_lie_beside_the_package(monkeypatch):
    monkeypatch.delenv("CXR_MODELS")
    monkeypatch.delenv("CXR_DATA")
    assert settings.models_dir() == settings.ROOT / "models"
    assert settings.data_dir() == settings.ROOT / "data"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_senseless_number_is_named_with_what_to_do(text, monkeypatch):
    monkeypatch.setenv("CXR_MAX_JOBS", text)
    with pytest.raises(SettingsError, match=f"CXR_MAX_JOBS.*{text}.*unset"):
        settings.max_jobs()


def test_numbers_have_defaults(monkeypatch):
    monkeypatch.delenv("CXR_MAX_JOBS", raising=False)
    assert settings.max_jobs() == 1
    monkeypatch.setenv("CXR_MAX_JOBS", "3")
    assert settings.max_jobs() == 3
