"""The two queues: trainings, and all other work."""

from cxrcore import jobs, settings
from cxrcore.jobs.registry import Lane

TRAINING = Lane("train", settings.max_jobs, jobs.usual_resources)

# On a cluster these ask for no CPU, so that measuring never waits for a training; asking for memory
# lets Ray choose any node instead of the head.
_LITTLE = jobs.Resources(cpus=0.0, gpus=0.0, memory_gb=0.5)

PREPARING = Lane("prepare", lambda: 1, lambda: _LITTLE)
