"""What goes wrong around a job: kill -9 amid writing, full disks, vanished datasets, no memory."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cxrcore import datasets, jobs, models, settings, store, training, work
from cxrcore.errors import StoreError
from cxrcore.jobs import control, disk, exit_cause, model
from cxrcore.jobs.model import Vitals
from cxrcore.training import TrainSpec
from cxrcore.training.checkpoint import Checkpoint
from tests.helpers import small_disk

# To import pandas or TensorFlow, build and train, on a machine that has other work.
LIBRARY_SECONDS = 120.0
DYING = (sys.executable, str(Path(__file__).with_name("dying.py")))


def tiny_plan(folder: Path, **changes: object) -> TrainSpec:
    recipe = models.get("cnn-plain").override(image_size=32, batch_size=8, **changes)
    return training.plan(recipe, datasets.register("tiny", folder))


def half_written(folder: Path) -> list[str]:
    """Files under a final name whose end is missing, as a reader would meet them."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.suffix in (".json", ".npz") and not path.name.startswith(".") and not complete(path)
    ]


def complete(path: Path) -> bool:
    data = path.read_bytes()
    # A zip file's directory stands at its end.
    return data.rstrip().endswith(b"}") if path.suffix == ".json" else b"PK\x05\x06" in data[-22:]


def imported_to_answer(spec: TrainSpec) -> set[str]:
    """What a fresh process imports to answer for a training that was done before."""
    code = (
        "import sys\nfrom cxrcore import training, work\n"
        f"spec = training.TrainSpec.model_validate_json({spec.model_dump_json()!r})\n"
        "assert work.submit_training(spec).run_id == training.train(spec).run_id\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=settings.ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_a_training_killed_amid_each_kind_of_writing_resumes_and_is_not_trained_twice(
    bench, tiny_dataset_folder, monkeypatch, own_folders
):
    spec = tiny_plan(tiny_dataset_folder, epochs=3)
    start = work.submit_training
    monkeypatch.setitem(control.start.__kwdefaults__, "command", DYING)
    kept = []
    for die_at, epochs in (
        (r"/done/00000032-4\.json$", None),  # the pixels of the first 32 images are noted
        (r"/optimizer-2\.npz$", 1),
        (rf"/{spec.run_id}$", 3),
    ):
        monkeypatch.setenv("CXR_DIE_AT", die_at)
        job = start(spec)
        assert (job.job_id, job.dataset) == (spec.run_id, "tiny")
        bench.until_state("interrupted", spec.run_id, LIBRARY_SECONDS)
        assert store.list_runs().empty
        assert half_written(own_folders.models) == half_written(own_folders.data) == []
        state = Checkpoint(bench.folder(spec.run_id) / "checkpoint").load(spec.run_id)
        assert (state and state.epoch) == epochs
        kept.append(state)
    jobs.resume(spec.run_id)  # with the command of production
    done = bench.until_state("done", spec.run_id, LIBRARY_SECONDS)
    run = store.load_run(done.run_id)
    assert all(run.verified(name).exists() for name in run.files)
    assert list(run.history()["epoch"]) == [1, 2, 3]
    assert done.history[:1] == kept[1].history
    assert done.history == kept[2].history
    # Nothing was done twice: each epoch is told of once, apart from the one that was killed.
    log = jobs.log(spec.run_id)
    assert log.count(f"{done.title}: process") == 4
    assert [log.count(f"epoch {n} of 3: loss") for n in (1, 2, 3)] == [1, 1, 1]
    bench.until(lambda: not (bench.folder(spec.run_id) / "checkpoint").exists())
    again = work.submit_training(spec)
    assert (again.state, again.run_id, again.pid) == ("done", spec.run_id, None)
    assert not imported_to_answer(spec) & {"tensorflow", "keras", "sklearn"}


# --- lack of memory -------------------------------------------------------------------------


def one_more_kill(monkeypatch) -> None:
    """From now on the system tells this process of one more killed for lack of memory."""
    counted = exit_cause._oom_kills() or 0
    monkeypatch.setattr(exit_cause, "_oom_kills", lambda: counted + 1)


def kill(bench, job: model.Job, number: int = signal.SIGKILL) -> model.Job:
    """End its process and wait until it is known how it ended."""
    os.kill(job.pid, number)
    bench.until(lambda: (bench.folder() / disk.END).exists())
    return bench.until_state("interrupted")


def test_a_process_that_the_system_killed_for_lack_of_memory_says_so_with_advice(
    bench, monkeypatch
):
    job = bench.running()
    one_more_kill(monkeypatch)
    found = kill(bench, job)
    assert "probably for lack of memory" in found.message
    assert "smaller batch or smaller images" in found.message
    assert found.message.endswith("Resume continues from the last checkpoint.")


def test_a_process_that_was_killed_otherwise_is_not_said_to_have_lacked_memory(bench):
    message = kill(bench, bench.running()).message
    assert message.startswith("Its process was killed from outside (SIGKILL). Resume")
    assert "memory" not in message


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGSEGV, "Its process crashed (SIGSEGV), as libraries do when they get no memory"),
        # Not SIGHUP: under nohup nobody hears it.
        (signal.SIGUSR1, "Its process was ended by SIGUSR1; its log may say more."),
    ],
)
def test_another_end_names_its_signal(bench, number, said):
    assert kill(bench, bench.running(), number).message.startswith(said)


def test_the_end_of_an_earlier_process_is_not_taken_for_that_of_a_later_one(bench):
    kill(bench, bench.running(), signal.SIGSEGV)
    bench.resume()
    bench.until_state("running")
    assert not (bench.folder() / disk.END).exists()
    assert "SIGKILL" in kill(bench, jobs.get("count")).message


