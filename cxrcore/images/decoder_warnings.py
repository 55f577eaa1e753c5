"""Suppression of decoder warnings, safe for several threads."""

import threading
import warnings


class Suppression:
    """Suppresses warnings while at least one thread is decoding.

    `warnings.catch_warnings` alone is not thread-safe: if two threads overlap, the filters of the
    first may stay for ever. Here the first thread sets them and the last one restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


suppressed = Suppression()
