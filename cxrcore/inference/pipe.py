"""Messages over a pipe between two processes of this program: a length, then the bytes.

Packing is separate from sending, so that what cannot be packed fails in the caller, and what
cannot be unpacked fails where it is used.
"""

import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def pack(message: object) -> bytes:
    """A message as bytes."""
    return pickle.dumps(message)


def unpack(data: bytes) -> Any:
    """The message that was packed."""
    return pickle.loads(data)  # noqa: S301  (both ends are this program)


def send(pipe: BinaryIO, data: bytes) -> None:
    """Write bytes as one message; OSError if the other end is closed."""
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: BinaryIO) -> bytes:
    """The bytes of the next message; EOFError if the other end is closed."""
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return _exactly(pipe, length)


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data
