"""The entries of zip and tar archives.

Sources: APPNOTE.TXT 6.3.10, section 4.3.7 (local headers); D. Fifield 2019, "A better zip bomb"
(overlapping entries, so that one megabyte is unpacked thousands of times).
"""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

from cxrcore.archives.limits import Limits, Refused, shown

Entry = tuple[str, IO[bytes] | None]  # name and content; None for a folder

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_LOCAL = struct.Struct("<4s5H3L2H")  # a local header; its last two: length of name and of extra
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags

_TAR_PACKERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_MAX_HEADER = 8 << 20  # bytes; real ones have some kilobytes
_CHUNK = 1 << 20


def check_zip(file: BinaryIO, opened: zipfile.ZipFile, limits: Limits) -> int:
    """Refuse a zip by what its list of entries says; returns the bytes it claims to hold."""
    entries = sorted(opened.infolist(), key=lambda entry: entry.header_offset)
    total = sum(entry.file_size for entry in entries)
    limits.check(len(entries), total)
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 if it was not made on Unix
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Refused(f"holds {shown(entry.orig_filename)}, which is a link or a device")
        if entry.flag_bits & _ENCRYPTED:
            raise Refused("is encrypted")
        if entry.compress_type not in _METHODS:
            raise Refused(f"uses compression method {entry.compress_type}, which is not supported")
    # Python 3.11.8 and later would notice an overlap by themselves.
    ends = [entry.header_offset for entry in entries[1:]] + [opened.start_dir]
    for entry, limit in zip(entries, ends, strict=False):  # one end more if there is no entry
        if entry.header_offset < 0:
            raise Refused("is damaged (an entry begins before the file)")
        file.seek(entry.header_offset)
        *_, name_length, extra_length = _LOCAL.unpack(file.read(_LOCAL.size))
        end = entry.header_offset + _LOCAL.size + name_length + extra_length + entry.compress_size
        if end > limit:
            raise Refused(f"holds {shown(entry.orig_filename)} on top of other entries: a zip bomb")
    return total


def zip_entries(opened: zipfile.ZipFile) -> Iterator[Entry]:
    """The entries of a checked zip."""
    for entry in opened.infolist():
        # Not `filename`, which ends at the first NUL. Without the flag it was read as 437.
        name = entry.orig_filename
        if not entry.flag_bits & _UTF8:
            name = text(name.encode("cp437"))
        yield name, None if entry.is_dir() else opened.open(entry)


def tar_entries(file: BinaryIO, head: bytes, limits: Limits) -> Iterator[Entry]:
    """The entries of a tar that begins with the bytes `head`.

    Raises:
        Refused: an entry is a link or device, a header is huge, or the end is missing.
    """
    packer = next(
        (packer for magic, packer in _TAR_PACKERS.items() if head.startswith(magic)), None
    )
    plain = _Guard(packer(file) if packer else file, limits)
    # tarfile wants read, seek and tell, which is what the guard has.
    with tarfile.open(fileobj=cast(IO[bytes], plain), mode="r:") as tar:
        while (member := tar.next()) is not None:
            if not (member.isreg() or member.isdir()):
                raise Refused(f"holds {shown(member.name)}, which is a link or a device")
            name = text(member.name.encode("utf-8", "surrogateescape"))
            plain.budget = float("inf")
            yield name, tar.extractfile(member)
            plain.budget = _MAX_HEADER
        # A tar that was cut off: tarfile takes a damaged header for the end.
        plain.seek(tar.offset)
        block = plain.read(tarfile.BLOCKSIZE)
        if not block or block.strip(b"\0"):
            raise Refused("is damaged or cut off")
    plain.budget = float("inf")
    while plain.read(_CHUNK):  # so that gzip compares its checksum
        pass


def text(raw: bytes) -> str:
    """A name's bytes as UTF-8 if they are; else as code page 437, where every byte is a letter.

    >>> text("Müller.png".encode()), text(b"M\\x81ller.png")
    ('Müller.png', 'Müller.png')
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


class _Guard:
    """The bytes of a tar. Counts what is unpacked, and refuses headers that fill the memory.

    tarfile reads a header of any length that the archive claims; contents are read in chunks.
    """

    budget: float = _MAX_HEADER  # bytes that may be read until it is set anew

    def __init__(self, plain: IO[bytes], limits: Limits) -> None:
        self._plain, self._limits = plain, limits
        self.seek, self.tell = plain.seek, plain.tell

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes."""
        self.budget -= count
        if count < 0 or self.budget < 0:
            raise Refused("has a header of many megabytes: a bomb")
        self._limits.check(0, self.tell())
        return self._plain.read(count)
