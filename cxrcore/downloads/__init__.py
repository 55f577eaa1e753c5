"""Downloads of large files: resumed after an interruption, verified, complete or absent.

The bytes received so far lie beside the target as `.NAME.part`; `.NAME.part.json` says which
version of which file they belong to. They are kept only if the server names a version (ETag or
Last-Modified), and the rest is requested on condition that it is unchanged (RFC 9110, 13.1.5
If-Range and 14.2 Range). Otherwise the download starts over: parts of two versions never mix.
"""

import contextlib
import functools
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from cxrcore import files, parallel, settings
from cxrcore.downloads.part import Part
from cxrcore.downloads.transfer import Broken, Changed, Final, Pace, attempt
from cxrcore.errors import CxrError
from cxrcore.progress import Report, silent

__all__ = ["PAUSES", "STAGE", "TIMEOUT_SECONDS", "discard", "download"]

TIMEOUT_SECONDS = 20.0  # for connecting and for each read
PAUSES = (1.0, 4.0)  # seconds before an interrupted download is retried
STAGE = "downloading"

Explain = Callable[[str], CxrError]


def download(
    address: str,
    target: Path,
    *,
    explain: Explain,
    checksum: str | None = None,
    report: Report = silent,
    timeout: float = TIMEOUT_SECONDS,
) -> Path:
    """Download a file, resuming an earlier attempt; a second process waits for the first.

    Args:
        address: http or https.
        target: where to; if it exists by then, nothing is downloaded.
        explain: turns a reason such as "its address answers 404 Not Found" into the error; it
            knows what the file is and what to do by hand.
        checksum: `md5:…` or `sha256:…` in hexadecimal, as published.
        report: receives the bytes so far.
        timeout: seconds for connecting and for each read.

    Raises:
        CxrError: from `explain`; a part is kept only if it can be resumed.
        StoreError: the file cannot be written or there is no space for it.
    """
    key = hashlib.blake2b(str(target).encode(), digest_size=8).hexdigest()
    with parallel.exclusive(settings.data_dir() / ".locks" / f"{key}.lock", lambda: None):
        if target.exists():
            return target
        part = Part(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(address, part, Pace(f"{STAGE} {target.name}", report), explain, timeout)
            _require_checksum(part, checksum, explain)
            os.replace(part.path, target)
            part.info.unlink(missing_ok=True)
        except OSError as error:
            raise files.cannot_write(target, error) from error
        finally:
            part.tidy()
    return target


def discard(target: Path) -> None:
    """Remove the part of an interrupted download whose file arrived another way."""
    with contextlib.suppress(OSError):
        Part(target).drop()


def _fetch(address: str, part: Part, pace: Pace, explain: Explain, timeout: float) -> None:
    """Complete the part."""
    if part.version and part.version.address != address:
        part.drop()
    for pause in (*PAUSES, None):
        before = part.size
        try:
            try:
                attempt(address, part, pace, timeout)
            except Changed:
                part.drop()
                attempt(address, part, pace, timeout)
            return
        except Final as error:
            raise explain(str(error)) from error
        except Broken as error:
            kept = part.size
            if pause is None or kept <= before:  # nothing arrived, or it cannot be resumed
                note = (
                    f"; {kept:,} bytes are kept, and the next attempt resumes there" if kept else ""
                )
                raise explain(f"{error}{note}") from error
        time.sleep(pause)


def _require_checksum(part: Part, checksum: str | None, explain: Explain) -> None:
    if checksum is None:
        return
    kind, _, expected = checksum.partition(":")
    with open(part.path, "rb") as file:
        # Against damage; HTTPS is the protection against attackers.
        state = functools.partial(hashlib.new, kind, usedforsecurity=False)
        found = hashlib.file_digest(file, state).hexdigest()
    if found != expected:
        part.drop()
        raise explain(f"the download arrived damaged ({kind.upper()} {found}, not {expected})")
