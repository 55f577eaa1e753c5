"""Archives from other people, unpacked safely: zip and tar (.gz, .bz2, .xz).

Nothing an archive says about itself is trusted. Each name is checked before its file is made,
every byte is counted as it is written, and any problem ends in one DatasetError with nothing
left behind. Paths that lead out, links, devices, names that differ only by case, encrypted or
overlapping entries and bombs are refused.
"""

import contextlib
import io
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cxrcore import files
from cxrcore.archives import readers
from cxrcore.archives.limits import Limits, Names, Refused, size
from cxrcore.errors import DatasetError
from cxrcore.progress import Meter, Report, silent

__all__ = [
    "MAX_BYTES", "MAX_FILES", "MAX_RATIO", "SUFFIXES", "contents", "is_archive", "is_zip", "size",
    "unpack",
]  # fmt: skip

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_BYTES = 256 << 30  # unpacked; the largest public collection of X-rays is smaller
MAX_FILES = 200_000
MAX_RATIO = 100  # unpacked to packed; pictures shrink little, tables about tenfold
_CHUNK = 1 << 20
# What the standard library raises on damaged archives; for OSError see `_translated`.
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error,
    EOFError, IndexError, NotImplementedError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip


def unpack(
    archive: Path,
    folder: Path,
    *,
    report: Report = silent,
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
    max_ratio: float = MAX_RATIO,
) -> None:
    """Unpack an archive into a folder that is new or empty; on failure nothing is left.

    The content decides the kind, not the name. Names that are not UTF-8 are read as code page
    437, as in zip. Files get the usual permissions and the current time.

    Args:
        archive: a zip, or a tar that may be packed by gzip, bzip2 or xz.
        folder: where to; created if missing.
        report: receives the bytes written; for a tar, the packed bytes read.
        max_bytes: maximum written in all.
        max_files: maximum number of files and folders.
        max_ratio: maximum of bytes written per byte of the archive, after some megabytes.

    Raises:
        DatasetError: not an archive, or damaged, encrypted, dangerous or too large; names the
            entry and says that nothing was unpacked.
        StoreError: the folder cannot be written, or the disk is full.
    """
    if not archive.is_file():
        raise DatasetError(f"There is no archive {archive}. Check the path.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} is not empty. Unpack {archive.name} to a new folder.")
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        limits = Limits(
            packed=archive.stat().st_size,
            free=shutil.disk_usage(folder).free,
            max_bytes=max_bytes,
            max_files=max_files,
            max_ratio=max_ratio,
        )
        with _translated(archive), open(archive, "rb") as file:
            _unpack(file, folder, limits, f"unpacking {archive.name}", report)
    except OSError as error:
        _clear(folder, made)
        raise files.cannot_write(folder, error) from error
    except BaseException:  # Ctrl-C as well
        _clear(folder, made)
        raise


def contents(
    data: bytes, name: str, *, max_bytes: int, max_files: int, max_ratio: float = MAX_RATIO
) -> list[tuple[str, bytes]]:
    """The files of a zip, (path, bytes) each; in memory, nothing is written.

    Args:
        data: the zip.
        name: used in messages.
        max_bytes: maximum unpacked in all.
        max_files: maximum number of files and folders.
        max_ratio: as of `unpack`.

    Raises:
        DatasetError: as of `unpack`.
    """
    limits = Limits(len(data), max_bytes, max_bytes, max_files, max_ratio)
    names, unpacked = Names(), 0
    found: list[tuple[str, bytes]] = []
    with _translated(name), zipfile.ZipFile(io.BytesIO(data)) as opened:
        readers.check_zip(io.BytesIO(data), opened, limits)
        for entry, source in readers.zip_entries(opened):
            path = names.add(entry, is_folder=source is None)
            if source is None:
                continue
            with source:  # what an entry says of its size is not believed
                content = source.read(max_bytes - unpacked + 1)
            unpacked += len(content)
            limits.check(len(found), unpacked)
            found.append((path, content))
    return found


def is_zip(data: bytes) -> bool:
    """Whether bytes begin like a zip."""
    return data.startswith(readers.ZIP_MAGIC)


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES)


def _unpack(file: BinaryIO, folder: Path, limits: Limits, stage: str, report: Report) -> None:
    head = file.read(512)
    file.seek(0)
    if head.startswith(readers.ZIP_MAGIC):
        with zipfile.ZipFile(file) as opened:
            total = readers.check_zip(file, opened, limits)
            entries = readers.zip_entries(opened)
            _write(entries, folder, limits, Meter(stage, total, report).update)
    elif head.lstrip()[:1] == b"<":
        raise Refused("is a web page, not an archive")
    else:
        meter = Meter(stage, limits.packed, report)
        entries = readers.tar_entries(file, head, limits)
        _write(entries, folder, limits, lambda _: meter.update(min(file.tell(), limits.packed)))


def _write(
    entries: Iterable[readers.Entry], folder: Path, limits: Limits, progress: Callable[[int], None]
) -> None:
    """Write the entries, each checked before its file is made; `progress` gets the bytes so far."""
    names, count, written = Names(), 0, 0
    for count, (name, source) in enumerate(entries, 1):
        limits.check(count, written)
        target = folder / names.add(name, is_folder=source is None)
        if source is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, open(target, "xb") as file:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                limits.check(count, written)
                file.write(chunk)
                progress(written)
    if not count:
        raise Refused("is empty")
    progress(written)


@contextlib.contextmanager
def _translated(archive: Path | str) -> Iterator[None]:
    """Turn any problem with the archive into one DatasetError."""
    advice = "Nothing was unpacked. Replace it with a complete copy from where it is published."
    try:
        yield
    except Refused as error:
        raise DatasetError(f"{archive} {error}. {advice}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{archive} holds a name that is not text. {advice}") from error
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk
            raise
        reason = " ".join(str(error).split())[:200] or "it ends too early"
        raise DatasetError(
            f"{archive} is damaged or not an archive ({reason}). {advice}"
        ) from error


def _clear(folder: Path, made: bool) -> None:
    """Remove what was unpacked so far, and the folder itself if it was made here."""
    if made:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
