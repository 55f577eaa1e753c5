"""A job's process as the real one, with work that the tests can steer through files.

The specification's `details` say how: `steps` to count in the checkpoint, `hold` to wait then for
a file `go` in the job's folder, `fault` to end badly, `fault_after` the same after the holding,
`deaf` not to listen, `full` for a disk without room, `helper` for a process of its own. The file
`starts` gets a line for each process, `.order` one for each turn.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cxrcore import files
from cxrcore.errors import Cancelled, JobError
from cxrcore.jobs import child, queue, status
from cxrcore.jobs.context import Context
from cxrcore.work.training import Reporter

POLL = 0.01


def steps(context: Context) -> dict[str, str]:
    """Count up to `steps`, from where the checkpoint is."""
    wanted = context.spec.details
    with open(context.folder.parent / ".order", "a") as order:
        order.write(f"{context.spec.job_id}\n")
    context.checkpoint.mkdir(exist_ok=True)
    counter = context.checkpoint / "step"
    first = int(counter.read_text()) if counter.exists() else 0
    if first:
        print(f"continued from step {first}", flush=True)
    total = wanted.get("steps", 1)
    report = Reporter(context)
    for step in range(first + 1, total + 1):
        counter.write_text(str(step))
        report(progress_after(step, total))
        stop_if_asked(context)
    if wanted.get("helper"):
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (context.folder / "helper").write_text(str(helper.pid))
    fault(wanted.get("fault"), context.checkpoint)
    if wanted.get("full"):
        without_disk(context)
    while wanted.get("hold") and not (context.folder / "go").exists():
        if not wanted.get("deaf"):
            stop_if_asked(context)
        time.sleep(POLL)
    fault(wanted.get("fault_after"), context.checkpoint)
    return {"run_id": context.spec.job_id, "message": "Counted."}


def progress_after(step: int, total: int) -> SimpleNamespace:
    """What a training would report amid the epoch after `step`; the first loss is not finite."""
    history = [
        {"epoch": n, "loss": np.float32(1 / (n - 1)) if n > 1 else float("nan")}
        for n in range(1, step + 1)
    ]
    return SimpleNamespace(
        stage="training",
        epoch=step + 1,
        epochs=total + 1,
        batch=5,
        batches=10,
        images_per_second=np.float64(120.5),
        eta_seconds=float("inf"),
        history=history,
    )


def stop_if_asked(context: Context) -> None:
    """What a training does after each batch."""
    if context.should_stop():
        raise Cancelled("stopped")


def fault(kind: str | None, folder: Path) -> None:
    """End badly, or write what a disk may have no room for."""
    if kind == "ours":
        raise JobError("The dataset has no images. Choose another.", final=True)
    if kind == "theirs":
        raise ZeroDivisionError("division\nby zero")
    if kind == "exit":
        sys.exit(3)
    if kind == "memory":
        raise MemoryError
    if kind == "disk":
        files.write_atomic(folder / "more", bytes(2_000_000))
    if kind == "raw disk":  # as a library would that is not asked to explain itself
        (folder / "more").write_bytes(bytes(2_000_000))


def without_disk(context: Context) -> None:
    """Work on while no file can grow, longer than it takes to notice."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        context.status.update(batch=context.status.job.batch + 1)
        time.sleep(POLL)
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)


if __name__ == "__main__":
    queue.POLL_SECONDS = status.PAUSE_SECONDS = 0.05
    job_folder = Path(sys.argv[1])
    with open(job_folder / "starts", "a") as starts:
        starts.write("started\n")
    sys.exit(child.main(sys.argv[1:], work={"train": steps, "index": steps, "demo": steps}))
