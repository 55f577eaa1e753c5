"""What a sweep tried, one JSON file each in the store: models/.sweeps/NAME.json."""

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxrcore import files, settings
from cxrcore.errors import StoreError
from cxrcore.store.record import now

_NAME = re.compile(r"[a-z0-9-]+-sweep-[0-9a-f]{8}")


class Sweep(BaseModel):
    """One recipe, trained on one split of one dataset with many values of `fields`.

    `trials` has, by the name of its run, the values of the fields in each training.
    """

    model_config = ConfigDict(frozen=True)

    sweep_id: str
    recipe: str
    dataset: str
    fields: tuple[str, ...]
    trials: dict[str, dict[str, Any]]
    created: str = Field(default_factory=now)


def save(sweep: Sweep) -> None:
    """Keep a sweep; one of that name that is there already is left as it is.

    Raises:
        StoreError: the store cannot be written.
    """
    path = _path(sweep.sweep_id)
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.cannot_write(path.parent, error) from error
    files.write_json(path, sweep.model_dump(mode="json"))


def read(sweep_id: str) -> Sweep:
    """The sweep of that name.

    Raises:
        StoreError: there is none, or its file is damaged.
    """
    path = _path(sweep_id)
    if not _NAME.fullmatch(sweep_id) or not path.is_file():
        raise StoreError(f"There is no sweep {sweep_id!r}. `python -m cxrcore sweeps` lists them.")
    try:
        return Sweep.model_validate(files.read_json(path))
    except (ValidationError, ValueError) as error:
        raise StoreError(f"{path} is damaged: delete it. Its runs are kept.") from error


def sweeps(dataset: str | None = None) -> list[Sweep]:
    """Those of a dataset, or all, the newest first; damaged files are passed over."""
    found = []
    for path in _path("").parent.glob("*.json"):
        try:
            sweep = read(path.stem)
        except StoreError:
            continue
        if dataset in (None, sweep.dataset):
            found.append(sweep)
    return sorted(found, key=lambda sweep: (sweep.created, sweep.sweep_id), reverse=True)


def _path(sweep_id: str) -> Path:
    return settings.models_dir() / ".sweeps" / f"{sweep_id}.json"
