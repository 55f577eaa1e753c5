"""Messages over a pipe between two processes of this program: a length, then the bytes.

Packing is separate from sending, so that what cannot be packed fails in the caller, and what
cannot be unpacked fails where it is used.
"""

import os
import pickle
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def pack(message: object) -> bytes:
    """A message as bytes."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpack(data: bytes) -> Any:
    """The message that was packed."""
    return pickle.loads(data)  # noqa: S301  (both ends are this program)


def send(pipe: BinaryIO, *parts: bytes | memoryview) -> None:
    """Write bytes as one message; OSError if the other end is closed."""
    pipe.write(_LENGTH.pack(sum(memoryview(part).nbytes for part in parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def receive(pipe: BinaryIO) -> bytes:
    """The bytes of the next message; EOFError if the other end is closed."""
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return _exactly(pipe, length)


def private_output() -> BinaryIO:
    """The pipe to the parent; whatever prints to standard output goes to standard error instead."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def listen(hear: Callable[[bytes], None]) -> None:
    """Call `hear` in a thread with each message from the parent; exit when it is gone.

    A thread notices the end even in the middle of a computation.
    """

    def read() -> None:
        while True:
            try:
                hear(receive(sys.stdin.buffer))
            except (EOFError, OSError, MemoryError):
                os._exit(0)

    threading.Thread(target=read, daemon=True).start()


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data
