"""Whether a run folder is what was saved: cheaply for a listing, in full where it matters."""

import contextlib
import functools
import os
from pathlib import Path

from pydantic import ValidationError

from cxrcore.errors import CxrError
from cxrcore.metrics import METRICS
from cxrcore.store import completion
from cxrcore.store.record import RECORD, Run, Stamp, digest_of, stamp

SEAL = "run.digest"
OK = "ok"

_REMEDY = "Delete it and train it again."


def read(folder: Path) -> tuple[Run | None, str]:
    """The run in `folder` and its state: "ok", or a sentence that says what is damaged.

    A file with the recorded size and time is believed to be unchanged. One
    with another time (a copied store) is digested, once, and on success gets
    the recorded time back. `Run.verified` digests a file before it is used. An undamaged run has
    every registered metric, see `completion`.
    """
    path = folder / RECORD
    try:
        run = _parsed(path, stamp(path))
    except FileNotFoundError:
        return None, f"Not a whole run: {RECORD} is missing. {_REMEDY}"
    except CxrError as error:  # a split that makes no sense
        return None, f"{RECORD} is damaged: {error} {_REMEDY}"
    except OSError as error:
        return None, f"{RECORD} cannot be read: {error.strerror or error}. Check its permissions."
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the text"
        return None, f"{RECORD} is damaged: {place}: {first['msg']}. {_REMEDY}"
    state = _state(folder, run)
    return (_completed(path, stamp(path), tuple(METRICS)) if state == OK else run), state


@functools.lru_cache(maxsize=1024)
def _parsed(path: Path, _stamp: Stamp) -> Run:
    """The record, read once for as long as the file is untouched: pages list runs often."""
    return Run.model_validate_json(path.read_bytes())


@functools.lru_cache(maxsize=1024)
def _completed(path: Path, recorded: Stamp, _metrics: tuple[str, ...]) -> Run:
    """The run with every metric, computed once for as long as the record is untouched."""
    return completion.complete(_parsed(path, recorded), digest_of(path))


def _state(folder: Path, run: Run) -> str:
    if run.run_id != folder.name:
        return (
            f"The folder was renamed: it holds the run {run.run_id}. Give it that name again, "
            "or delete it."
        )
    try:
        seal = (folder / SEAL).read_text(encoding="ascii").strip()
        if seal != digest_of(folder / RECORD):
            return f"{RECORD} was changed after the run was saved. {_REMEDY}"
        for name in run.kept_files:
            if not _unchanged(folder / name, run.files.get(name), run.stamps.get(name)):
                return f"{name} is not the file that was saved. {_REMEDY}"
    except FileNotFoundError as error:
        return f"Not a whole run: {Path(error.filename).name} is missing. {_REMEDY}"
    except (OSError, UnicodeDecodeError) as error:
        return f"A file of the run cannot be read: {error}. Check its permissions."
    return OK


def _unchanged(path: Path, digest: str | None, recorded: Stamp | None) -> bool:
    if digest is None or recorded is None:
        return False
    found = stamp(path)
    if found == recorded:
        return True
    if found[0] != recorded[0] or digest_of(path) != digest:
        return False
    # The same content under another time: next time the time alone will do. Where the
    # store cannot be written the digest is remembered by this process only.
    with contextlib.suppress(OSError):
        os.utime(path, ns=(recorded[1], recorded[1]))
    return True
