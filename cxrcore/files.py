"""Files that are whole or absent: write beside, flush, then rename."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cxrcore.errors import StoreError

_CHUNK = 1 << 20


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` in one step if the block succeeds; else nothing changes.

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
        raise cannot_write(path, error) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data` in one step; readers see the old file or the new one.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    with atomic_file(path) as file:
        file.write(data)


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
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling folder that becomes `path` if the block succeeds.

    If the block raises, nothing is left. If `path` exists by then, the folder
    that came first is kept and the new one is dropped.

    Raises:
        StoreError: the disk is full or the parent cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        temporary.chmod(0o755)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
        if not path.exists():
            os.rename(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def digest(path: Path) -> str:
    """BLAKE2b-128 of the file's bytes, 32 hexadecimal digits."""
    state = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The StoreError for an OSError met while writing `path`, with what to do next."""
    free = ""
    with contextlib.suppress(OSError):
        parent = next(p for p in path.absolute().parents if p.exists())
        free = f" ({shutil.disk_usage(parent).free / 1e6:,.0f} MB free there)"
    return StoreError(
        f"{path} could not be written: {error.strerror or error}{free}. "
        "Free some space or choose another folder, then try again; nothing was changed."
    )
