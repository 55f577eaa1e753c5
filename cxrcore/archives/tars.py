"""Tar archives, plain or packed by gzip, bzip2 or xz."""

import bz2
import gzip
import lzma
import tarfile
from pathlib import Path
from typing import IO, BinaryIO, cast

from cxrcore.archives.limits import Limits, Names, Refused, copied, shown, text
from cxrcore.progress import Meter, Report

_CHUNK = 1 << 20
_MAX_HEADER = 8 << 20  # bytes; real ones have some kilobytes
_BLOCK = 512


def unpack(
    file: BinaryIO, head: bytes, folder: Path, limits: Limits, stage: str, report: Report
) -> None:
    """Unpack all members, each checked before its file is made.

    Args:
        file: the archive, at its beginning.
        head: its first bytes.
        folder: where to, there and empty.
        limits: what is allowed.
        stage: what `report` is told is done.
        report: told how many bytes of the archive are read.

    Raises:
        Refused: a member is not allowed, or the end is missing.
    """
    meter, names = Meter(stage, limits.packed, report), Names()
    done = count = 0
    with _plain(file, head) as opened:
        plain = _Guard(opened)
        # tarfile wants read, seek and tell, which is what the guard has.
        with tarfile.open(fileobj=cast(IO[bytes], plain), mode="r:") as tar:
            while (member := tar.next()) is not None:
                count += 1
                limits.check(count, max(done, plain.tell()))
                if not (member.isreg() or member.isdir()):
                    raise Refused(f"holds {shown(member.name)}, which is a link or a device")
                name = text(member.name.encode("utf-8", "surrogateescape"))
                path = names.add(name, is_folder=member.isdir())
                if member.isdir():
                    (folder / path).mkdir(parents=True, exist_ok=True)
                    continue
                source = cast(IO[bytes], tar.extractfile(member))  # never None for a file
                for written in copied(source, folder / path, done, count, limits):
                    done = written
                    limits.check(count, plain.tell())
                    meter.update(min(file.tell(), limits.packed))
            _require_end(plain, tar.offset)
        while chunk := plain.read(_CHUNK):  # so that gzip compares its checksum
            limits.check(count, plain.tell() + len(chunk))
    meter.update(limits.packed)


def _require_end(plain: "_Guard", offset: int) -> None:
    """Refuse a tar that was cut off: tarfile takes a damaged header for the end."""
    plain.seek(offset)
    block = plain.read(_BLOCK)
    if not block or block.strip(b"\0"):
        raise Refused("is damaged or cut off")


def _plain(file: BinaryIO, head: bytes) -> IO[bytes]:
    """The tar's own bytes."""
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb"))
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    return file


class _Guard:
    """A file's bytes; no read may be so long that it fills the memory.

    tarfile reads a long header at once, however long it says it is; files are read in chunks.
    """

    def __init__(self, plain: IO[bytes]) -> None:
        self._plain = plain
        self.seek, self.tell = plain.seek, plain.tell

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes."""
        if not 0 <= count <= _MAX_HEADER:
            raise Refused("has a header of many megabytes: a bomb")
        return self._plain.read(count)
