"""Work in threads of this process: OpenCV and matrix products release the interpreter's lock."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

Task = TypeVar("Task")
Result = TypeVar("Result")


def ordered(work: Callable[[Task], Result], tasks: Iterable[Task]) -> Generator[Result, None, None]:
    """Yield `work(task)` for every task, in their order, with one thread per core.

    Only a few results wait to be consumed, so memory stays bounded. Tasks that have not started
    are dropped when the generator is closed or anything is raised. Meanwhile OpenCV and BLAS use
    one thread each, or they would compete for the cores.
    """
    count = os.cpu_count() or 1
    waiting: deque[Future[Result]] = deque()
    with _one_thread_each(), ThreadPoolExecutor(count) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) > 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(before)
