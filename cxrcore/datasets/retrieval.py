"""Bring a public collection to this machine and register it, or say what to do by hand.

data/public/kermany.zip       downloaded, or put there by hand
data/public/kermany/          unpacked, whole or absent; or put there by hand
"""

import contextlib
import importlib
import os
import secrets
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cxrcore import archives, datasets, downloads, files, parallel, settings
from cxrcore.datasets import collections, registry
from cxrcore.datasets.collections import Archive, ByHand, Collection, Kaggle
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent


def fetch(name: str, folder: Path | None = None, *, report: Report = silent) -> Path:
    """The folder of a public collection, which is brought and registered if it is not there yet.

    An archive or an unpacked folder that was put in its place by hand is taken from there.

    Args:
        name: of `known.COLLECTIONS`; it is registered as this.
        folder: where collections are kept, `public` in the data folder by default; each gets a
            folder of its own there.
        report: told how far downloading (bytes), unpacking (bytes) and reading (files) are.

    Raises:
        DatasetError: no such collection, unreachable, damaged, or had by hand only: then what
            to download, where to put it, and that this same call goes on from there. Also where
            the name stands for another folder, or what came is not such a dataset.
        StoreError: the disk is full or cannot be written.
    """
    collection = collections.get(name)
    if found := registered_at(name):
        return found
    target = place(name, folder)
    lock = settings.data_dir() / ".locks" / f"fetch-{name}.lock"
    with parallel.exclusive(lock, lambda: _busy(name)):
        source = _there(collection, target)
        if source is None:
            _bring(collection, target, report)
            _remove_parts(collection, target)
            source = target
        root = dataset_root(collection, source)
        try:
            datasets.register(name, root, collection.layout, report=report)
        except DatasetError as error:
            raise DatasetError(
                f"{source} is not {collection.title} as this program knows it: {error} Remove the "
                f"folder and fetch again, or register it as what it is: `data add NAME {source}`."
            ) from error
    return root


def place(name: str, folder: Path | None = None) -> Path:
    """Where a collection is unpacked to."""
    base = settings.data_dir() / "public" if folder is None else folder.expanduser().absolute()
    return base / collections.get(name).name


def registered_at(name: str) -> Path | None:
    """The folder that is registered as the collection, or None.

    Raises:
        DatasetError: it is registered, but the folder is gone.
    """
    entry = registry.find(name)
    if entry is None:
        return None
    if not entry.path.is_dir():
        raise DatasetError(
            f"{name} is registered as {entry.path}, which is not there. Connect its disk, "
            f"or type `data forget {name}` and fetch it again."
        )
    return entry.path


def archive_at(name: str, folder: Path | None = None) -> Path | None:
    """The archive of a collection that lies in its place, put there by hand or left by Ctrl-C."""
    target = place(name, folder)
    names = (target.with_name(target.name + suffix) for suffix in archives.SUFFIXES)
    return next((path for path in names if path.is_file()), None)


def by_hand(collection: Collection, folder: Path | None = None) -> str:
    """What a person does to have the collection, as sentences on one line."""
    target, how = place(collection.name, folder), collection.how
    again = f"`data fetch {collection.name}{'' if folder is None else f' --to {folder}'}`"
    if isinstance(how, ByHand):
        typed = ", ".join(f"`{command}`" for command in how.commands)
        return (
            f"Type {typed} (see {how.address}), then {again}, which takes it from {how.result} "
            f"or from {target}."
        )
    suffix = how.suffix if isinstance(how, Archive) else ".zip"
    archive = target.with_name(target.name + suffix)
    return (
        f"Download {how.address} in a browser and save it as {archive}, or unpack it to {target}; "
        f"then {again} goes on from there."
    )


def dataset_root(collection: Collection, folder: Path) -> Path:
    """The dataset in what was unpacked: below folders that hold nothing else, then `inside`."""
    # Class folders are no layout that can be told from a look.
    adapter = None if collection.layout == "folders" else datasets.LAYOUTS[collection.layout]
    root = folder
    while True:
        if collection.inside and (root / collection.inside).is_dir():
            return root / collection.inside
        if adapter is not None and adapter.detect(root):
            return root
        entries = [entry for entry in root.iterdir() if not _is_clutter(entry)]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
            return root
        root = entries[0]


def _there(collection: Collection, target: Path) -> Path | None:
    """The folder that is there already, put by hand or by the publisher's own tool."""
    if target.exists() and not target.is_dir():
        raise DatasetError(f"{target} is a file, where the folder would be. Move it away.")
    if target.is_dir() and any(target.iterdir()):
        return target
    if isinstance(collection.how, ByHand):
        result = Path(collection.how.result).expanduser()
        return result if result.is_dir() else None
    return None


