"""Which file of a folder a table means: paths of other machines, other endings, other spellings.

A table's path is compared from its end: `D:\\films\\a\\1.PNG` is `a/1.png` if that is the only
file that agrees with it so far. Letter case, the two Unicode forms of accents, and endings that
mean the same format do not count; a name without an ending stands for any.
"""

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property, lru_cache

import pandas as pd

from cxrcore import images

_ENDINGS = {".jpeg": ".jpg", ".jfif": ".jpg", ".tiff": ".tif", ".dicom": ".dcm", ".dicm": ".dcm"}


def matched(written: pd.Series, present: Iterable[str]) -> tuple[pd.Series, int]:
    """The file that each path means, missing if there is none or it could be several.

    Args:
        written: as the table writes them.
        present: the files, relative to the dataset's root, with /.

    Returns:
        The files' paths, and how many of the written paths do not end one of a file: from another
        machine, in another case, with another ending.
    """
    files = _Files(present)
    meant = {path: files.find(path) for path in written.dropna().unique()}
    # Two lines that mean different files in the table never get one: the longer agreement counts.
    claims: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path, (file, parts) in meant.items():
        if file is not None:
            claims[file].append((parts, path))
    chosen: dict[str, str] = {}
    for file, claiming in claims.items():
        longest = max(parts for parts, _ in claiming)
        chosen |= {path: file for parts, path in claiming if parts == longest}
    found = written.map(chosen).astype("string")
    other = sum(not _ends(file, _posix(path)) for path, file in chosen.items())
    return found, other


class _Files:
    """The files of a folder, found by the ends of their paths."""

    def __init__(self, present: Iterable[str]) -> None:
        self._known = set(present)

    @cached_property  # not needed where a table writes every path as it is
    def _by_end(self) -> dict[tuple[str, ...], set[str]]:
        found: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for path in self._known:
            *folders, name = _parts(path)
            for last in {name, posixpath.splitext(name)[0]}:
                for start in range(len(folders) + 1):
                    found[(*folders[start:], last)].add(path)
        return found

    @cached_property
    def _folders(self) -> set[str]:
        return {folder for path in self._known for folder in _parts(path)[:-1]}

    def find(self, written: str) -> tuple[str | None, int]:
        """The file, and in how many parts of its path both agree."""
        if (path := _posix(written)) in self._known:
            return path, path.count("/") + 2
        parts = _parts(path)
        # A name is tried with its ending, then without: b.png may be there as b.jpg.
        names = [parts[-1]]
        stem, ending = posixpath.splitext(parts[-1])
        if ending in images.SUFFIXES or ending in _ENDINGS.values():
            names.append(stem)
        for name in names:
            for start in range(len(parts)):
                files = self._by_end.get((*parts[start:-1], name))
                if files:
                    return self._only(files, parts[:start]), len(parts) - start
        return None, 0

    def _only(self, files: set[str], before: list[str]) -> str | None:
        """The only file, unless the table names a folder of this dataset in which it is not."""
        if len(files) > 1:
            return None
        [file] = files
        if before and before[-1] in self._folders and before[-1] not in _parts(file):
            return None
        return file


def _ends(file: str, path: str) -> bool:
    """Whether a file's path, with or without its ending, ends in that path."""
    return any(f"/{name}".endswith(f"/{path}") for name in (file, posixpath.splitext(file)[0]))


def _posix(path: str) -> str:
    path = path.replace("\\", "/")
    return posixpath.normpath(path) if path else path


@lru_cache(maxsize=4096)  # folders come again and again
def _part(part: str) -> str:
    return unicodedata.normalize("NFC", part).casefold().strip()


def _parts(path: str) -> list[str]:
    """The folders and the name of a path, as they are compared."""
    *folders, name = path.split("/")
    stem, ending = posixpath.splitext(_part(name))
    return [*(_part(folder) for folder in folders), stem + _ENDINGS.get(ending, ending)]
