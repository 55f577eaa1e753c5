"""What people say about a run: title, tags, notes and what they set for it.

It lies outside the record, which is sealed: `.annotations/<name>.json` of the store, for a run or
for a family of runs. It stays while the run lies in the trash.
"""

import contextlib
import functools
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cxrcore import files, settings
from cxrcore.errors import StoreError
from cxrcore.store import listing
from cxrcore.store.run_names import family_of

LONGEST_TITLE, LONGEST_TAG, LONGEST_NOTES, MOST_TAGS = 80, 40, 2000, 20  # characters, tags
LOCK_SECONDS = 10
# Embeddings and overrides of the writing direction, which would turn round what stands after them.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain_text(text: str) -> str:
    """Text of several lines without characters that no screen shows, in one way of writing it."""
    for character in text:
        hidden = unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
        if hidden or character in _TURNS:
            raise ValueError(f"the character U+{ord(character):04X} cannot be shown; leave it out")
    return unicodedata.normalize("NFC", text)


def _line(text: str) -> str:
    """Text of one line that can be seen, with single blanks."""
    if len(text.splitlines()) > 1:
        raise ValueError("it must be one line")
    shown = " ".join(plain_text(text).split())
    if not any(c.isprintable() and not c.isspace() for c in shown):
        raise ValueError("nothing of it can be seen; write a word, or clear it")
    return shown


def _unlike(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


_Title = Annotated[str, AfterValidator(_line), Field(max_length=LONGEST_TITLE)]
_Tag = Annotated[str, AfterValidator(_line), Field(max_length=LONGEST_TAG)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Annotation(BaseModel):
    """What people say about a run or a family.

    Attributes:
        title: one line of at most 80 characters, shown in place of the title that
            `store.titles` makes; None for that one.
        tags: at most 20 words or phrases of at most 40 characters.
        notes: at most 2,000 characters.
        thresholds: class -> least probability, 0..1, at which the class is the answer.
        temperature: by which the logits are divided, 0.01..100; None for as trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: _Title | None = None
    tags: Annotated[list[_Tag], Field(max_length=MOST_TAGS), AfterValidator(_unlike)] = []
    notes: Annotated[str, AfterValidator(plain_text), Field(max_length=LONGEST_NOTES)] = ""
    thresholds: dict[str, _Share] = {}
    temperature: Annotated[float, Field(ge=0.01, le=100)] | None = None


def annotation(name: str) -> Annotation:
    """What was said about a run or a family; an empty one where nobody said anything.

    Raises:
        StoreError: no run can have this name, or the file is damaged.
    """
    path = _path(name)
    try:
        return _parsed(path, *_size_and_time(path))
    except FileNotFoundError:
        return Annotation()
    except OSError as error:
        raise StoreError(
            f"{path}, the title and notes of {name}, cannot be read: {error.strerror or error}. "
            "Check its permissions."
        ) from error
    except ValidationError as error:
        raise StoreError(
            f"{path}, the title and notes of {name}, is damaged: {first_fault(error)}. Correct the "
            "file or restore it from a backup; if you delete it, what it says is lost."
        ) from error


def annotate(name: str, **changes: Any) -> Annotation:
    """Change what is said about a run or a family, and return all that is said now.

    Args:
        name: of a run in the store, damaged or not, or of a family of them.
        changes: fields of `Annotation`; those left out stay as they are.

    Raises:
        StoreError: there is no such run or family, no such field, a value is not allowed, the
            file is damaged (it stays as it is) or cannot be written.
    """
    path = _path(name)
    if not listing.folder_of(name).exists() and name not in map(family_of, listing.runs()):
        raise listing.no_run(name)
    with alone(path.parent):
        values = annotation(name).model_dump() | changes
        try:
            changed = Annotation.model_validate(values)
        except ValidationError as error:
            raise StoreError(
                f"The annotation of {name} was not changed: {first_fault(error)}. "
                f"It has {', '.join(Annotation.model_fields)}."
            ) from error
        files.write_json(path, changed.model_dump())
    return changed


def everything() -> dict[str, Annotation]:
    """What was said about each run and family; damaged files are left to `damaged_annotations`."""
    return {path.stem: found for path in paths() if (found := _readable(path.stem)) is not None}


def damaged_annotations() -> dict[str, str]:
    """Name of a run or a family -> what is wrong with the file of its title and notes."""
    found = {}
    for path in paths():
        try:
            annotation(path.stem)
        except StoreError as error:
            found[path.stem] = str(error)
    return found


def forget(names: set[str]) -> None:
    """Remove what was said about runs and families that are gone for good."""
    if said := [path for path in paths() if path.stem in names]:
        with alone(_folder()):
            for path in said:
                path.unlink(missing_ok=True)


def paths(name: str | None = None) -> list[Path]:
    """The file of a run or a family, whether it is there or not; of None those that are there."""
    if name is not None:
        return [_path(name)]
    return sorted(_folder().glob("[!.]*.json"))


def _readable(name: str) -> Annotation | None:
    with contextlib.suppress(StoreError):
        return annotation(name)
    return None


@functools.lru_cache(maxsize=1024)
def _parsed(path: Path, _size: int, _time_ns: int) -> Annotation:
    return Annotation.model_validate_json(path.read_bytes())


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time changes annotations."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise StoreError(
            f"Another process has been changing {folder} for {LOCK_SECONDS} s. Try again."
        ) from error
    except OSError as error:
        raise files.cannot_write(folder, error) from error


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, as "title: it must be one line"."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def _path(name: str) -> Path:
    listing.folder_of(name)  # a name from a page or a command line must not lead elsewhere
    return _folder() / f"{name}.json"


def _folder() -> Path:
    return settings.models_dir() / ".annotations"
