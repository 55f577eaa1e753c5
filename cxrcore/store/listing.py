"""Find runs: those that are whole, and the folders of those that are not."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxrcore import settings
from cxrcore.errors import StoreError
from cxrcore.metrics import select
from cxrcore.store import check
from cxrcore.store.record import Run

Reading = tuple[str, Run | None, str]

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def exists(run_id: str) -> bool:
    """Whether the run is there and, as far as sizes and times tell, undamaged."""
    return check.read(folder_of(run_id))[1] == check.OK


def load_run(run_id: str) -> Run:
    """The record of a run; its files are checked when they are read.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    folder = folder_of(run_id)
    if not folder.is_dir():
        raise no_run(run_id)
    run, state = check.read(folder)
    if run is None or state != check.OK:
        raise StoreError(f"The run {run_id} is damaged. {state}")
    return run


def runs(dataset: str | None = None) -> list[Run]:
    """All undamaged runs, the newest first; `dataset` keeps those of one dataset name."""
    return newest_first(readings(), dataset)


def newest_first(readings: Iterable[Reading], dataset: str | None) -> list[Run]:
    """The undamaged runs among `readings`; `dataset` as in `runs`."""
    wanted = [run for run in map(whole, readings) if run and dataset in (None, run.dataset)]
    return sorted(wanted, key=lambda run: (run.created, run.run_id), reverse=True)


def readings() -> list[Reading]:
    """Every folder of a run: its name, its record if that can be read, and its state."""
    return [(folder.name, *check.read(folder)) for folder in folders()]


def whole(reading: Reading) -> Run | None:
    """The run of a reading if it is undamaged."""
    _, run, state = reading
    return run if state == check.OK else None


def frame(rows: Sequence[Mapping[str, object]], types: Mapping[str, str]) -> pd.DataFrame:
    """A table of runs or families: the columns of `types`, then all metrics that a row has."""
    types = {**types, **{m.name: "Int64" if m.whole else "float64" for m in select("run", "maps")}}
    types |= dict.fromkeys((m.name for m in select("confusion", "predictions")), "float64")
    by_class = dict.fromkeys(name for row in rows for name in row if name not in types)
    types |= dict.fromkeys(by_class, "float64")
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def folders() -> Iterator[Path]:
    """Every folder of the store that a person can see, damaged or not."""
    root = settings.models_dir()
    if root.is_dir():
        with os.scandir(root) as entries:
            names = sorted(e.name for e in entries if e.name[0] not in "._" and e.is_dir())
        yield from (root / name for name in names)


def folder_of(run_id: str) -> Path:
    """Where a run of this name lies or would lie; StoreError where no run can have it."""
    # A name from a page or a command line must not lead out of the store.
    if not _SAFE_NAME.fullmatch(run_id):
        raise no_run(run_id)
    return settings.models_dir() / run_id


def no_run(run_id: str) -> StoreError:
    """The error for a run that is not there."""
    known = [folder.name for folder in folders()]
    listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "") if known else "none yet"
    return StoreError(
        f"There is no run {run_id!r} in {settings.models_dir()}. Runs there: {listed}. "
        "Train it, or check the name."
    )
