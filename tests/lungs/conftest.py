"""Films whose lungs are known exactly: those of the simulated thorax."""

from pathlib import Path

import pytest

from cxrcore import datasets
from cxrcore.datasets import Dataset, demo


@pytest.fixture(scope="session")
def simulated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight films of four patients, and their masks."""
    return demo.make(tmp_path_factory.mktemp("simulated") / "films", patients=1, size=192)


@pytest.fixture
def simulated(simulated_folder: Path, own_folders) -> Dataset:
    """Those films with their own masks."""
    return datasets.load(simulated_folder)


@pytest.fixture
def unmasked(simulated_folder: Path, own_folders, tmp_path: Path) -> Dataset:
    """The same films in class folders, without masks, and a blank one of the class Normal."""
    import numpy as np

    from cxrcore.images import encode_png

    for label in demo.CLASSES:
        (tmp_path / "plain" / label).mkdir(parents=True)
        for path in (simulated_folder / label / "images").iterdir():
            (tmp_path / "plain" / label / path.name).write_bytes(path.read_bytes())
    blank = np.full((64, 64), 90, np.uint8)
    (tmp_path / "plain" / "Normal" / "blank.png").write_bytes(encode_png(blank))
    return datasets.register("plain", tmp_path / "plain")
