"""Untrusted files to films, apart from everything else (docs/decisions/0048)."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from cxrcore.errors import ImageError, JobError
from cxrcore.films import pipe
from cxrcore.films.film import Film
from cxrcore.films.process import Process
from cxrcore.films.turns import OnWait, Turns, Wait

DATA_BYTES = 430_000_000  # with the libraries' 60 MB the process stays below 500 MB
_START_SECONDS = 60  # for a busy machine; it takes about one
_TICK = 0.1
# Threads would reserve memory for themselves, and freed memory would be kept.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_ENVIRONMENT |= {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}


class Decoder:
    """Processes that decode files within limits of time and memory, for many sessions.

    They start at once and stay. One that takes too long or dies is replaced, while the other
    serves the next visitor.

    Args:
        seconds: for a file.
        processes: files that are decoded at a time; a session has one of them at most.
    """

    def __init__(self, seconds: float = 5, processes: int = 2) -> None:
        self._seconds = seconds
        self._turns = Turns(processes)
        self._idle = [_start() for _ in range(processes)]
        self._lock = threading.Lock()

    def decode(
        self,
        image: bytes | Path,
        *,
        name: str | None = None,
        session: str = "",
        on_wait: OnWait | None = None,
        page: int = 1,
    ) -> Film:
        """The film of a file or upload.

        Args:
            image: a file, or the bytes of an upload.
            name: used in messages; the file's name by default.
            session: the visitor; those who wait are served in turn.
            on_wait: called with a Wait every 0.1 s. What it raises ends the request.
            page: of a TIFF of several, from 1.

        Raises:
            ImageError: the file cannot be used, has no such page, or takes more time or memory than is allowed.
            JobError: too many requests wait, or no process could be started.
        """
        if name is None:
            name = "The upload" if isinstance(image, bytes) else image.name
        path, data = (None, image) if isinstance(image, bytes) else (image, b"")
        request = pipe.pack((path, name, page, _settings())), data
        with self._turns.request(session) as visit, visit.turn(on_wait), self._process() as process:
            answer = self._ask(process, request, name, on_wait)
        if answer[:1] == b"-":
            raise ImageError(answer[1:].decode())
        return Film.unpacked(answer)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that are free."""
        return [process.pid for process in self._idle]

    def close(self) -> None:
        """Stop the processes that are free; a later call starts them anew."""
        with self._lock:
            for process in self._idle:
                process.stop()

    @contextlib.contextmanager
    def _process(self) -> Iterator[Process]:
        """A free process; after the block it is free again, or another takes its place."""
        with self._lock:
            process = self._idle.pop(0)
        if not process.alive:
            process.stop()
            process = _start()
        try:
            yield process
        except BaseException:
            process.stop()  # it may still be at work on the file
            raise
        finally:
            with self._lock:
                # The newest last: it may still be starting.
                self._idle.append(_start() if process.stopped else process)

    def _ask(
        self, process: Process, request: tuple[bytes, bytes], name: str, on_wait: OnWait | None
    ) -> bytes:
        if not process.ready:
            answer = _next(process, _START_SECONDS, on_wait)
            if answer != b"ready":
                raise JobError(
                    "The process that reads pictures could not be started: "
                    f"{process.cause_of_death()}. Try again."
                )
            process.ready = True
        for message in request:
            process.send(message)
        try:
            answer = _next(process, self._seconds, on_wait)
        except TimeoutError:
            raise ImageError(
                f"{name} could not be read in {self._seconds:g} s and was given up. Open it in a "
                "picture program and save it again."
            ) from None
        if answer is None:
            raise ImageError(
                f"{name} could not be read: the process that tried it ended. Open it in a picture "
                "program and save it again, smaller if it is large."
            )
        return answer


def _start() -> Process:
    return Process("cxrcore.films.child", str(DATA_BYTES), environment=_ENVIRONMENT)


def _next(process: Process, seconds: float, on_wait: OnWait | None) -> bytes | None:
    """The next answer; None if the process is gone, TimeoutError if it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return process.receive(timeout=max(0.0, min(_TICK, deadline - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= deadline:
                raise TimeoutError from None
        if on_wait is not None:
            on_wait(Wait(0))


def _settings() -> dict[str, str]:
    """The current limit of pixels; the process may have been started under another."""
    return {"CXR_MAX_PIXELS": os.environ.get("CXR_MAX_PIXELS", "")}
