"""Where things are and how much is allowed, from environment variables.

Read at every call, so that a test or a child process sees what is set now.

| variable | meaning | default |
| --- | --- | --- |
| CXR_MODELS | the store of trained runs | `models` beside the package |
| CXR_DATA | registry, demonstration data, index, pixels, weights | `data` beside the package |
| CXR_MAX_JOBS | trainings that may run at once on this machine | 1 |
| CXR_MAX_PIXELS | largest picture that is decoded, in pixels | 64000000 |
"""

import os
from pathlib import Path

from cxrcore.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent


def models_dir() -> Path:
    """Folder of the trained runs; made when first written to."""
    return Path(os.environ.get("CXR_MODELS") or ROOT / "models").expanduser().resolve()


def data_dir() -> Path:
    """Folder of everything that is derived from datasets."""
    return Path(os.environ.get("CXR_DATA") or ROOT / "data").expanduser().resolve()


def jobs_dir() -> Path:
    """Folder with one sub-folder a job."""
    return models_dir() / ".jobs"


def weights_dir() -> Path:
    """Folder where pretrained weights are looked for and kept."""
    return data_dir() / "weights"


def max_jobs() -> int:
    """How many trainings may run at once, at least 1."""
    return _positive_int("CXR_MAX_JOBS", 1)


def max_pixels() -> int:
    """Pictures with more pixels (width x height) than this are refused."""
    return _positive_int("CXR_MAX_PIXELS", 64_000_000)


def _positive_int(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(
            f"{name} must be a whole number of 1 or more. It is {text!r}. "
            f"Set it to a number, or unset it for the default of {default}."
        )
    return int(text)
