"""Which files a folder holds, and their content: each file is read once, then remembered."""

import contextlib
import hashlib
import io
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cxrcore import files, images, settings
from cxrcore.errors import ImageError
from cxrcore.progress import Meter, Report, silent

_CACHE_VERSION = 2  # raise it when `_measured` gives another result for the same file
_KEY = ["path", "size", "mtime_ns"]
_COLUMNS = [*_KEY, "image_id", "width", "height", "error"]
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini"}
_REPORT_EVERY = 50  # files
_MOST_WRAPPERS = 6
_BEGINNING = 1024  # bytes that tell DICOM from other files
# Endings of what is never a film; other files are opened to see whether they are DICOM.
_OTHER = frozenset(
    ".csv .tsv .txt .md .json .xml .html .htm .pdf .xls .xlsx .doc .docx .zip .gz .tar .7z .rar "
    ".py .ipynb .log .npy .npz .h5 .hdf5 .keras .pt .pth .onnx .pkl .parquet .yaml .yml .svg .mp4".split()
)
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, broken encodings


class File(NamedTuple):
    """A file as the folder lists it, not yet opened."""

    path: str  # relative to the root, with /
    size: int  # bytes
    mtime_ns: int


@dataclass
class Found:
    """What a walk through a folder found; all paths are relative to it, with /."""

    files: list[File] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # not followed
    odd: list[str] = field(default_factory=list)  # unreadable names, pipes, devices
    closed: list[str] = field(default_factory=list)  # folders that cannot be opened
    empty: list[str] = field(default_factory=list)  # folders


def find(root: Path) -> Found:
    """All files below a folder, however deep, sorted by path.

    Hidden files and what operating systems leave behind are skipped, and so are this project's
    own folders, whose thumbnails are not part of a dataset. Links to folders, and to files
    outside the root, are not followed: a dataset is what its folder holds.
    """
    found = Found()
    root = root.resolve()
    ours = {str(settings.data_dir()), str(settings.models_dir())}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = list(listing)
        except OSError:
            found.closed.append(folder)
            continue
        if not entries and folder:
            found.empty.append(folder)
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting += [] if entry.path in ours else [path]
            else:
                _sort_in(entry, path, root, found)
    found.files.sort()
    for paths in (found.links, found.odd, found.closed, found.empty):
        paths.sort()
    return found


def measure(root: Path, found: list[File], report: Report = silent) -> pd.DataFrame:
    """Content hash and size in pixels of each file, in the order given.

    Files whose path, size and modification time are those of an earlier call are not opened.

    Returns:
        path, size, mtime_ns, image_id (missing if the file cannot be opened), width, height
        (missing if it is not a usable image), error (why, else missing).

    Raises:
        StoreError: the cache in the data folder cannot be written.
    """
    listed = pd.DataFrame(found, columns=_KEY).astype(
        {"path": "string", "size": "int64", "mtime_ns": "int64"}
    )
    cache_file = _cache_file(root)
    known = _cached(cache_file)
    rows = {key: row for row, key in enumerate(zip(*(known[name] for name in _KEY), strict=True))}
    places = pd.Index([rows.get(tuple(file), -1) for file in found], dtype="int64")
    merged = pd.concat([listed, known[_COLUMNS[3:]].reindex(places).reset_index(drop=True)], axis=1)
    new = places == -1
    if new.any():
        measured = list(_measured(root, listed["path"][new], report))
        fresh = pd.DataFrame(measured, columns=_COLUMNS[3:], index=merged.index[new])
        for column in _COLUMNS[3:]:
            merged.loc[new, column] = fresh[column].astype(merged[column].dtype)
    # A file that could not be opened may become readable without a change in size and time.
    keep = merged[merged["image_id"].notna()]
    if new.any() or len(keep) < len(known):
        buffer = io.BytesIO()
        keep.to_parquet(buffer, index=False)
        files.write_atomic(cache_file, buffer.getvalue())
    return merged


def is_image(path: str) -> bool:
    """Whether the ending of a path is that of an image."""
    return posixpath.splitext(path)[1].lower() in images.SUFFIXES


