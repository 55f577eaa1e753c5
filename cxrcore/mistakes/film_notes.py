"""What people say about single films: why a model may have failed on them, whether the label is right.

One file a dataset, `<name>.films.json` beside the index. Films are named by their content, so notes
outlive renamed files and new films.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cxrcore import files, settings
from cxrcore.datasets import Dataset, registry
from cxrcore.errors import StoreError
from cxrcore.store.annotations import alone, first_fault, plain_text

TAGS = {
    "exposure": "Exposure",
    "device": "Tube, line or device",
    "crop": "Cropped or tilted",
    "tint": "Tint or writing",
    "label": "Label doubtful",
    "other": "Something else",
}


def _known(tags: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [tag for tag in tags if tag not in TAGS]:
        raise ValueError(f"there is no tag {unknown[0]!r}; choose from {', '.join(TAGS)}")
    return tuple(tag for tag in TAGS if tag in tags)  # each once, in this order


class FilmNote(BaseModel):
    """What people say about a film.

    Attributes:
        tags: of TAGS.
        text: at most 500 characters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: Annotated[tuple[str, ...], AfterValidator(_known)] = ()
    text: Annotated[str, Field(max_length=500), AfterValidator(plain_text)] = ""

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.tags or self.text)


_FILE = TypeAdapter(dict[str, FilmNote])


def notes(dataset: str) -> dict[str, FilmNote]:
    """image_id -> what is said about the film, of those of which something is.

    Args:
        dataset: its registered name.

    Raises:
        DatasetError: no dataset can have this name.
        StoreError: the file is damaged or cannot be read.
    """
    path = file_of(dataset)
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(
            f"{path}, the notes on films, cannot be read: {error.strerror or error}. Check its "
            "permissions."
        ) from error
    except ValidationError as error:
        raise StoreError(
            f"{path}, the notes on films, is damaged: {first_fault(error)}. Correct the file or "
            "restore it from a backup; if you delete it, what it says is lost."
        ) from error


def note(dataset: str, image_id: str, **changes: object) -> FilmNote:
    """Change what is said about a film, and return all of it; an empty note is removed.

    Args:
        dataset: its registered name.
        image_id: of the film.
        changes: fields of `FilmNote`; those left out stay as they are.

    Raises:
        DatasetError: no dataset can have this name.
        StoreError: a value is not allowed, or the file is damaged (it stays) or cannot be written.
    """
    path = file_of(dataset)
    with alone(path.parent):
        every = notes(dataset)
        try:
            said = FilmNote.model_validate(every.pop(image_id, FilmNote()).model_dump() | changes)
        except ValidationError as error:
            raise StoreError(
                f"The note on the film was not changed: {first_fault(error)}."
            ) from error
        if said:
            every[image_id] = said
        files.write_atomic(path, _FILE.dump_json(every, indent=1))
    return said


def counts(said: Mapping[str, FilmNote]) -> dict[str, int]:
    """Title of each tag -> films that have it, without those that none has."""
    found = {title: sum(tag in each.tags for each in said.values()) for tag, title in TAGS.items()}
    return {title: films for title, films in found.items() if films}


def frame(dataset: Dataset) -> pd.DataFrame:
    """The films of which something is said, for a download: path, label, tags, text, image_id.

    Raises:
        StoreError: as `notes`.
    """
    said = notes(dataset.name)
    table = dataset.table.loc[
        dataset.table["image_id"].isin(list(said)), ["path", "label", "image_id"]
    ]
    found = [said[image_id] for image_id in table["image_id"]]
    return table.assign(
        tags=["; ".join(TAGS[tag] for tag in each.tags) for each in found],
        note=[each.text for each in found],
    )[["path", "label", "tags", "note", "image_id"]].reset_index(drop=True)


def file_of(dataset: str) -> Path:
    """The file of a dataset, whether it is there or not."""
    registry.check_name(dataset)  # a name from a page must not lead elsewhere
    return settings.data_dir() / "index" / f"{dataset}.films.json"
