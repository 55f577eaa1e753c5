"""What a cluster last said about its jobs, asked in the background.

A sidebar that draws itself every second must not wait for a cluster that is slow or gone. So one
thread a cluster asks, every two seconds at most and only while somebody wants to know.
"""

import threading
import time
from dataclasses import dataclass

from cxrcore.errors import JobError
from cxrcore.jobs.cluster_api import Api, Node, Said

FRESH_SECONDS = 2.0
# How long who asks waits for an answer that is on its way, while the cluster answers at all.
_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Word:
    """An answer, or why there is none; `asked` is when, in monotonic seconds."""

    asked: float
    jobs: dict[str, Said]
    nodes: tuple[Node, ...]
    error: str = ""


class Watch:
    """The last word of the cluster at `address`."""

    def __init__(self, address: str) -> None:
        self._api = Api(address)
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._asking = False
        self._word: Word | None = None

    def word(self, since: float = 0.0) -> Word | None:
        """What the cluster said last, if it was asked after `since` (monotonic seconds).

        Waits a moment for a fresh answer, but not for a cluster that did not answer before.
        None if there is no such answer yet.
        """
        with self._lock:
            last = self._word
            if last is not None and last.asked > since and self._age(last) < FRESH_SECONDS:
                return last
            if not self._asking:
                self._asking = True
                self._answered.clear()
                threading.Thread(target=self._ask, name="cluster", daemon=True).start()
        if last is None or not last.error:
            self._answered.wait(_WAIT_SECONDS)
        with self._lock:
            word = self._word
        return word if word is not None and word.asked > since else None

    def forget(self) -> None:
        """Something was changed: what was said before is out of date."""
        with self._lock:
            self._word = None

    @staticmethod
    def _age(word: Word) -> float:
        return time.monotonic() - word.asked

    def _ask(self) -> None:
        asked = time.monotonic()
        try:
            word = Word(asked, self._api.jobs(), tuple(self._api.nodes()))
        except JobError as error:
            word = Word(asked, {}, (), str(error))
        except Exception as error:  # noqa: BLE001 (an answer of another form must not end the thread)
            word = Word(
                asked, {}, (), f"{self._api.address} answers in an unknown form: {error!r}."
            )
        with self._lock:
            self._word, self._asking = word, False
        self._answered.set()


_watches: dict[str, Watch] = {}
_watches_lock = threading.Lock()


def watch(address: str) -> Watch:
    """The one watch of this process on a cluster."""
    with _watches_lock:
        return _watches.setdefault(address, Watch(address))