def pictures(root: Path, found: Found) -> list[str]:
    """The paths of the images in a folder, by ending; DICOM files of any other name by content.

    A PACS or a CD writes them as `IM000001` or `1.2.840.113.7`.
    """
    return [
        file.path
        for file in found.files
        if is_image(file.path)
        or (posixpath.splitext(file.path)[1].lower() not in _OTHER and _is_dicom(root / file.path))
    ]


def _is_dicom(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return images.is_dicom(file.read(_BEGINNING))
    return False


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in a folder; none if it cannot be opened."""
    # Not Path.is_dir: it asks the disk once for each of the 20,000 files of a class folder.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [folder / entry.name for entry in entries if entry.is_dir()]
    return []


def wrappers(root: Path) -> list[Path]:
    """The folder, and the only folder in it, and so on: where an archive puts its content."""
    found = [root]
    while len(found) < _MOST_WRAPPERS:
        inside = [
            path
            for path in subfolders(found[-1])
            if not path.name.startswith(".") and path.name.lower() not in _SYSTEM
        ]
        if len(inside) != 1:
            break
        found += inside
    return found


def some_files(folder: Path, most: int) -> list[Path]:
    """Some of the files directly in a folder; none if it cannot be opened."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        files = (folder / entry.name for entry in entries if not entry.is_dir())
        return list(islice(files, most))
    return []


def _sort_in(entry: os.DirEntry[str], path: str, root: Path, found: Found) -> None:
    """Put a directory entry that is not a folder into the right list."""
    if _NOT_TEXT.search(path):
        found.odd.append(_NOT_TEXT.sub("?", path))
        return
    try:
        if entry.is_symlink() and not _leads_to_file_inside(root / path, root):
            found.links.append(path)
            return
        status = entry.stat()
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        found.odd.append(path)
        return
    if stat.S_ISREG(status.st_mode):
        found.files.append(File(path, status.st_size, status.st_mtime_ns))
    else:
        found.odd.append(path)


def _leads_to_file_inside(link: Path, root: Path) -> bool:
    target = link.resolve()
    return target.is_relative_to(root) and target.is_file()


_Measurement = tuple[str | None, int | None, int | None, str | None]


def _measured(root: Path, paths: pd.Series, report: Report) -> Iterator[_Measurement]:
    """(image_id, width, height, error) of each file; hashing runs in threads beside reading."""
    meter = Meter("reading files", len(paths), report)
    pool = ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1)))
    try:
        for done, row in enumerate(pool.map(lambda path: _measure_one(root / path), paths), 1):
            if done % _REPORT_EVERY == 0 or done == len(paths):
                meter.update(done)
            yield row
    finally:
        pool.shutdown(cancel_futures=True)  # at Ctrl-C do not read 20,000 files first


def _measure_one(path: Path) -> _Measurement:
    try:
        if path.stat().st_size > images.MAX_BYTES:  # hash without holding it in memory
            image_id, content = files.digest(path), None
        else:
            content = path.read_bytes()
            image_id = hashlib.blake2b(content, digest_size=16).hexdigest()
    except OSError as error:
        return None, None, None, f"{path.name} cannot be read: {error.strerror or error}."
    try:
        width, height = images.header(path if content is None else content, name=path.name)
    except ImageError as error:
        return image_id, None, None, str(error)
    return image_id, width, height, None


def _cache_file(root: Path) -> Path:
    # The pixel limit is part of the key: an image refused today may pass under a higher one.
    key = f"{_CACHE_VERSION}\n{settings.max_pixels()}\n{root.resolve()}"
    name = hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    return settings.data_dir() / "scan" / f"{name}.parquet"


def _cached(path: Path) -> pd.DataFrame:
    """The results of earlier scans; empty if there is no cache or it is damaged."""
    text = dict.fromkeys(("path", "image_id", "error"), "string")
    numbers = {"size": "int64", "mtime_ns": "int64", "width": "Int64", "height": "Int64"}
    if path.exists():
        # Whatever pyarrow and pandas raise on a damaged file: a cache can be made again.
        with contextlib.suppress(OSError, ValueError, TypeError, LookupError, NotImplementedError):
            return pd.read_parquet(path)[_COLUMNS].astype(text | numbers)
    return pd.DataFrame(columns=_COLUMNS).astype(text | numbers)
