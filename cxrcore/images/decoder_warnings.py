"""Keeping what decoders warn of to ourselves, also when several threads decode at once."""

import threading
import warnings


class Quiet:
    """Silences warnings while at least one thread is decoding.

    `warnings.catch_warnings` alone is not for threads: two that overlap can leave the filters
    of the first in place for ever. Here the first in sets them and the last out restores them.
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


warnings_off = Quiet()
