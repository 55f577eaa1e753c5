"""Folders and limits, from environment variables.

Read at every call, so that tests and child processes see the current values.

| variable | meaning | default |
| --- | --- | --- |
| CXR_MODELS | the store of trained runs | `models` beside the package |
| CXR_DATA | registry, demonstration data, index, pixels, weights | `data` beside the package |
| CXR_RECIPES | Python files that add models of your own; they run as part of this program | `recipes` in CXR_DATA |
| CXR_ROOTS | folders, separated as in PATH, within which the browser may add X-rays | home, CXR_DATA and what the command line registered |
| CXR_MAX_JOBS | trainings that may run at once on this machine | 1 |
| CXR_MAX_PIXELS | largest image that is decoded, in pixels | 64000000 |
| CXR_PRECISION | float32 or mixed_bfloat16, for trainings | the faster one here |
| CXR_TENSORBOARD | folder for TensorBoard logs of trainings | no logs |
| MLFLOW_TRACKING_URI | address of an MLflow server that finished runs are logged to | none |
| CXR_FEATURES_GB | disk space for the outputs of frozen layers; 0 keeps no new ones | 10 |
| CXR_PIXELS_GB | disk space for prepared images; the least recently used go first | 20 |
| CXR_RAY_ADDRESS | address of a Ray cluster's dashboard; jobs run on its nodes | none |
| CXR_RAY_CPUS | CPUs of a node for one training there | 1 |
| CXR_RAY_GPUS | GPUs of a node for one training there | 0 |
| CXR_RAY_MEMORY_GB | memory that a training requests from a node; 0 for no request | 0 |
| CXR_RAY_PYTHON | Python with the requirements on the nodes | the path of this one |
"""

import functools
import math
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from cxrcore.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent


def models_dir() -> Path:
    """Folder of the trained runs; created when first written to."""
    return _folder(os.environ.get("CXR_MODELS") or str(ROOT / "models"), Path.cwd())


def data_dir() -> Path:
    """Folder of everything derived from datasets."""
    return _folder(os.environ.get("CXR_DATA") or str(ROOT / "data"), Path.cwd())


def jobs_dir() -> Path:
    """Folder with one sub-folder per job."""
    return models_dir() / ".jobs"


def weights_dir() -> Path:
    """Folder of pretrained weights."""
    return data_dir() / "weights"


def recipes_dir() -> Path:
    """Folder of Python files that add models; it need not exist."""
    folder = os.environ.get("CXR_RECIPES")
    return _folder(folder, Path.cwd()) if folder else data_dir() / "recipes"


@functools.lru_cache(maxsize=64)  # a page asks hundreds of times, and each link on the way is read
def _folder(text: str, working_directory: Path) -> Path:  # noqa: ARG001 (what `resolve` depends on)
    return Path(text).expanduser().resolve()


def roots() -> list[Path]:
    """Folders within which the browser may add datasets; empty where nothing is set."""
    listed = os.environ.get("CXR_ROOTS", "").split(os.pathsep)
    return [Path(folder).expanduser().resolve() for folder in listed if folder.strip()]


def tensorboard_dir() -> Path | None:
    """Folder of TensorBoard logs, one sub-folder per training; None for no logs."""
    folder = os.environ.get("CXR_TENSORBOARD")
    return Path(folder).expanduser().resolve() if folder else None


def places() -> dict[str, str]:
    """The variables that name folders, as absolute paths, for a process elsewhere."""
    found = {
        "CXR_MODELS": str(models_dir()),
        "CXR_DATA": str(data_dir()),
        "CXR_RECIPES": str(recipes_dir()),
    }
    if (boards := tensorboard_dir()) is not None:
        found["CXR_TENSORBOARD"] = str(boards)
    return found


def tracking_uri() -> str:
    """Address of the MLflow server, or "", from MLflow's own variable."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip()


def max_jobs() -> int:
    """Maximum number of trainings at once, at least 1."""
    return _positive_int("CXR_MAX_JOBS", 1)


def max_pixels() -> int:
    """Maximum pixels (width x height) of an image; larger ones are refused."""
    return _positive_int("CXR_MAX_PIXELS", 64_000_000)


def precision() -> str | None:
    """Precision of trainings: "float32" or "mixed_bfloat16"; None to let the machine choose."""
    text = os.environ.get("CXR_PRECISION", "").strip()
    if text not in ("", "float32", "mixed_bfloat16"):
        raise SettingsError(
            f"CXR_PRECISION must be float32 or mixed_bfloat16. It is {text!r}. Unset it to let "
            "each machine use the faster one."
        )
    return text or None


def features_bytes() -> int:
    """Maximum disk space for features of frozen layers, in bytes (a GB is 10^9)."""
    return _whole_number("CXR_FEATURES_GB", 10, least=0) * 10**9


def pixels_bytes() -> int:
    """Maximum disk space for prepared images, in bytes (a GB is 10^9)."""
    return _whole_number("CXR_PIXELS_GB", 20, least=0) * 10**9


def ray_address() -> str | None:
    """Address of the Ray cluster's dashboard, as http://host:port; None without a cluster.

    Raises:
        SettingsError: the value is not such an address.
    """
    text = os.environ.get("CXR_RAY_ADDRESS", "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port
        valid = valid and not (parts.path or parts.query or parts.username)
    except ValueError:  # a port that is not a number
        valid = False
    if not valid:
        raise SettingsError(
            f"CXR_RAY_ADDRESS must be the address of the cluster's dashboard, such as "
            f"http://head-node:8265. It is {text!r}. `ray start --head` prints the address; "
            "unset the variable to work on this machine."
        )
    return f"{parts.scheme}://{parts.netloc}"


def ray_cpus() -> float:
    """CPUs for a training on the cluster."""
    return _amount("CXR_RAY_CPUS", 1, least=0.1)


def ray_gpus() -> float:
    """GPUs for a training on the cluster; a fraction shares one."""
    return _amount("CXR_RAY_GPUS", 0)


def ray_memory_gb() -> float:
    """Memory that a node must have free for a training to start there, in GB (10^9 bytes)."""
    return _amount("CXR_RAY_MEMORY_GB", 0)


def ray_python() -> str:
    """The Python that runs a job on a node."""
    return os.environ.get("CXR_RAY_PYTHON") or sys.executable


def _amount(name: str, default: int, least: float = 0.0) -> float:
    text = os.environ.get(name) or str(default)
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount >= least):
        raise SettingsError(
            f"{name} must be a number of {least:g} or more. It is {text!r}. "
            f"Set it to a number, or unset it for the default of {default}."
        )
    return amount


def _positive_int(name: str, default: int) -> int:
    return _whole_number(name, default, least=1)


def _whole_number(name: str, default: int, *, least: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise SettingsError(
            f"{name} must be a whole number of {least} or more. It is {text!r}. "
            f"Set it to a number, or unset it for the default of {default}."
        )
    return int(text)
