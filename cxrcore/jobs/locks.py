"""Locks that the operating system drops when the process that holds them dies.

A lock is an open file with `flock`, known by its descriptor, which a child can inherit: the lock of
a job is taken before its process exists, so a new job never looks dead (docs/decisions/0003).
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from cxrcore import files
from cxrcore.errors import JobError

_POLL_SECONDS = 0.01  # between attempts while waiting for a lock


def take(path: Path, timeout: float = 0.0) -> int | None:
    """Lock `path` for this process alone, creating the file if needed; its folder must exist.

    Returns:
        The descriptor: `os.close` it to release the lock. None if another process still holds it
        after `timeout` seconds.

    Raises:
        JobError: this file system has no locks.
        StoreError: the file cannot be created.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise files.cannot_write(path, error) from error
        taken = False
        try:
            taken = _flock(handle, path, fcntl.LOCK_EX) and is_of(handle, path)
        finally:
            if not taken:
                os.close(handle)
        if taken:
            return handle
        if time.monotonic() >= end:
            return None
        time.sleep(_POLL_SECONDS)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock `path`; a file that does not exist is not locked.

    Asks with a shared lock, so that two askers do not take each other for the holder.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _flock(handle, path, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def is_of(handle: int, path: Path) -> bool:
    """Whether the open `handle` is the file now at `path`, not one deleted since."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


@contextlib.contextmanager
def hold(path: Path, timeout: float) -> Iterator[int]:
    """Hold the lock `path` for a block, waiting for it up to `timeout` seconds.

    Raises:
        JobError: it is still taken then, or this file system has no locks.
    """
    handle = take(path, timeout)
    if handle is None:
        raise JobError(
            f"Another process has kept {path} locked for {timeout:.0f} s. "
            "It may be stopping; try again in a moment."
        )
    try:
        yield handle
    finally:
        os.close(handle)


def _flock(handle: int, path: Path, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise JobError(
            f"{path} cannot be locked: {error.strerror}. Jobs need a file system with locks; "
            "set CXR_MODELS to a folder on a local disk."
        ) from error
    return True
