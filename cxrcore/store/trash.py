"""Delete runs so that they can come back, until the trash is emptied."""

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from cxrcore import files, settings
from cxrcore.errors import StoreError
from cxrcore.store import annotations, check, completion, example_films, lung_shares, maps
from cxrcore.store.listing import folders, no_run
from cxrcore.store.run_names import family_of

PROFILES, CONTROLS = ".profiles", ".controls"  # see the packages of these names


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
    """Remove deleted runs for good, with what was said about them and what is kept beside them.

    Returns how many there were.

    Raises:
        StoreError: some could not be removed; it names them and why. All others are gone.
    """
    kept = _kept()
    gone = {_name(place) for place in kept} | _families(kept)
    left = {place: why for place in kept if (why := _remove(place))}
    annotations.forget(gone - _there(gone))
    _remove_orphans()
    if left:
        named = "; ".join(f"{_name(place)} ({why})" for place, why in left.items())
        raise StoreError(
            f"{len(left):,} of {len(kept):,} deleted runs could not be removed: {named}. "
            f"See that this account may delete what is in {_trash()} and that no other program "
            "uses it, then empty the trash again."
        )
    return len(kept)


def _families(places: Iterable[Path]) -> set[str]:
    """The families of the runs in some folders, as far as these can be read."""
    records = (check.read(place)[0] for place in places)
    return {family_of(run) for run in records if run is not None}


def _there(names: set[str]) -> set[str]:
    """Of some runs and families those that are still in the store or in the trash."""
    places = [*folders(), *_kept()]
    there = {folder.name for folder in folders()} | {_name(place) for place in _kept()}
    if any(check.read(place)[0] is None for place in places):
        return names  # it may be of any of these families
    return names & (there | _families(places))


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


def _remove_orphans() -> None:
    """Remove what is kept beside runs that are neither in the store nor in the trash."""
    root = settings.models_dir()
    beside = [
        file
        for name in (completion.FOLDER, example_films.FOLDER, lung_shares.FOLDER, PROFILES)
        for file in root.glob(f"{name}/[!.]*.*")
    ]
    beside += [folder for name in (maps.FOLDER, CONTROLS) for folder in root.glob(f"{name}/*")]
    # Listed after the files: whatever has a file by then has a folder.
    named = set()
    for folder in (*folders(), *_kept()):
        with contextlib.suppress(OSError, UnicodeDecodeError):  # damaged: made again if needed
            named.add((folder / check.SEAL).read_text(encoding="ascii").strip())
    for file in beside:
        if file.stem not in named:
            with contextlib.suppress(OSError):  # only room is lost
                files.remove(file)


def _kept() -> list[Path]:
    return list(_trash().glob("*@*"))


def _name(place: Path) -> str:
    return place.name.rpartition("@")[0]


def _trash() -> Path:
    return settings.models_dir() / ".trash"
