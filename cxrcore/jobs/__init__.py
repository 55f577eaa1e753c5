"""Jobs: processes that outlive the page or command that started them.

`list_jobs` and `get` return their state, `run` runs one in this process. Jobs of one lane wait for
each other. With CXR_RAY_ADDRESS a Ray cluster runs them. What jobs do is in `cxrcore.work`; this
package does not know it (see `registry`).
"""

from cxrcore.jobs.child import run
from cxrcore.jobs.control import cancel, get, kill, list_jobs, log, remove, resume, start
from cxrcore.jobs.engine import place
from cxrcore.jobs.family import FamilyProgress, family_progress
from cxrcore.jobs.follow import follow
from cxrcore.jobs.model import Job, JobSpec, Resources
from cxrcore.jobs.ray.resources import LEAST_CPUS, resources, usual_resources

__all__ = [
    "LEAST_CPUS",
    "FamilyProgress",
    "Job",
    "JobSpec",
    "Resources",
    "cancel",
    "family_progress",
    "follow",
    "get",
    "kill",
    "list_jobs",
    "log",
    "place",
    "remove",
    "resources",
    "resume",
    "run",
    "start",
    "usual_resources",
]
