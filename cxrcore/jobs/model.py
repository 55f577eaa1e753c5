"""The records of a job: what it has to do, its progress, the resources it asks for."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


class Resources(BaseModel):
    """What a job asks of one node of a Ray cluster."""

    model_config = ConfigDict(frozen=True)

    cpus: float
    gpus: float
    memory_gb: float  # 10^9 bytes


class JobSpec(BaseModel):
    """What a job has to do; `details` are the arguments of its kind of work, as JSON.

    Trainings that differ only in fold and seed share a `family`; `part` names one of them: "fold 2
    of 5, seed 43".
    """

    model_config = ConfigDict(frozen=True)

    job_id: str
    kind: str  # of `registry.kinds`
    title: str
    dataset: str | None = None
    family: str = ""
    part: str = ""
    details: dict[str, Any] = Field(default_factory=dict)
    # None: what the settings say when the job is submitted. Version 0.4 wrote "room".
    resources: Resources | None = Field(
        default=None,
        validation_alias=AliasChoices("resources", "room"),
        serialization_alias="room",
    )


class OnRay(Resources):
    """Where a Ray cluster runs a job, and what the job asked of one of its nodes."""

    address: str  # of the cluster's dashboard
    submission: str  # Ray's id for this attempt
    attempt: int  # attempts are counted because Ray never accepts an id twice


class Vitals(BaseModel):
    """State of a job's process and computer at a heartbeat; MB are 10^6 bytes."""

    model_config = ConfigDict(frozen=True)

    machine: str
    boot: str | None  # changes with each start of the computer
    memory_mb: float  # held by the process
    free_mb: float  # available on the computer
    oom_kills: int | None  # processes killed for lack of memory since the computer started


class Job(BaseModel):
    """State and progress of a job. Times are UTC; `share` is 0..1, of all epochs or of the stage."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    kind: str
    title: str
    state: State
    dataset: str | None = None
    family: str = ""  # as in JobSpec
    part: str = ""
    run_id: str | None = None  # set when a training is done
    stage: str = ""  # a short phrase: "preparing pixels"
    message: str = ""  # a sentence: why it waits, failed or ended
    final: bool = False  # it failed for what was asked of it, and would do so again
    epoch: int = 0  # the one in progress, from 1
    epochs: int = 0
    batch: int = 0
    batches: int = 0
    share: float = 0.0
    history: list[dict[str, float | int]] = Field(default_factory=list)  # finite values only
    images_per_second: float | None = None
    eta_seconds: float | None = None
    created: datetime
    started: datetime | None = None  # when its turn came
    finished: datetime | None = None
    heartbeat: datetime | None = None
    vitals: Vitals | None = None  # at the heartbeat
    pid: int | None = None
    born: float | None = None  # start of process `pid` in seconds, since numbers are reused
    ticket: int = 0  # place in the queue: nanoseconds at submission
    ray: OnRay | None = None  # None: on the machine where it was submitted

    @property
    def active(self) -> bool:
        """Whether a process works on it, or waits to."""
        return self.state in ("queued", "running")

    @property
    def step(self) -> str:
        """The epoch in progress, or else the stage."""
        return f"epoch {self.epoch} of {self.epochs}" if self.epoch else self.stage or "starting"

    @property
    def submitted(self) -> datetime:
        """The last time; `created` is long ago for a resumed job."""
        return datetime.fromtimestamp(self.ticket / 1e9, UTC) if self.ticket else self.created

    @property
    def silence(self) -> float:
        """Seconds since its process last wrote anything, or since it was submitted."""
        return (now() - (self.heartbeat or self.submitted)).total_seconds()

    def ended(self, state: State, message: str, **changes: Any) -> "Job":
        """A copy that ended at its last heartbeat, with other `changes`."""
        end = {"finished": self.heartbeat, "eta_seconds": None, **changes}
        return self.model_copy(update={"state": state, "message": message, **end})


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)
