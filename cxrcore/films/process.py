"""A process of this program that answers messages over pipes, as its parent holds it.

Not `multiprocessing`: its spawn imports the parent's main module in the child, and under
`streamlit run app.py` that is the app itself. Here the child is a command of its own
(`python -m MODULE`) that reads messages from standard input and answers on standard output.
However the parent dies, the system closes that input and the child ends.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from typing import BinaryIO, cast

from cxrcore import settings
from cxrcore.films import pipe

Messages = queue.SimpleQueue[bytes | None]


class Process:
    """A running child.

    Args:
        module: run with `python -m`; it uses `pipe` for its end.
        words: its arguments.
        environment: variables beside the parent's, or instead of them.
    """

    def __init__(self, module: str, *words: str, environment: Mapping[str, str]) -> None:
        # PR_SET_PDEATHSIG would look simpler, but it fires when the *thread* that started the
        # child ends, and Streamlit's script threads are short-lived.
        path = os.pathsep.join(filter(None, [str(settings.ROOT), os.environ.get("PYTHONPATH")]))
        self._popen = subprocess.Popen(
            # -P: no module is imported from the folder in which the server was started.
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, "PYTHONPATH": path},
        )
        self._outbox: Messages = queue.SimpleQueue()
        self._inbox: Messages = queue.SimpleQueue()
        # Threads, because writing to a pipe and reading from it have no timeout.
        for work, messages in ((_write, self._outbox), (_read, self._inbox)):
            threading.Thread(target=work, args=(self._popen, messages), daemon=True).start()
        # Also called when this object is dropped and when the interpreter exits.
        self.stop = weakref.finalize(self, _end, self._popen, self._outbox)
        self.ready = False  # for the owner: whether the child has said so

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._popen.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def stopped(self) -> bool:
        """Whether it was stopped from here."""
        return not self.stop.alive

    def send(self, message: bytes) -> None:
        """Send a message; returns at once. If the child is gone, `receive` tells."""
        self._outbox.put(message)

    def receive(self, timeout: float) -> bytes | None:
        """The next message of the child; None if it is gone.

        Raises:
            queue.Empty: none came in so many seconds.
        """
        return self._inbox.get(timeout=timeout)

    def cause_of_death(self) -> str:
        """How it ended, in words."""
        code = self._popen.wait()
        if code == -9:
            return "the system killed it, most likely because the memory was full"
        if code < 0:
            return f"it was ended by signal {-code}"
        return f"exit code {code}; the server's log has the details"


def _write(process: subprocess.Popen, messages: Messages) -> None:
    """Send what is queued until None is."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: closed at this end
        while (message := messages.get()) is not None:
            pipe.send(cast(BinaryIO, process.stdin), message)


def _read(process: subprocess.Popen, messages: Messages) -> None:
    """Queue what arrives; None at last."""
    with contextlib.suppress(OSError, EOFError, ValueError):
        while True:
            messages.put(pipe.receive(cast(BinaryIO, process.stdout)))
    messages.put(None)


def _end(process: subprocess.Popen, outbox: Messages) -> None:
    """Kill the child, wait for it, close the pipes."""
    process.kill()
    process.wait()
    outbox.put(None)
    for end in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what could not be delivered any more
            cast(BinaryIO, end).close()
