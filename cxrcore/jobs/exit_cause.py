"""Why the process of a job ended without a last status (docs/decisions/0038).

The evidence: the `Vitals` of each heartbeat, the signal that its parent saw (`note`, in
`end.json`), and what the system says now.
"""

import contextlib
import json
import platform
import shutil
import signal
from pathlib import Path
from typing import NamedTuple

import psutil

from cxrcore.jobs.disk import END
from cxrcore.jobs.model import Job, Vitals

# Linux only; elsewhere nothing is concluded from them.
_COUNTERS = Path("/proc/vmstat")
_BOOT = Path("/proc/sys/kernel/random/boot_id")

# TensorFlow under a limit of its memory ended with the first two.
_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)

_LITTLE_MB = 256.0  # with less to spare, lack of memory is likely
_FULL_BYTES = 1 << 20

_UNKNOWN = "Its process ended suddenly: killed, out of memory, or the computer went off."
_MEMORY_ADVICE = (
    "Close other programs before you resume, or start it with a smaller batch or smaller images."
)


class _End(NamedTuple):
    """How the parent saw the process end."""

    pid: int
    signal: int
    oom_kills: int | None


def vitals() -> Vitals | None:
    """Of this process now; None where the system does not say."""
    try:
        return Vitals(
            machine=platform.node(),
            boot=_boot(),
            memory_mb=round(psutil.Process().memory_info().rss / 1e6, 1),
            free_mb=round(psutil.virtual_memory().available / 1e6, 1),
            oom_kills=_oom_kills(),
        )
    except (psutil.Error, OSError):
        return None


def note(folder: Path, pid: int, number: int) -> None:
    """Keep for `explain` that a signal just ended process `pid` of the job in `folder`."""
    end = _End(pid, number, _oom_kills())
    # Not `files.write_json`, which would bring back the folder of a job that was removed.
    with contextlib.suppress(OSError):
        half = folder / f".{END}"
        half.write_text(json.dumps(end._asdict()))
        half.replace(folder / END)


def explain(folder: Path, job: Job) -> str:
    """One or two sentences on a job whose process is gone although its status says that it runs."""
    cause = _cause(job.vitals, _noted(folder, job.pid))
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(folder).free
        if free < _FULL_BYTES:
            cause += f" The disk is full ({free / 1e3:,.0f} kB free): free some space first."
    return cause


def _cause(last: Vitals | None, end: _End | None) -> str:
    otherwise = _by_signal(end) if end else _UNKNOWN
    if last is None or (end and end.signal != signal.SIGKILL):
        return otherwise
    here = last.machine == platform.node()
    if end is None and here and last.boot is not None and last.boot != _boot():
        return "The computer went off or was restarted while it worked."
    held = f"it held {last.memory_mb / 1e3:.1f} GB then"
    kills = end.oom_kills if end else _oom_kills() if here else None
    if kills is not None and last.oom_kills is not None and kills > last.oom_kills:
        return (
            "Its process was killed, probably for lack of memory: since its last sign of life the "
            f"system ended a program for that reason, and {held}. {_MEMORY_ADVICE}"
        )
    if last.free_mb < _LITTLE_MB:
        return (
            "Its process was killed, perhaps for lack of memory: the computer had "
            f"{last.free_mb:.0f} MB left, and {held}. {_MEMORY_ADVICE}"
        )
    return otherwise


def _by_signal(end: _End) -> str:
    if end.signal == signal.SIGKILL:
        return "Its process was killed from outside (SIGKILL)."
    try:
        name = signal.Signals(end.signal).name
    except ValueError:
        name = f"signal {end.signal}"
    if end.signal in _CRASHES:
        return (
            f"Its process crashed ({name}), as libraries do when they get no memory, among other "
            f"reasons; its log may say more. {_MEMORY_ADVICE}"
        )
    return f"Its process was ended by {name}; its log may say more."


def _noted(folder: Path, pid: int | None) -> _End | None:
    try:
        end = _End(**json.loads((folder / END).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return end if end.pid == pid else None


def _oom_kills() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in _COUNTERS.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return None


def _boot() -> str | None:
    with contextlib.suppress(OSError):
        return _BOOT.read_text().strip()
    return None
