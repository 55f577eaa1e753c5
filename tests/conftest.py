"""What all tests share: folders of their own, a tiny dataset, the real images."""

import functools
import gc
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck
from PIL import Image

from cxrcore import datasets, index

# Tiny networks on two cores: let TensorFlow neither chatter nor use the GPU of a developer.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# Tests add folders that lie where pytest makes them, and none of the developer's.
os.environ["CXR_ROOTS"] = tempfile.gettempdir()

ROOT = Path(__file__).resolve().parent.parent

# No example is late on a busy machine, and many tests lend their folder to all examples.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no worker is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    browser = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(
        key=lambda item: (
            item.path not in browser,
            item.path not in slow,
            ROOT / "tests" / "training" not in item.path.parents,
            ROOT / "tests" / "models" not in item.path.parents,
        )
    )


_modules = 0


def pytest_runtest_setup() -> None:
    """Freeze what was imported since: Streamlit collects garbage after every run of a page."""
    global _modules
    if len(sys.modules) > _modules + 50:
        _modules = len(sys.modules)
        gc.collect()
        gc.freeze()


@dataclass(frozen=True)
class Folders:
    """Where this test's runs and data go."""

    models: Path
    data: Path


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Every test has its own store and data folder; none touches the user's."""
    folders = Folders(tmp_path / "cxr-models", tmp_path / "cxr-data")
    monkeypatch.setenv("CXR_MODELS", str(folders.models))
    monkeypatch.setenv("CXR_DATA", str(folders.data))
    # Spares each training the trial of the processor, and makes figures the same everywhere.
    monkeypatch.setenv("CXR_PRECISION", "float32")
    # Tests kill processes and fill disks, but none pulls the plug.
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    # Nor do the tests' trainings go to a tracking server of the user's.
    for name in ("MLFLOW_TRACKING_URI", "CXR_TENSORBOARD", "CXR_RECIPES"):
        monkeypatch.delenv(name, raising=False)
    return folders


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real X-rays beside the project, or a skip that says so."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real X-rays (../shared/data) are not on this machine")
    return folder


@pytest.fixture
def short_trunks() -> Iterator[None]:
    """The large networks are built on trunks of few layers."""
    from tests.helpers import short_trunks  # imports Keras

    with short_trunks.in_place():
        yield


def write_tiny_dataset(
    folder: Path, classes: tuple[str, ...] = ("A", "B", "C"), patients: int = 8, side: int = 48
) -> Path:
    """Class folders of small PNGs with a bright stripe whose place tells the class.

    Names are `PATIENT_FOLLOWUP.png`; every second patient has two images.
    """
    for name, content in _tiny_files(classes, patients, side).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@functools.cache
def _tiny_files(classes: tuple[str, ...], patients: int, side: int) -> dict[str, bytes]:
    rng, found = np.random.default_rng(7), {}
    for number, label in enumerate(classes):
        for patient in range(patients):
            for followup in range(1 + patient % 2):
                pixels = rng.normal(90, 12, (side, side))
                start = number * side // len(classes)
                pixels[start : start + side // len(classes)] += 80
                name = f"{label}/{number * 1000 + patient:08d}_{followup:03d}.png"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                    png := io.BytesIO(), "png"
                )
                found[name] = png.getvalue()
    return found


@pytest.fixture
def tiny_dataset_folder(tmp_path: Path) -> Path:
    """Three classes, 36 images of 24 patients."""
    return write_tiny_dataset(tmp_path / "tiny")


@pytest.fixture(scope="session")
def _measured_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with what is measured of the tiny dataset's images, wherever they lie."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_DATA", str(folder / "data"))
        index.measure(datasets.load(write_tiny_dataset(folder / "tiny")))
    return folder / "data"


@pytest.fixture
def tiny(tiny_dataset_folder: Path, _measured_tiny: Path, own_folders: Folders) -> datasets.Dataset:
    """The same, registered as `tiny` and measured."""
    shutil.copytree(_measured_tiny, own_folders.data, dirs_exist_ok=True)
    dataset = datasets.register("tiny", tiny_dataset_folder)
    assert index.missing(dataset) == 0
    return dataset


@pytest.fixture
def make_tiny_dataset(tmp_path: Path) -> Callable[..., Path]:
    """`write_tiny_dataset` into a fresh folder, for tests that need other shapes."""

    def make(name: str = "other", **options: object) -> Path:
        return write_tiny_dataset(tmp_path / name, **options)  # type: ignore[arg-type]

    return make


def write_masked_dataset(folder: Path, images: int) -> Path:
    """Two classes of so many images, all but one (2 of class B) with a lung mask."""
    rng = np.random.default_rng(1)
    mask = np.zeros((60, 50), np.uint8)
    mask[10:40, 5:25] = 255
    for label in ("A", "B"):
        for kind in ("images", "masks"):
            (folder / label / kind).mkdir(parents=True)
        for number in range(images):
            gray = rng.integers(1, 256, mask.shape, np.uint8)
            Image.fromarray(gray).save(folder / label / "images" / f"{number}.png")
            if (label, number) != ("B", 2):
                Image.fromarray(mask).save(folder / label / "masks" / f"{number}.png")
    return folder


@pytest.fixture
def watch_images(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`watch_images(module, "read")`: the ids of the images that `read(path, id)` gets, in order."""

    def watch(module: ModuleType, name: str) -> list[str]:
        seen: list[str] = []
        original = getattr(module, name)

        def watched(path: Path, image_id: str) -> object:
            seen.append(image_id)
            return original(path, image_id)

        monkeypatch.setattr(module, name, watched)
        return seen

    return watch
