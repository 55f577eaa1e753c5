"""Names of registered datasets: one JSON file, changed under a lock."""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cxrcore import files, settings
from cxrcore.errors import DatasetError, StoreError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LOCK_SECONDS = 10  # a change takes milliseconds


@dataclass(frozen=True)
class Entry:
    """A registered dataset; `layout` is None if it is to be detected.

    `options` are those of the layout, see `datasets.selection.Options`.
    """

    name: str
    path: Path
    layout: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def entries() -> list[Entry]:
    """All registered datasets, sorted by name; their folders may be missing by now.

    Raises:
        DatasetError: the registry's file is damaged.
    """
    path = _file()
    if not path.exists():
        return []
    try:
        return [
            Entry(name, Path(row["path"]), row["layout"], dict(row.get("options", {})))
            for name, row in sorted(files.read_json(path).items())
        ]
    except (StoreError, AttributeError, KeyError, TypeError) as error:
        raise DatasetError(
            f"The list of registered datasets, {path}, is damaged. "
            "Delete it and add the datasets again; their images stay."
        ) from error


def find(name: str) -> Entry | None:
    """The entry of that name, or None."""
    return next((entry for entry in entries() if entry.name == name), None)


def check_name(name: str) -> None:
    """Refuse names that are not safe as file names and on the command line.

    Raises:
        DatasetError: the name does not match NAME.
    """
    if not NAME.fullmatch(name):
        raise DatasetError(
            f"{name!r} cannot be a dataset's name. Use 1 to 40 lower-case letters, digits, - and _, "
            "beginning with a letter or digit."
        )


def name_of(first: str, rest: str) -> str:
    """An allowed name from two texts, with a digest if characters had to be replaced.

    If it is too long, the end of `first` is cut.

    >>> name_of("demo", "COVID-19 against rest"), name_of("demo", "COVID+")
    ('demo-covid-19-against-rest', 'demo-covid-300d')
    """
    wanted = f"{first}-{rest}".lower().replace(" ", "-")
    if NAME.fullmatch(wanted):
        return wanted
    digest = hashlib.blake2b(f"{first}\n{rest}".encode(), digest_size=2).hexdigest()
    start, end = (re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") for text in (first, rest))
    end = f"{end[:28].strip('-')}-{digest}"
    return f"{start[: 39 - len(end)].strip('-') or 'data'}-{end}"


def proposed_name(path: str) -> str:
    """An allowed name like that of a folder or table; empty where nothing of it is allowed.

    >>> proposed_name("C:/X-rays/ChestX-ray14 (NIH)/"), proposed_name("/data/films.csv")
    ('chestx-ray14-nih', 'films')
    """
    own = re.split(r"[/\\]", path.strip().rstrip("/\\"))[-1].lower()
    return re.sub(r"[^a-z0-9_]+", "-", re.sub(r"(\.(csv|tsv|txt|xlsx|gz))+$", "", own))[:40].strip(
        "-_"
    )


def add(entry: Entry) -> None:
    """Register an entry; the same folder again changes only its layout and options.

    Raises:
        DatasetError: the name is not allowed, or already stands for another folder.
    """
    check_name(entry.name)
    with _changing() as known:
        taken = known.get(entry.name)
        if taken and taken.path != entry.path:
            raise DatasetError(
                f"The name {entry.name!r} already stands for {taken.path}. "
                "Choose another name, or remove that entry first."
            )
        known[entry.name] = entry


def replace(entry: Entry) -> None:
    """Let a registered name stand for another folder."""
    with _changing() as known:
        known[entry.name] = entry


def remove(name: str) -> None:
    """Remove a name; the images stay.

    Raises:
        DatasetError: there is no such name.
    """
    with _changing() as known:
        if name not in known:
            raise DatasetError(f"No dataset is registered as {name!r}; {known_names(known)}.")
        del known[name]


def known_names(names: dict[str, Entry] | None = None) -> str:
    """ "registered are a, b", for messages."""
    names = {entry.name: entry for entry in entries()} if names is None else names
    return f"registered are {', '.join(sorted(names))}" if names else "none is registered yet"


@contextlib.contextmanager
def _changing() -> Iterator[dict[str, Entry]]:
    """The entries by name, written back when the block succeeds; one process at a time."""
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            known = {entry.name: entry for entry in entries()}
            yield known
            rows = {
                name: {"path": str(entry.path), "layout": entry.layout, "options": entry.options}
                for name, entry in sorted(known.items())
            }
            files.write_json(path, rows)
    except Timeout as error:
        raise DatasetError(
            f"Another process has been changing {path} for {_LOCK_SECONDS} s. Try again."
        ) from error
    except OSError as error:
        raise files.cannot_write(path, error) from error


def _file() -> Path:
    return settings.data_dir() / "datasets.json"
