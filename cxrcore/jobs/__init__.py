"""Jobs: work that goes on in processes of its own, whatever happens to the page that asked.

`submit_*` start one, `list_jobs` and `get` tell how far they are, `cancel`, `kill`, `resume`
and `dismiss` change them, `log` shows what they printed. Trainings wait for each other, so that
at most CXR_MAX_JOBS run at once; measuring, preparing, searching duplicates and the demonstration
wait in a line of their own. With CXR_RAY_ADDRESS a Ray cluster does all of them and decides who
waits; `place` says where a job is done.
"""

from cxrcore.jobs.child import run
from cxrcore.jobs.cluster import LEAST_CPUS, room, usual_room
from cxrcore.jobs.cluster_state import place
from cxrcore.jobs.control import cancel, dismiss, get, kill, list_jobs, log, resume
from cxrcore.jobs.family import Together, together
from cxrcore.jobs.lookup import id_of, of
from cxrcore.jobs.record import Job, JobSpec, Room
from cxrcore.jobs.submit import (
    submit_demo,
    submit_duplicates,
    submit_index,
    submit_pixels,
    submit_training,
)

__all__ = [
    "LEAST_CPUS",
    "Job",
    "JobSpec",
    "Room",
    "Together",
    "cancel",
    "dismiss",
    "get",
    "id_of",
    "kill",
    "list_jobs",
    "log",
    "of",
    "place",
    "resume",
    "room",
    "run",
    "submit_demo",
    "submit_duplicates",
    "submit_index",
    "submit_pixels",
    "submit_training",
    "together",
    "usual_room",
]
