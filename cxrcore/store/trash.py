"""Delete runs so that they can come back, until the trash is emptied."""

import shutil
import time
from pathlib import Path

from cxrcore import files, settings
from cxrcore.errors import StoreError
from cxrcore.store.reading import folder_of, no_run


def delete(run_id: str) -> None:
    """Move a run, damaged or not, to the trash.

    Raises:
        StoreError: there is no such run, or it cannot be moved.
    """
    folder = folder_of(run_id)
    if not folder.is_dir():
        raise no_run(run_id)
    place = _trash() / f"{run_id}@{time.time_ns()}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(place)
    except OSError as error:
        raise files.cannot_write(place, error) from error


def trashed() -> list[str]:
    """Names of the deleted runs that can be restored."""
    return sorted({path.name.rpartition("@")[0] for path in _trash().glob("*@*")})


def restore(run_id: str) -> Path:
    """Bring back the run that was deleted last under this name.

    Raises:
        StoreError: none was deleted, or a run of that name is there again.
    """
    folder = folder_of(run_id)
    if folder.exists():
        raise StoreError(f"{folder} exists: there is nothing to restore. Delete it first.")
    kept = sorted(_trash().glob(f"{run_id}@*"), key=lambda path: path.name)
    if not kept:
        names = ", ".join(trashed()) or "nothing"
        raise StoreError(f"The trash has no run {run_id!r}; it holds {names}.")
    try:
        kept[-1].rename(folder)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    return folder


def empty_trash() -> int:
    """Remove deleted runs for good; returns how many there were."""
    kept = list(_trash().glob("*@*"))
    for folder in kept:
        shutil.rmtree(folder, ignore_errors=True)
    return len(kept)


def _trash() -> Path:
    return settings.models_dir() / ".trash"
