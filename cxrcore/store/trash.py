"""Delete runs so that they can come back, until the trash is emptied."""

import shutil
import time
from pathlib import Path

from cxrcore import files, settings
from cxrcore.errors import StoreError
from cxrcore.store.listing import folders, no_run


def delete(run_id: str) -> None:
    """Move a run, damaged or not, to the trash.

    Raises:
        StoreError: there is no such run, or it cannot be moved.
    """
    # Whatever is listed can be deleted, also a copied folder with a blank in its name.
    folder = next((entry for entry in folders() if entry.name == run_id), None)
    if folder is None:
        raise no_run(run_id)
    place = _trash() / f"{run_id}@{time.time_ns()}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(place)
    except OSError as error:
        raise files.cannot_write(place, error) from error


def trashed() -> list[str]:
    """Names of the deleted runs that can be restored."""
    return sorted({_name(place) for place in _kept()})


def restore(run_id: str) -> Path:
    """Bring back the run that was deleted last under this name.

    Raises:
        StoreError: none was deleted, or a run of that name is there again.
    """
    kept = sorted((p for p in _kept() if _name(p) == run_id), key=lambda path: path.name)
    if not kept:
        names = ", ".join(trashed()) or "nothing"
        raise StoreError(f"The trash has no run {run_id!r}; it holds {names}.")
    folder = settings.models_dir() / run_id
    if folder.exists():
        raise StoreError(f"{folder} exists: there is nothing to restore. Delete it first.")
    try:
        kept[-1].rename(folder)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    return folder


def empty_trash() -> int:
    """Remove deleted runs for good; returns how many there were.

    Raises:
        StoreError: some could not be removed; it names them and why. All others are gone.
    """
    kept = _kept()
    left = {place: why for place in kept if (why := _remove(place))}
    if left:
        named = "; ".join(f"{_name(place)} ({why})" for place, why in left.items())
        raise StoreError(
            f"{len(left):,} of {len(kept):,} deleted runs could not be removed: {named}. "
            f"See that this account may delete what is in {_trash()} and that no other program "
            "uses it, then empty the trash again."
        )
    return len(kept)


def _remove(place: Path) -> str:
    """Remove one deleted run, or what can be removed of it; why the rest stayed, or ""."""
    try:
        if place.is_symlink():  # a run that is kept elsewhere: the store has a link of it only
            place.unlink()
        else:
            shutil.rmtree(place)
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)  # the first that stays does not hold up others
        return (error.strerror or str(error)) if place.exists() else ""
    return ""


def _kept() -> list[Path]:
    return list(_trash().glob("*@*"))


def _name(place: Path) -> str:
    return place.name.rpartition("@")[0]


def _trash() -> Path:
    return settings.models_dir() / ".trash"
