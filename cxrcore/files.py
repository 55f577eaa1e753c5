"""Files that are complete or absent: written under another name, flushed, then renamed."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cxrcore.errors import StoreError

_CHUNK = 1 << 20

Stamp = tuple[tuple[str, int, int], ...]


def stamp(paths: Iterable[Path]) -> Stamp:
    """Name, size and time of change of each file that exists: equal as long as none changes.

    A folder's time of change covers files added, removed and renamed in it.
    """
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)


def folder_stamp(folder: Path) -> Stamp:
    """The stamp of a folder and of what lies directly in it; one pass over the folder."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:  # not there, or deleted by another process a moment ago
        return ()
    found = list(stamp([folder]))
    for entry in inside:
        with contextlib.suppress(OSError):
            status = entry.stat()
            found.append((entry.path, status.st_size, status.st_mtime_ns))
    return tuple(found)


@contextlib.contextmanager
def atomic_file(path: Path, needed: int | None = None) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` atomically, or stays as it is if the block raises.

    After a power cut `path` is the complete old or new file; `sync_folder` makes sure that it is
    the new one. `needed` is the expected size in bytes, for the message about a full disk.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    # Not tempfile.mkstemp: only the owner may read its files, and stores are shared.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error, needed) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` with `data` atomically; readers see the old file or the new one.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    with atomic_file(path, len(data)) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a power cut does not undo a rename.

    Call it after a rename and before deleting what the rename replaces. It has no effect on file
    systems that do not support it, such as some network disks.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value atomically, indented, in UTF-8; NaN raises ValueError."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text.encode())


def read_json(path: Path) -> Any:
    """The JSON value in `path`.

    Raises:
        StoreError: the file is missing, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read as JSON: {error}. "
            "Restore the file from a backup, or delete it and create it again."
        ) from error


@contextlib.contextmanager
def whole_folder(path: Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary sibling folder that becomes `path` if the block succeeds.

    If the block raises, nothing is left. If `path` exists by then, it is kept and the new folder
    is dropped. Afterwards a power cut does not undo it. `needed` is the approximate size in bytes.

    Raises:
        StoreError: the disk is full or the parent cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            temporary.chmod(0o755)
            yield temporary
            _sync_all(temporary)
            if not path.exists():
                os.rename(temporary, path)
                sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise cannot_write(path, error, needed) from error


def _sync_all(folder: Path) -> None:
    """Flush a folder and its contents to disk; a full disk may show only here."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            with open(path, "rb") as handle:
                os.fsync(handle.fileno())
        elif path.is_dir():
            sync_folder(path)


def make_room(paths: Iterable[Path], allowed: int, *, unused_seconds: float = 0) -> None:
    """Delete the least recently used paths until the rest takes at most `allowed` bytes.

    The time of modification counts as the time of use; `os.utime` sets it. What cannot be
    deleted, such as open files on Windows, stays.

    Args:
        paths: files or folders, each deleted as a whole.
        allowed: bytes that may stay.
        unused_seconds: anything used more recently than this stays in any case.
    """
    found = []
    for path in paths:
        with contextlib.suppress(OSError):  # another process deleted it a moment ago
            found.append((path.stat().st_mtime, size_of(path), path))
    surplus = sum(size for _, size, _ in found) - allowed
    for used, size, path in sorted(found):
        if surplus <= 0 or time.time() - used < unused_seconds:
            return
        with contextlib.suppress(OSError):
            remove(path)
            surplus -= size


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())


def remove(path: Path) -> None:
    """Delete a file or a folder; a folder disappears in one step.

    Raises:
        OSError: it cannot be deleted or does not exist.
    """
    if not path.is_dir():
        path.unlink()
        return
    gone = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def remove_abandoned(folder: Path, pattern: str, unused_seconds: float) -> None:
    """Delete unfinished work of dead processes: old paths that match the pattern."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= unused_seconds:
                remove(path)


def digest(path: Path) -> str:
    """BLAKE2b-128 of the file's bytes, 32 hexadecimal digits."""
    state = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def cannot_write(path: Path, error: OSError, needed: int | None = None) -> StoreError:
    """The StoreError for an OSError raised while writing `path`, with what to do next.

    Args:
        path: the file or folder.
        error: from the system.
        needed: bytes that `path` needs, if known.
    """
    room = f", {_mb(needed)} needed" if needed is not None else ""
    with contextlib.suppress(OSError):
        parent = next(p for p in path.absolute().parents if p.exists())
        room = f" ({_mb(shutil.disk_usage(parent).free)} free there{room})"
    return StoreError(
        f"{path} could not be written: {error.strerror or error}{room}. "
        "Free some space or choose another folder, then try again; nothing was changed."
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


@contextlib.contextmanager
def without_stderr() -> Iterator[None]:
    """Standard error leads nowhere, also that of libraries in C++, for all threads of the process."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
