"""Files that are whole or absent: write beside, flush, then rename."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
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


@contextlib.contextmanager
def atomic_file(path: Path, needed: int | None = None) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` in one step if the block succeeds; else nothing changes.

    After a power cut `path` is the old file or the new one, whole; `sync_folder` makes sure
    that it is the new one. `needed` is how many bytes it will have, to say when the disk is full.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    # Not tempfile.mkstemp: its files are for the owner's eyes only, and stores are shared.
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
    """Replace `path` by `data` in one step; readers see the old file or the new one.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    with atomic_file(path, len(data)) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk, so that a power cut does not undo a rename.

    Call it between a rename and deleting what is not needed after it. A file system that
    cannot do it, as some network disks, does nothing.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of a JSON value, indented, UTF-8; NaN is refused as JSON has none."""
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
            "Restore the file from a backup, or delete it and make it again."
        ) from error


@contextlib.contextmanager
def whole_folder(path: Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary sibling folder that becomes `path` if the block succeeds.

    If the block raises, nothing is left. If `path` exists by then, the folder
    that came first is kept and the new one is dropped. Once this has returned,
    a power cut does not undo it. `needed` is how many bytes it will have, about.

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
    """Put a folder with all that is in it on disk; that is where a full one may show."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            with open(path, "rb") as handle:
                os.fsync(handle.fileno())
        elif path.is_dir():
            sync_folder(path)


def make_room(kept: Iterable[Path], allowed: int, *, unused_seconds: float = 0) -> None:
    """Delete what was not used for longest until the rest takes at most `allowed` bytes.

    When something was used is its time of modification: `os.utime` sets it. What cannot be
    deleted, as open files on Windows, stays.

    Args:
        kept: files or folders, each deleted as a whole.
        allowed: bytes that may stay.
        unused_seconds: what was used more recently than this stays whatever it takes.
    """
    found = []
    for path in kept:
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
    """Delete a file, or a folder in one step for those who look for it.

    Raises:
        OSError: it cannot be deleted, or is gone.
    """
    if not path.is_dir():
        path.unlink()
        return
    gone = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def remove_abandoned(folder: Path, pattern: str, unused_seconds: float) -> None:
    """Delete what a process that died left half done: what fits the pattern and is old enough."""
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
    """The StoreError for an OSError met while writing `path`, with what to do next.

    Args:
        path: what was to be written.
        error: what the system said.
        needed: how many bytes `path` needs, where that is known.
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
