"""The two queues: trainings wait for trainings, all other work for each other."""

from cxrcore import jobs, settings
from cxrcore.jobs.registry import Lane

TRAINING = Lane("train", settings.max_jobs, jobs.usual_resources)

# On a cluster these ask for no CPU, so that measuring waits for no training, as on one machine;
# asking for memory lets Ray choose any node instead of the head.
_LITTLE = jobs.Resources(cpus=0.0, gpus=0.0, memory_gb=0.5)

PREPARING = Lane("prepare", lambda: 1, lambda: _LITTLE)