def ended_alone(**changes: object) -> model.Job:
    """A job whose process is gone, and nobody was there when it ended."""
    known = {"machine": exit_cause.platform.node(), "boot": exit_cause._boot(), "memory_mb": 3100.0}
    known |= {"free_mb": 9000.0, "oom_kills": exit_cause._oom_kills()}
    job = model.Job(
        job_id="old",
        kind="train",
        title="Old",
        state="running",
        created=model.now(),
        heartbeat=model.now(),
        pid=os.getpid(),
        born=0.0,
        vitals=Vitals(**(known | changes)),
    )
    disk.write(settings.jobs_dir() / "old" / "status.json", job)
    return jobs.get("old")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "ended suddenly"),
        ({"boot": "another"}, "The computer went off or was restarted"),
        ({"boot": "another", "machine": "elsewhere"}, "ended suddenly"),
        ({"boot": None, "oom_kills": None}, "ended suddenly"),
        ({"free_mb": 90.0}, "perhaps for lack of memory: the computer had 90 MB left"),
        ({"oom_kills": -1}, "probably for lack of memory"),
        ({"oom_kills": -1, "machine": "elsewhere"}, "ended suddenly"),
    ],
)
def test_what_a_later_look_can_tell_about_an_end(changes, said):
    if None in (exit_cause._boot(), exit_cause._oom_kills()) and "boot" not in changes:
        pytest.skip("this system does not tell of its start, or counts no such kills")
    job = ended_alone(**changes)
    assert job.state == "interrupted"
    assert said in job.message
    if "lack" in said:
        assert "it held 3.1 GB" in job.message


def test_an_end_on_a_full_disk_says_that_the_disk_is_full(monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=4096)
    monkeypatch.setattr(exit_cause.shutil, "disk_usage", lambda _: usage)
    assert "The disk is full (4 kB free)" in ended_alone().message


def test_too_little_memory_in_python_fails_with_advice(bench):
    bench.start(fault="memory")
    assert "try a smaller batch" in bench.until_state("failed").message


# --- a full disk ----------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A small disk with the store on it."""
    with small_disk.mounted(tmp_path / "disk") as small:
        monkeypatch.setenv("CXR_MODELS", str(small.folder / "models"))
        yield small


@pytest.mark.parametrize(("fault", "said"), [("disk", "needed"), ("raw disk", "free for runs")])
def test_a_job_on_a_full_disk_fails_says_so_and_goes_on_once_there_is_room(
    bench, small, fault, said
):
    bench.running(steps=3, fault_after=fault)
    small.fill()
    bench.let_go()
    job = bench.until_state("failed")  # although not a byte of its last word had room
    assert "No space left on device" in job.message
    assert said in job.message
    assert "continued" not in jobs.log("count")
    small.fill()  # what the job had kept for its last word is free again
    with pytest.raises(StoreError, match=r"No space left on device.*Free some space"):
        bench.resume()
    assert jobs.get("count").state == "failed"
    small.clear()
    bench.resume()
    assert bench.until_state("done").message == "Counted."
    assert "continued from step 3" in jobs.log("count")
    bench.until(lambda: not (bench.folder() / disk.RESERVE).exists())


# --- a vanished dataset ---------------------------------------------------------------------


def test_measuring_a_dataset_that_is_gone_fails_and_can_be_tried_again(bench, tiny_dataset_folder):
    datasets.register("tiny", tiny_dataset_folder)
    away = tiny_dataset_folder.rename(tiny_dataset_folder.with_name("away"))
    work.submit_index("tiny")
    job = bench.until_state("failed", "index-tiny", LIBRARY_SECONDS)
    assert str(tiny_dataset_folder) in job.message
    assert "If its disk is away, connect it." in job.message
    away.rename(tiny_dataset_folder)
    jobs.resume("index-tiny")
    done = bench.until_state("done", "index-tiny", LIBRARY_SECONDS)
    assert done.message == "36 images are measured."


def test_a_training_whose_dataset_is_gone_or_changed_fails_until_it_is_back(
    bench, tiny_dataset_folder
):
    spec = tiny_plan(tiny_dataset_folder, epochs=1)
    away = tiny_dataset_folder.rename(tiny_dataset_folder.with_name("away"))
    work.submit_training(spec)
    message = bench.until_state("failed", spec.run_id, LIBRARY_SECONDS).message
    assert f"{tiny_dataset_folder}, does not exist. Connect its disk" in message

    away.rename(tiny_dataset_folder)
    image = next((tiny_dataset_folder / "A").iterdir())
    lost = image.rename(tiny_dataset_folder.with_name("lost.png"))
    jobs.resume(spec.run_id)
    bench.until(lambda: "has changed since" in jobs.get(spec.run_id).message, LIBRARY_SECONDS)
    assert jobs.get(spec.run_id).state == "failed"

    lost.rename(image)
    jobs.resume(spec.run_id)
    # What comes after the check of the dataset; what comes after that is not needed here.
    checked = ("measuring images", "searching duplicates", "building")
    bench.until(lambda: jobs.get(spec.run_id).stage in checked, LIBRARY_SECONDS)


def test_a_dataset_that_vanishes_while_it_is_measured_is_not_so_many_damaged_images(
    tiny_dataset_folder,
):
    from cxrcore import index

    dataset = datasets.load(tiny_dataset_folder)
    shutil.rmtree(tiny_dataset_folder)
    tiny_dataset_folder.mkdir()  # what is left of a disk that was unmounted
    with pytest.raises(datasets.DatasetError, match=r"are gone from .*Connect the disk"):
        index.measure(dataset)
