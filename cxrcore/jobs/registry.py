"""The kinds of work that jobs can do.

Each is a module of the package `PROVIDER`, with a `Kind` called KIND.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cxrcore.errors import JobError
from cxrcore.jobs.context import Context
from cxrcore.jobs.model import Resources

PROVIDER = "cxrcore.work"

Work = Callable[[Context], Mapping[str, Any]]


@dataclass(frozen=True)
class Lane:
    """A queue of its own.

    Attributes:
        name: of its folder on disk.
        places: how many of its jobs run at once on one machine.
        resources: what a job asks of a node of a Ray cluster by default.
    """

    name: str
    places: Callable[[], int]
    resources: Callable[[], Resources]


@dataclass(frozen=True)
class Kind:
    """A kind of work.

    Attributes:
        name: as in `JobSpec.kind`.
        run: does the work in the job's process; returns the last changes of Job.
        lane: where its jobs wait.
        job_id: the id of the job for given details, as `cxrcore.work.find` takes them.
    """

    name: str
    run: Work
    lane: Lane
    job_id: Callable[..., str]


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """All kinds of work by name. The modules load nothing heavy before their work begins."""
    provider = importlib.import_module(PROVIDER)
    modules = [
        importlib.import_module(f"{PROVIDER}.{module.name}")
        for module in pkgutil.iter_modules(provider.__path__)
    ]
    return {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}


def kind(name: str) -> Kind:
    """One kind of work.

    Raises:
        JobError: there is no such kind.
    """
    try:
        return kinds()[name]
    except KeyError as error:
        raise JobError(
            f"This version has no work of the kind {name!r}; there are: {', '.join(sorted(kinds()))}. "
            "Remove the job, or open it with the version that made it."
        ) from error
