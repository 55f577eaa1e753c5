"""Fetching a public collection to this machine and registering it, or what to do by hand.

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
    """The folder of a public collection, which is fetched and registered if it is missing.

    An archive or an unpacked folder that was put in its place by hand is used.

    Args:
        name: of `collections.COLLECTIONS`, and to be registered.
        folder: where collections are kept, each in its own folder; by default `public` in the
            data folder.
        report: receives the progress of downloading (bytes), unpacking (bytes), reading (files).

    Raises:
        DatasetError: no such collection, or it is unreachable, damaged, or available by hand
            only: then what to download and where to put it before the same call goes on. Also
            if the name stands for another folder, or the download is not such a dataset.
        StoreError: the disk is full or cannot be written.
    """
    collection = collections.get(name)
    if found := registered_at(name):
        return found
    target = place(name, folder)
    lock = settings.data_dir() / ".locks" / f"fetch-{name}.lock"
    with parallel.exclusive(lock, lambda: _busy(name)):
        source = _existing(collection, target)
        if source is None:
            _fetch(collection, target, report)
            _remove_parts(collection, target)
            source = target
        root = dataset_root(collection, source)
        try:
            datasets.register(name, root, collection.layout, report=report)
        except DatasetError as error:
            raise DatasetError(
                f"{source} does not look like {collection.title}: {error} Remove the folder and "
                f"fetch again, or register it under another name: `data add NAME {source}`."
            ) from error
    return root


def place(name: str, folder: Path | None = None) -> Path:
    """The folder into which a collection is unpacked."""
    base = settings.data_dir() / "public" if folder is None else folder.expanduser().absolute()
    return base / collections.get(name).name


def registered_at(name: str) -> Path | None:
    """The folder that is registered as the collection, or None.

    Raises:
        DatasetError: it is registered, but the folder is missing.
    """
    entry = registry.find(name)
    if entry is None:
        return None
    if not entry.path.is_dir():
        raise DatasetError(
            f"{name} is registered as {entry.path}, which is missing. Connect its disk, "
            f"or type `data forget {name}` and fetch it again."
        )
    return entry.path


def archive_at(name: str, folder: Path | None = None) -> Path | None:
    """The archive of a collection in its place, put there by hand or left by Ctrl-C, else None."""
    target = place(name, folder)
    names = (target.with_name(target.name + suffix) for suffix in archives.SUFFIXES)
    return next((path for path in names if path.is_file()), None)


def by_hand(collection: Collection, folder: Path | None = None) -> str:
    """How to get the collection by hand, as sentences on one line."""
    target, how = place(collection.name, folder), collection.how
    again = f"`data fetch {collection.name}{'' if folder is None else f' --to {folder}'}`"
    if isinstance(how, ByHand):
        commands = ", ".join(f"`{command}`" for command in how.commands)
        return (
            f"Type {commands} (see {how.address}), then {again}, which takes it from {how.result} "
            f"or from {target}."
        )
    suffix = how.suffix if isinstance(how, Archive) else ".zip"
    archive = target.with_name(target.name + suffix)
    return (
        f"Download {how.address} in a browser and save it as {archive}, or unpack it to {target}; "
        f"then {again} goes on from there."
    )


def dataset_root(collection: Collection, folder: Path) -> Path:
    """The dataset in an unpacked folder: below folders that merely wrap it, then in `inside`."""
    # Class folders cannot be detected: any folder may be some.
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


def _existing(collection: Collection, target: Path) -> Path | None:
    """The folder if it exists already, put there by hand or by the publisher's tool."""
    if target.exists() and not target.is_dir():
        raise DatasetError(f"{target} is a file; the folder belongs there. Move the file away.")
    if target.is_dir() and any(target.iterdir()):
        return target
    if isinstance(collection.how, ByHand):
        result = Path(collection.how.result).expanduser()
        return result if result.is_dir() else None
    return None


def _is_clutter(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name == "__MACOSX"


def _busy(name: str) -> None:
    raise DatasetError(f"Another process is fetching {name}. Wait until it has finished.")


def _fetch(collection: Collection, target: Path, report: Report) -> None:
    """Make the folder from an archive beside it or from the publisher."""
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
        except DatasetError:  # after Ctrl-C or on a full disk it is still good
            archive.unlink(missing_ok=True)
            raise
        archive.unlink(missing_ok=True)
    else:
        raise DatasetError(
            f"{collection.title} cannot be fetched by this program. {by_hand(collection, folder)}"
        )


def _unpack(archive: Path, target: Path, report: Report) -> None:
    """Unpack an archive, and the archives in it if it holds nothing else, beside; then rename."""
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
    """All files below a folder, without what operating systems add."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [folder / path for path in paths if not any(map(_is_clutter, (path, *path.parents)))]


def _remove_leftovers(target: Path) -> None:
    """Remove what a killed process left half unpacked; the lock is held, so nobody uses it."""
    if target.parent.is_dir():
        for path in target.parent.glob(f".{target.name}.????????"):  # of `_unpack`
            shutil.rmtree(path, ignore_errors=True)


def _unreachable(collection: Collection, reason: str, folder: Path | None) -> DatasetError:
    return DatasetError(
        f"{collection.title} could not be fetched: {reason}. {by_hand(collection, folder)}"
    )


def _remove_parts(collection: Collection, target: Path) -> None:
    """Remove what interrupted downloads kept."""
    shutil.rmtree(_kagglehub_cache(target), ignore_errors=True)
    if isinstance(collection.how, Archive):
        downloads.discard(target.with_name(target.name + collection.how.suffix))


def _from_kaggle(collection: Collection, how: Kaggle, target: Path, folder: Path | None) -> None:
    """Let kagglehub download (or resume) and unpack it beside the target; then rename."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for our own answers
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
            reason += "; the part that was downloaded is kept, and the next try goes on from there"
        raise _unreachable(collection, reason, folder) from error
    try:
        os.rename(made, target)
    except OSError as error:
        raise files.cannot_write(target, error) from error


def _kagglehub_cache(target: Path) -> Path:
    return target.with_name(f".kagglehub-{target.name}")


@contextlib.contextmanager
def _kagglehub_in(cache: Path) -> Iterator[None]:
    """Let kagglehub keep its downloads in a folder of ours, on the target's disk."""
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(cache)
    try:
        yield
    finally:
        del os.environ["KAGGLEHUB_CACHE"]
        if before is not None:
            os.environ["KAGGLEHUB_CACHE"] = before
