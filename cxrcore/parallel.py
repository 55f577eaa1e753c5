"""Work in several processes: the same on many things, or something that only one may do."""

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TypeVar

import cv2

from cxrcore import files, settings
from cxrcore.errors import DatasetError

Task = TypeVar("Task")
Result = TypeVar("Result")


def unordered(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None
) -> Generator[Result, None, None]:
    """Yield `work(task)` for every task, in the order in which they finish.

    With one worker, or one task, all happens in this process. Otherwise joblib's processes do
    it, one thread each; they end when the generator is closed or anything is raised, Ctrl-C
    included. What they share goes through files.

    Args:
        work: a function of a module, which the processes can import; its results are pickled.
        tasks: what it is called with; each should take a second or so.
        workers: processes; all usable cores if None.

    Raises:
        DatasetError: a process died, of too little memory or of a file that crashes a decoder.
    """
    from joblib import Parallel, cpu_count, delayed

    count = min(workers or cpu_count(), len(tasks))
    if count <= 1:
        for task in tasks:
            yield work(task)
        return
    pool = Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1)
    with _deaf_to_ctrl_c():  # here the processes are started
        results = pool(delayed(_alone)(work, task, settings.max_pixels()) for task in tasks)
    try:
        for result in results:  # noqa: UP028 - `yield from` would close `results` on its own
            yield result
    except BrokenExecutor as error:
        raise DatasetError(
            "A process that reads images died: there was too little memory, or a file crashed it. "
            "What was done is kept. Start again; with one worker (--workers 1) less memory is used."
        ) from error
    finally:
        with warnings.catch_warnings():
            # joblib finds it worth a warning that work is cancelled; here it is what was meant.
            warnings.simplefilter("ignore", UserWarning)
            results.close()


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in the block inherit that they ignore Ctrl-C.

    It goes to all processes of a terminal. This one stops the others; they need not each
    print a traceback.
    """
    heard = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or heard is None:
        yield  # only the main thread may set handlers
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _alone(work: Callable[[Task], Result], task: Task, max_pixels: int) -> Result:
    """`work(task)` in a process of its own: one thread, and the limits of who asked for it."""
    cv2.setNumThreads(1)
    os.environ["CXR_MAX_PIXELS"] = str(max_pixels)  # a process may be older than the setting
    return work(task)


@contextlib.contextmanager
def exclusive(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time into the block; the lock dies with the process that holds it.

    Args:
        lock: a file that is made for it, and stays.
        waiting: called every second while another process is inside; may raise to give up.

    Raises:
        StoreError: the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        guard = FileLock(lock)
        while True:
            try:
                guard.acquire(timeout=1)
                break
            except Timeout:
                waiting()
    except OSError as error:
        raise files.cannot_write(lock, error) from error
    try:
        yield
    finally:
        guard.release()
