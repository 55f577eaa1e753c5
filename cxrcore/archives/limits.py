"""What an archive may hold: names that stay inside, and not too much of anything."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CHUNK = 1 << 20
_GRACE = 16 << 20  # bytes unpacked before the ratio counts: a small table may shrink a lot
_MAX_NAME, _MAX_PATH, _MAX_DEPTH = 255, 1000, 64  # bytes, bytes, folders
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Refused(Exception):  # noqa: N818 (never leaves this package)
    """Why an archive is not unpacked: the second half of a sentence that begins with its name."""


@dataclass(frozen=True)
class Limits:
    """What may be written: `packed` is the archive's own size, `free` what the disk has, bytes."""

    packed: int
    free: int
    max_bytes: int
    max_files: int
    max_ratio: float

    def check(self, entries: int, unpacked: int) -> None:
        """Refuse more files and folders, or more bytes, than are allowed."""
        if entries > self.max_files:
            raise Refused(f"holds more than {self.max_files:,} files")
        if unpacked > self.max_bytes:
            raise Refused(f"unpacks to more than {size(self.max_bytes)}, which is not allowed")
        if unpacked > _GRACE and unpacked > self.packed * self.max_ratio:
            raise Refused(f"unpacks to more than {self.max_ratio:g} times its size: a zip bomb")
        if unpacked > self.free:
            raise Refused(f"unpacks to more than the {size(self.free)} that are free on the disk")


class Names:
    """The names that were seen, so that no two are one file on any file system."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}  # as compared -> as written
        self._folders: set[str] = set()

    def add(self, name: str, *, is_folder: bool) -> str:
        """The name as a relative path with /, which cannot lead out; empty for the root.

        Raises:
            Refused: it does lead out, is no text, is too long, or is taken.
        """
        path = inside(name)
        key = unicodedata.normalize("NFC", path).casefold()
        above = [key[:at] for at, letter in enumerate(key) if letter == "/"]
        if is_folder:
            above.append(key)
        elif not path:
            raise Refused("holds a file without a name")
        elif key in self._files:
            raise Refused(
                f"holds two entries that are one file on some disks: {shown(self._files[key])} and {shown(path)}"
            )
        elif key in self._folders:
            raise Refused(f"holds {shown(path)} both as a file and as a folder")
        else:
            self._files[key] = path
        if clash := next((folder for folder in above if folder in self._files), None):
            raise Refused(f"holds {shown(self._files[clash])} both as a file and as a folder")
        self._folders.update(above)
        return path


def inside(name: str) -> str:
    """The name as a relative path with /, without empty parts; Refused if it can lead out."""
    if _NOT_TEXT.search(name):
        raise Refused(f"holds {shown(name)}, a name that is no text")
    if name.startswith("/") or "\\" in name or re.match("[A-Za-z]:", name):
        raise Refused(f"holds {shown(name)}, which is not a path inside a folder")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused(f"holds {shown(name)}, which leads out of the folder")
    path = "/".join(parts)
    too_long = len(path.encode()) > _MAX_PATH or len(parts) > _MAX_DEPTH
    if too_long or any(len(part.encode()) > _MAX_NAME for part in parts):
        raise Refused(f"holds {shown(name)}, a name that is too long")
    return path


def text(raw: bytes) -> str:
    """A name's bytes as UTF-8 if they are; else as code page 437, where every byte is a letter.

    >>> text("Müller.png".encode()), text(b"M\\x81ller.png")
    ('Müller.png', 'Müller.png')
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def copied(
    source: IO[bytes], target: Path, done: int, entries: int, limits: Limits
) -> Iterator[int]:
    """Write one file that is not there yet; after each chunk, the bytes written of all files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as file:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            limits.check(entries, done)
            file.write(chunk)
            yield done
    yield done


def shown(name: str) -> str:
    """A name for messages: one line, not too long."""
    name = repr(name)
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"


def size(bytes_: int) -> str:
    """Bytes as people say them.

    >>> size(1_235_512_464), size(2_500_000), size(900)
    ('1.2 GB', '2.5 MB', '900 bytes')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:.1f} {name}"
    return f"{bytes_} bytes"
