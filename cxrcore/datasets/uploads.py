"""A zip of class folders that a visitor uploads: unpacked into the data folder and registered."""

import shutil
import tempfile
from pathlib import Path

from cxrcore import archives, settings
from cxrcore.datasets import loader, registry
from cxrcore.datasets.table import Dataset
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

MAX_BYTES, MAX_FILES = 4 << 30, 50_000  # unpacked


def add(name: str, data: bytes, *, report: Report = silent) -> Dataset:
    """Register the images of a zip; they are kept in `uploads/<name>` of the data folder.

    Args:
        name: of the dataset.
        data: the zip.
        report: as of `archives.unpack` and `loader.register`.

    Raises:
        DatasetError: the name is taken or not allowed, or the zip is damaged, dangerous, too large
            or no dataset; nothing of it is left then.
        StoreError: the disk is full or cannot be written.
    """
    registry.check_name(name)
    folder = settings.data_dir() / "uploads" / name
    if folder.exists() or registry.find(name):
        raise DatasetError(f"There is a dataset {name!r} already. Choose another name.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder.parent, suffix=".zip") as file:
        file.write(data)
        file.flush()
        archives.unpack(
            Path(file.name), folder, report=report, max_bytes=MAX_BYTES, max_files=MAX_FILES
        )
    try:
        shutil.rmtree(folder / "__MACOSX", ignore_errors=True)  # macOS adds copies of the names
        return loader.register(name, _inner(folder), report=report)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _inner(folder: Path) -> Path:
    """The folder of the classes: that of the zip, or the only one that it holds."""
    inside = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if len(inside) == 1 and inside[0].is_dir() and any(e.is_dir() for e in inside[0].iterdir()):
        return inside[0]
    return folder
