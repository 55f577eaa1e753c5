"""What jobs do: train, measure, prepare, search duplicates, compare, test elsewhere; probes, examples, profiles, maps.

Each kind of work is one module: how to submit it, what its process does, and a `KIND` for the
registry of `cxrcore.jobs`.
"""

from typing import Any

from cxrcore import jobs
from cxrcore.jobs import Job, registry
from cxrcore.work.comparison import submit_comparison
from cxrcore.work.controls import submit_controls
from cxrcore.work.demo import submit_demo
from cxrcore.work.duplicates import submit_duplicates
from cxrcore.work.examples import submit_examples
from cxrcore.work.explanations import submit_explanations
from cxrcore.work.external import submit_external
from cxrcore.work.film_maps import submit_film_map
from cxrcore.work.index import submit_index
from cxrcore.work.lungs import submit_lungs
from cxrcore.work.pixels import submit_pixels
from cxrcore.work.probes import submit_probes
from cxrcore.work.profiles import submit_profiles
from cxrcore.work.training import submit_sweep, submit_training

__all__ = [
    "find",
    "submit_comparison",
    "submit_controls",
    "submit_demo",
    "submit_duplicates",
    "submit_examples",
    "submit_explanations",
    "submit_external",
    "submit_film_map",
    "submit_index",
    "submit_lungs",
    "submit_pixels",
    "submit_probes",
    "submit_profiles",
    "submit_sweep",
    "submit_training",
]


def find(kind: str, **details: Any) -> Job | None:
    """The job for this work, in any state; None if there is none.

    Args:
        kind: of the job, such as "train" or "pixels"; each is the `KIND` of a file of this package.
        details: those that its `job_id` is made of, such as run_id, or dataset, size and region;
            two datasets are found in either order.
    """
    wanted = {registry.kind(kind).job_id(**details)}
    if details.get("other"):
        both = {"dataset": details["other"], "other": details["dataset"]}
        wanted.add(registry.kind(kind).job_id(**both))
    return next((job for job in jobs.list_jobs() if job.job_id in wanted), None)
