"""Work in several processes, and blocks for one process at a time."""

import contextlib
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import cv2

from cxrcore import files, settings
from cxrcore.errors import DatasetError

Task = TypeVar("Task")
Result = TypeVar("Result")

_ROUND = 4  # tasks for each process before joblib's Ray backend hands out its results
_MEMORY = 300_000_000  # bytes of a process that reads images
# Evenly over the nodes. Ray puts processes that reserve nothing on one node.
_REMOTE = {"num_cpus": 0, "memory": _MEMORY, "scheduling_strategy": "SPREAD"}
_ANSWER_SECONDS = 5
_ENVIRONMENT = {"env_vars": {"PYTHONPATH": str(settings.ROOT)}}
_may_spread = False
_kept = False  # joblib keeps processes for the next call


def unordered(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None
) -> Generator[Result, None, None]:
    """Yield `work(task)` for every task, in the order in which they finish.

    One worker or one task is done in this process. Otherwise joblib's processes work, with one
    thread each; they end when the generator is closed or anything is raised, Ctrl-C included.
    They share data through files. After `spread`, joblib's Ray backend works on all nodes of
    the cluster.

    Args:
        work: a function of a module, which the processes can import; its results are pickled.
        tasks: what it is called with; each should take a second or so.
        workers: processes; all usable cores if None.

    Raises:
        DatasetError: a process died, for lack of memory or of a file that crashes a decoder.
    """
    from joblib import Parallel, cpu_count, delayed

    if _on_cluster() and workers != 1 and len(tasks) > 1:
        yield from _over_nodes(work, tasks, workers)
        return
    count = min(workers or cpu_count(), len(tasks))
    if count <= 1:
        for task in tasks:
            yield work(task)
        return
    global _kept
    _kept = True
    pool = Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1)
    with _ignoring_ctrl_c():  # here the processes are started
        results = pool(delayed(_task)(work, task, settings.max_pixels()) for task in tasks)
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
            # joblib warns about cancelled work, which is intended here.
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def end_workers() -> None:
    """End the processes that wait for the next `unordered` (docs/decisions/0027)."""
    global _kept
    from joblib.externals.loky import get_reusable_executor

    if _kept:
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
        _kept = False


def spread() -> None:
    """Let work of this process go to all nodes of its Ray cluster; never called by the dashboard."""
    global _may_spread
    _may_spread = True


def _on_cluster() -> bool:
    # Ray sets RAY_ADDRESS in what it starts. CXR_RAY_ADDRESS is that of the dashboard, which takes
    # jobs but no tasks.
    return _may_spread and settings.ray_address() is not None and "RAY_ADDRESS" in os.environ


def _over_nodes(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None
) -> Generator[Result, None, None]:
    """`unordered` over all nodes of the cluster.

    The processes reserve no CPU: trainings that hold all of them may be waiting for this work.
    joblib's Ray backend cannot return results one by one, so it gets a few tasks at a time.
    """
    from joblib import Parallel, delayed, parallel_config

    with _joined() as places, parallel_config("ray", ray_remote_args=_REMOTE):
        count = min(workers or places, places, len(tasks))
        size = count * _ROUND
        limit = settings.max_pixels()
        with Parallel(n_jobs=count, batch_size=1) as pool:
            for first in range(0, len(tasks), size):
                few = tasks[first : first + size]
                yield from pool(delayed(_task)(work, task, limit) for task in few)


@contextlib.contextmanager
def _joined() -> Iterator[int]:
    """Join the cluster for a block; yields for how many processes it has CPUs and memory.

    Raises:
        DatasetError: Ray is missing, the cluster cannot be joined, or a node was lost.
    """
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise DatasetError(
            f"CXR_RAY_ADDRESS is set, but Ray cannot be imported here: {error}. On every node: "
            "pip install -r requirements-cluster.txt, for the Python that CXR_RAY_PYTHON names."
        ) from error
    register_ray()
    # A job has its environment on all nodes; a command brings the project's path.
    own = None if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ else _ENVIRONMENT
    try:
        _require_listener(os.environ["RAY_ADDRESS"])
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env=own)
        cpus = ray.cluster_resources().get("CPU", 0)
        memory = ray.available_resources().get("memory", 0)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        raise _failed("cannot be joined", error) from error
    try:
        yield max(1, min(int(cpus), int(memory // _MEMORY)))  # a single one works in this process
    except ray.exceptions.RayError as error:
        raise _failed("lost a process or a node while images were read", error) from error
    finally:
        ray.shutdown()


def _require_listener(address: str) -> None:
    """Raise ConnectionError where nothing listens; Ray itself would try silently for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is None or parts.port is None:  # "auto" or "local": Ray looks here
        return
    try:
        socket.create_connection((parts.hostname, parts.port), _ANSWER_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"nothing answers at RAY_ADDRESS={address} ({error}).") from error


def _failed(how: str, error: Exception) -> DatasetError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return DatasetError(
        f"The Ray cluster {how}: {lines[0]:.300} What was done is kept. Start again; "
        "with one worker (--workers 1) no cluster is used."
    )


@contextlib.contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Processes started in the block inherit that they ignore Ctrl-C.

    Ctrl-C goes to all processes of a terminal. This one stops the others, which should not
    print a traceback each.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield  # only the main thread may set handlers
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _task(work: Callable[[Task], Result], task: Task, max_pixels: int) -> Result:
    """`work(task)` in another process: one thread, and the pixel limit of the caller."""
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
