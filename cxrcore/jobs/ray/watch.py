"""The last answer of a cluster about its jobs, fetched in the background.

A sidebar that redraws every second must not wait for a slow or lost cluster. So one thread per
cluster asks, at most every FRESH_SECONDS and only when `answer` is called.
"""

import threading
import time
from dataclasses import dataclass

from cxrcore.errors import JobError
from cxrcore.jobs.ray.api import Api, Node, RayJob

FRESH_SECONDS = 2.0
# How long a caller waits for an answer that is on its way, if the cluster answers at all.
_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """An answer, or why there is none; `asked` is when, in monotonic seconds."""

    asked: float
    jobs: dict[str, RayJob]
    nodes: tuple[Node, ...]
    error: str = ""


class Watch:
    """The last answer of the cluster at `address`."""

    def __init__(self, address: str) -> None:
        self._api = Api(address)
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._asking = False
        self._last: Answer | None = None

    def answer(self, since: float = 0.0) -> Answer | None:
        """The last answer, if it was asked for after `since` (monotonic seconds).

        Waits a moment for a fresh one, but not for a cluster that did not answer before; None if
        there is none yet.
        """
        with self._lock:
            last = self._last
            if (
                last is not None
                and last.asked > since
                and time.monotonic() - last.asked < FRESH_SECONDS
            ):
                return last
            if not self._asking:
                self._asking = True
                self._answered.clear()
                threading.Thread(target=self._ask, name="cluster", daemon=True).start()
        if last is None or not last.error:
            self._answered.wait(_WAIT_SECONDS)
        with self._lock:
            answer = self._last
        return answer if answer is not None and answer.asked > since else None

    def forget(self) -> None:
        """Drop the last answer, which is out of date."""
        with self._lock:
            self._last = None

    def _ask(self) -> None:
        asked = time.monotonic()
        try:
            answer = Answer(asked, self._api.jobs(), tuple(self._api.nodes()))
        except JobError as error:
            answer = Answer(asked, {}, (), str(error))
        except Exception as error:  # noqa: BLE001 (an answer of another form must not end the thread)
            answer = Answer(
                asked, {}, (), f"{self._api.address} answers in an unknown form: {error!r}."
            )
        with self._lock:
            self._last, self._asking = answer, False
        self._answered.set()


_watches: dict[str, Watch] = {}
_watches_lock = threading.Lock()


def watch(address: str) -> Watch:
    """The one watch of this process on a cluster."""
    with _watches_lock:
        return _watches.setdefault(address, Watch(address))
