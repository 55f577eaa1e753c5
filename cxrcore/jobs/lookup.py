"""Find the job that does a piece of work, by what it does."""

from typing import TYPE_CHECKING

from cxrcore.jobs import control
from cxrcore.jobs.record import Job

if TYPE_CHECKING:
    from cxrcore.pixels import Preparation


def id_of(
    kind: str, dataset: str, *, preparation: "Preparation | None" = None, other: str | None = None
) -> str:
    """The id of the one job of this kind on a dataset.

    Args:
        kind: index, pixels or duplicates.
        dataset: the name it is registered under.
        preparation: of a job that prepares pixels.
        other: the second dataset of a search in two.
    """
    if preparation is not None:
        return f"{kind}-{dataset}-{preparation.key()}"
    # Names have no capitals, so no other pair of names gives the same id.
    return f"{kind}-{dataset}-WITH-{other}" if other else f"{kind}-{dataset}"


def of(
    kind: str, dataset: str, *, preparation: "Preparation | None" = None, other: str | None = None
) -> Job | None:
    """That job, active or ended; None if there is none. A search in two datasets has no order."""
    wanted = {id_of(kind, dataset, preparation=preparation, other=other)}
    if other is not None:
        wanted.add(id_of(kind, other, other=dataset))
    return next((job for job in control.list_jobs() if job.job_id in wanted), None)
