"""Zip archives.

Sources: APPNOTE.TXT 6.3.10, section 4.3.7 (local headers); D. Fifield 2019, "A better zip bomb"
(entries on top of each other, so that one megabyte is unpacked thousands of times).
"""

import stat
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from cxrcore.archives.limits import Limits, Names, Refused, copied, shown, text
from cxrcore.progress import Meter, Report

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_LOCAL = struct.Struct("<4s5H3L2H")  # a local header; its last two: length of name and of extra
_ENCRYPTED, _UTF8 = 0x1, 0x800  # of the flags


def unpack(file: BinaryIO, folder: Path, limits: Limits, stage: str, report: Report) -> None:
    """Unpack all entries; all names are checked before the first file is made.

    Raises:
        Refused: an entry is not allowed.
    """
    with zipfile.ZipFile(file) as opened:
        entries = opened.infolist()
        total = sum(entry.file_size for entry in entries)
        limits.check(len(entries), total)  # what it admits to; what comes out is counted, too
        names = Names()
        paths = []
        for entry in entries:
            _check(entry)
            paths.append(names.add(_name(entry), is_folder=entry.is_dir()))
        if not entries:
            raise Refused("is empty")
        _check_overlap(file, opened)
        meter, done = Meter(stage, total, report), 0
        for entry, path in zip(entries, paths, strict=True):
            if entry.is_dir():
                (folder / path).mkdir(parents=True, exist_ok=True)
                continue
            with opened.open(entry) as source:
                for written in copied(source, folder / path, done, len(entries), limits):
                    done = written
                    meter.update(done)


def _name(entry: zipfile.ZipInfo) -> str:
    # Not `filename`, which ends at the first NUL. Without the flag the bytes were read as 437.
    name = entry.orig_filename
    return name if entry.flag_bits & _UTF8 else text(name.encode("cp437"))


def _check(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where it was not made on Unix
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(f"holds {shown(entry.orig_filename)}, which is a link or a device")
    if entry.flag_bits & _ENCRYPTED:
        raise Refused("is encrypted")
    if entry.compress_type not in _METHODS:
        raise Refused(f"is packed by method {entry.compress_type}, which cannot be unpacked here")


def _check_overlap(file: BinaryIO, opened: zipfile.ZipFile) -> None:
    """Each entry must end before the next begins, and the last before the list of entries."""
    entries = sorted(opened.infolist(), key=lambda entry: entry.header_offset)
    limits = [entry.header_offset for entry in entries[1:]] + [opened.start_dir]
    for entry, limit in zip(entries, limits, strict=True):
        if entry.header_offset < 0:
            raise Refused("is damaged (an entry begins before the file)")
        file.seek(entry.header_offset)
        *_, name_length, extra_length = _LOCAL.unpack(file.read(_LOCAL.size))
        end = entry.header_offset + _LOCAL.size + name_length + extra_length + entry.compress_size
        if end > limit:
            raise Refused(f"holds {shown(entry.orig_filename)} on top of other entries: a zip bomb")
