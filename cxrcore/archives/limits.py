"""What an archive may hold: names that stay inside, and limited amounts of everything."""

import re
import unicodedata
from dataclasses import dataclass

_GRACE = 16 << 20  # bytes before the ratio counts: a small table may shrink a lot
_MAX_NAME, _MAX_PATH, _MAX_DEPTH = 255, 1000, 64  # bytes, bytes, folders
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Refused(Exception):  # noqa: N818 (never leaves this package)
    """Why an archive is not unpacked: the second half of a sentence that begins with its name."""


@dataclass(frozen=True)
class Limits:
    """What may be written, in bytes; `packed` is the archive's size, `free` the disk's."""

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
            raise Refused(f"unpacks to more than the {size(self.free)} free on the disk")


class Names:
    """The names so far, to make sure that no two are the same file on any file system."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}  # as compared -> as written, is a folder

    def add(self, name: str, *, is_folder: bool) -> str:
        """The name as a relative path with / that cannot lead out; empty for the root.

        Raises:
            Refused: it leads out, is not text, is too long, or is taken.
        """
        path = inside(name)
        if not path and not is_folder:
            raise Refused("holds a file without a name")
        key = unicodedata.normalize("NFC", path).casefold()
        above = [(key[:at], True) for at, letter in enumerate(key) if letter == "/"]
        for part, folder in [*above, (key, is_folder)]:
            other = self._seen.get(part)
            if other is None:
                self._seen[part] = (path, folder)
            elif not (folder and other[1]):
                raise Refused(
                    f"holds {shown(other[0])} and {shown(path)}, which collide on some disks"
                )
        return path


def inside(name: str) -> str:
    """The name as a relative path with /, without empty parts; Refused if it leads out."""
    if _CONTROL.search(name):
        raise Refused(f"holds {shown(name)}, a name that is not text")
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


def shown(name: str) -> str:
    """A name for messages: one line, not too long."""
    name = repr(name)
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"


def size(bytes_: int) -> str:
    """Bytes in a readable unit.

    >>> size(1_235_512_464), size(2_500_000), size(900)
    ('1.2 GB', '2.5 MB', '900 bytes')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:.1f} {name}"
    return f"{bytes_} bytes"