def _is_clutter(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name == "__MACOSX"


def _busy(name: str) -> None:
    raise DatasetError(f"Another process is fetching {name} now. Wait until it has ended.")


def _bring(collection: Collection, target: Path, report: Report) -> None:
    """Make the folder, from an archive that lies there or from where it is published."""
    _remove_leftovers(target)
    if target.exists():
        target.rmdir()  # it is empty
    folder = None if target == place(collection.name) else target.parent
    if put := archive_at(collection.name, folder):
        _unpack(put, target, report)
        return
    how = collection.how
    if isinstance(how, Kaggle):
        _from_kaggle(collection, how, target, folder)
    elif isinstance(how, Archive):
        archive = downloads.download(
            how.address,
            target.with_name(target.name + how.suffix),
            explain=lambda reason: _unreachable(collection, reason, folder),
            checksum=how.checksum,
            report=report,
        )
        try:
            _unpack(archive, target, report)
        except DatasetError:  # after Ctrl-C or with a full disk it is still good
            archive.unlink(missing_ok=True)
            raise
        archive.unlink(missing_ok=True)
    else:
        raise DatasetError(
            f"{collection.title} cannot be fetched by this program. {by_hand(collection, folder)}"
        )


def _unpack(archive: Path, target: Path, report: Report) -> None:
    """Unpack an archive, and the archives that may be all it holds, beside; then rename."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        archives.unpack(archive, temporary, report=report)
        held = _files(temporary)
        if held and all(archives.is_archive(path) for path in held):
            for inner in held:
                _unpack_inner(archive, inner, report)
        # All at once: flushing tens of thousands of files one by one takes minutes.
        os.sync()
        os.rename(temporary, target)
    except OSError as error:
        raise files.cannot_write(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_inner(archive: Path, inner: Path, report: Report) -> None:
    try:
        archives.unpack(inner, inner.with_name(inner.name.split(".")[0]), report=report)
    except DatasetError as error:
        fault = str(error).removeprefix(str(inner))
        raise DatasetError(f"{archive} holds {inner.name}, which{fault}") from error
    inner.unlink()


def _files(folder: Path) -> list[Path]:
    """All files below, without what operating systems add."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [folder / path for path in paths if not any(map(_is_clutter, (path, *path.parents)))]


def _remove_leftovers(target: Path) -> None:
    """What a killed process left half unpacked; the lock says that nobody is at it."""
    if target.parent.is_dir():
        for path in target.parent.glob(f".{target.name}.????????"):  # of `_unpack`
            shutil.rmtree(path, ignore_errors=True)


def _unreachable(collection: Collection, reason: str, folder: Path | None) -> DatasetError:
    return DatasetError(
        f"{collection.title} could not be fetched: {reason}. {by_hand(collection, folder)}"
    )


def _remove_parts(collection: Collection, target: Path) -> None:
    """What earlier broken downloads kept, now that the whole is there."""
    shutil.rmtree(_kagglehub_cache(target), ignore_errors=True)
    if isinstance(collection.how, Archive):
        downloads.discard(target.with_name(target.name + collection.how.suffix))


def _from_kaggle(collection: Collection, how: Kaggle, target: Path, folder: Path | None) -> None:
    """Let kagglehub download and unpack it beside the target, which it resumes; then rename."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what it prints is not ours to answer
            hub = importlib.import_module("kagglehub")
            kinds = vars(importlib.import_module("kagglehub.exceptions")).values()
    except ImportError as error:
        reason = "the package kagglehub is not installed (`pip install kagglehub`)"
        raise _unreachable(collection, reason, folder) from error
    theirs = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception))
    expected: tuple[type[Exception], ...] = (*theirs, OSError, ValueError, zipfile.BadZipFile)
    cache = _kagglehub_cache(target)
    try:
        with _kagglehub_in(cache), contextlib.redirect_stdout(sys.stderr):
            made = Path(hub.dataset_download(how.handle))
    except expected as error:
        reason = f"Kaggle: {' '.join(str(error).split())[:300]}"
        if any(path.is_file() for path in cache.rglob("*")):
            reason += "; what has come is kept, the next try goes on from there"
        raise _unreachable(collection, reason, folder) from error
    try:
        os.rename(made, target)
    except OSError as error:
        raise files.cannot_write(target, error) from error


def _kagglehub_cache(target: Path) -> Path:
    return target.with_name(f".kagglehub-{target.name}")


@contextlib.contextmanager
def _kagglehub_in(cache: Path) -> Iterator[None]:
    """Have kagglehub keep what it downloads in a folder of ours, on the disk it goes to."""
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(cache)
    try:
        yield
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before
