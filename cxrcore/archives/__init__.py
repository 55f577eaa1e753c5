"""Archives of other people, unpacked safely: zip and tar (.gz, .bz2, .xz).

What an archive says about itself is not believed. Every name is checked before its file is
made, every byte is counted while it is written, and whatever is wrong ends in one
DatasetError with nothing left behind. Refused are paths that lead out, links and devices,
names that differ by letter case only, encrypted and overlapping entries, and bombs.
"""

import contextlib
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cxrcore import files
from cxrcore.archives import tars, zips
from cxrcore.archives.limits import Limits, Refused, size
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["MAX_BYTES", "MAX_FILES", "MAX_RATIO", "SUFFIXES", "is_archive", "size", "unpack"]

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_BYTES = 256 << 30  # unpacked; the largest public collection of X-rays has less
MAX_FILES = 200_000
MAX_RATIO = 100  # unpacked to packed; pictures shrink little, tables about tenfold
# What the readers of the standard library raise on damaged archives; OSError see `_translated`.
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
    """Unpack an archive into a folder that is new or empty; if it fails, nothing is left.

    The kind is told by content, not by name. Names that are not UTF-8 are read as code page
    437, as zip has it. Files get the usual permissions and the time of now.

    Args:
        archive: a zip, or a tar that may be packed by gzip, bzip2 or xz.
        folder: where to; made if it is not there.
        report: told how many bytes are written; of a tar, how many of the packed ones are read.
        max_bytes: most that is written in all.
        max_files: most files and folders.
        max_ratio: most bytes written for a byte of the archive, once past some megabytes.

    Raises:
        DatasetError: no archive, or one that is damaged, encrypted, dangerous or too large;
            says which entry, and that nothing was unpacked.
        StoreError: the folder cannot be written, or the disk is full.
    """
    if not archive.is_file():
        raise DatasetError(f"There is no archive {archive}. Check the path.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} is not empty. Give a new folder to unpack {archive.name} to.")
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
        with _translated(archive):
            _unpack(archive, folder, limits, report)
    except OSError as error:
        _clear(folder, made)
        raise files.cannot_write(folder, error) from error
    except BaseException:  # Ctrl-C as well
        _clear(folder, made)
        raise


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES)


def _unpack(archive: Path, folder: Path, limits: Limits, report: Report) -> None:
    stage = f"unpacking {archive.name}"
    with open(archive, "rb") as file:
        head = file.read(512)
        file.seek(0)
        if head.startswith(zips.MAGIC):
            zips.unpack(file, folder, limits, stage, report)
        elif head.lstrip()[:1] == b"<":
            raise Refused("is a web page and no archive")
        else:
            tars.unpack(file, head, folder, limits, stage, report)


@contextlib.contextmanager
def _translated(archive: Path) -> Iterator[None]:
    """Whatever is wrong with the archive becomes one DatasetError."""
    again = "Nothing was unpacked. Replace it by a whole one from where it is published."
    try:
        yield
    except Refused as error:
        raise DatasetError(f"{archive} {error}. {again}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{archive} holds a name that is no text. {again}") from error
    except _DAMAGE as error:
        raise DatasetError(
            f"{archive} is damaged or no archive ({_one_line(error)}). {again}"
        ) from error
    except OSError as error:
        if error.errno is not None:  # of the disk
            raise
        # gzip and bz2 tell of damage so.
        raise DatasetError(f"{archive} is damaged ({_one_line(error)}). {again}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _clear(folder: Path, made: bool) -> None:
    """Remove what was unpacked so far."""
    if made:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
