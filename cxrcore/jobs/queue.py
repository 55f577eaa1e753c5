"""The queue: lanes with a few places each, entered in order of submission.

    models/.jobs/.queue/<lane>/<ticket>-<job_id>   an empty file: this job waits
    models/.jobs/.slots/<lane>-<n>.lock            held by the job that has place n

Tickets only order the queue. The lock of a job shows whether it is alive, the lock of a place
whether it is free, so nothing needs tidying after a crash. Each store has a queue of its own.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from cxrcore import files, settings
from cxrcore.errors import Cancelled
from cxrcore.jobs import locks
from cxrcore.jobs.disk import LOCK
from cxrcore.jobs.registry import Lane

POLL_SECONDS = 0.3  # between looks at the queue


def line_up(lane: Lane, job_id: str, ticket: int) -> None:
    """Put a job at the end of its lane. Call it with the job's lock held.

    Raises:
        StoreError: the folder cannot be written.
    """
    folder = _folder(lane)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        leave(lane, job_id)  # an earlier ticket of this job, left by a crash, must not count
        (folder / f"{ticket:020d}-{job_id}").touch()
    except OSError as error:
        raise files.cannot_write(folder, error) from error


def leave(lane: Lane, job_id: str) -> None:
    """Take all tickets of a job out of its lane."""
    for ticket in _tickets(lane):
        if _job_of(ticket) == job_id:
            with contextlib.suppress(OSError):
                ticket.unlink()


def wait(
    lane: Lane,
    job_id: str,
    ticket: int,
    *,
    should_stop: Callable[[], bool],
    report: Callable[[int], None],
) -> int:
    """Wait until it is this job's turn and a place is free; take the place.

    Args:
        lane, job_id, ticket: where and who waits.
        should_stop: asked at each look, about three times a second.
        report: called after each look in vain with the number of jobs waiting ahead.

    Returns:
        The descriptor of the place's lock; `os.close` it to make room.

    Raises:
        Cancelled: `should_stop` returned True.
    """
    while not should_stop():
        ahead = _ahead(lane, job_id, ticket)
        # Take the place before leaving the queue: otherwise the next job could slip in between.
        if ahead == 0 and (place := _free_place(lane)) is not None:
            leave(lane, job_id)
            return place
        report(ahead)
        time.sleep(POLL_SECONDS)
    leave(lane, job_id)
    raise Cancelled("Stopped while it waited for its turn; nothing was started.")


def _ahead(lane: Lane, job_id: str, ticket: int) -> int:
    """How many living jobs wait before this one; tickets of dead ones are deleted."""
    mine, alive = f"{ticket:020d}-{job_id}", 0
    for other in _tickets(lane):
        if other.name >= mine:
            break
        if locks.is_held(settings.jobs_dir() / _job_of(other) / LOCK):
            alive += 1
        else:
            with contextlib.suppress(OSError):
                other.unlink()
    return alive


def _free_place(lane: Lane) -> int | None:
    folder = settings.jobs_dir() / ".slots"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(lane.places()):
        place = locks.take(folder / f"{lane.name}-{number}.lock")
        if place is not None:
            return place
    return None


def _tickets(lane: Lane) -> list[Path]:
    """All tickets of a lane, first come first."""
    try:
        return sorted(_folder(lane).iterdir())
    except FileNotFoundError:
        return []


def _job_of(ticket: Path) -> str:
    return ticket.name.partition("-")[2]


def _folder(lane: Lane) -> Path:
    return settings.jobs_dir() / ".queue" / lane.name
