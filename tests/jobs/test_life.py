"""From submission to the end: states, what is told, who dies and who goes on."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from cxrcore import jobs, settings
from cxrcore.errors import JobError, SettingsError
from cxrcore.jobs import control, disk, locks, model


def process_is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def submit_and_leave(spec: model.JobSpec, command: tuple[str, ...]) -> int:
    """Submit from a process that ends then; return its process group."""
    code = (
        "from cxrcore.jobs import control, model\n"
        f"spec = model.JobSpec.model_validate_json({spec.model_dump_json()!r})\n"
        f"control.start(spec, command={command!r})"
    )
    arguments = [sys.executable, "-c", code]
    submitter = subprocess.Popen(arguments, cwd=settings.ROOT, start_new_session=True)
    assert submitter.wait() == 0
    return submitter.pid


def test_a_job_is_queued_then_runs_then_is_done(bench):
    assert bench.start(hold=True).state == "queued"
    job = bench.until_state("running")
    assert job.active
    assert job.pid != os.getpid()
    assert job.created <= job.started <= job.heartbeat
    bench.let_go()
    job = bench.until_state("done")
    assert not job.active
    assert (job.run_id, job.message, job.share) == ("count", "Counted.", 1.0)
    assert job.started <= job.finished


def test_progress_reaches_the_status_with_plain_finite_numbers_only(bench):
    job = bench.running(steps=4)
    assert (job.stage, job.epoch, job.epochs, job.batch, job.batches) == ("training", 5, 5, 5, 10)
    assert job.share == pytest.approx(4.5 / 5)
    assert job.images_per_second == 120.5
    assert job.eta_seconds is None  # was infinite
    assert job.history[0] == {"epoch": 1}  # its loss was not a number
    assert job.history[2] == {"epoch": 3, "loss": 0.5}


def test_a_new_job_is_never_seen_as_anything_but_active(bench):
    seen, stop = set(), threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.update(job.state for job in jobs.list_jobs())

    watcher = threading.Thread(target=watch)
    watcher.start()
    bench.start("one", hold=True)
    bench.start("two", hold=True)
    bench.until_state("running", "one")
    bench.until(lambda: jobs.get("two").pid)
    stop.set()
    watcher.join()
    assert seen == {"queued", "running"}


def test_two_simultaneous_submissions_from_threads_start_one_process(bench):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: bench.start(hold=True), range(6)))
    bench.until_state("running")
    assert {job.ticket for job in found} == {jobs.get("count").ticket}
    assert (bench.folder() / "starts").read_text() == "started\n"


def test_two_simultaneous_submissions_from_processes_start_one_process(bench):
    code = (
        "import sys\nfrom cxrcore.jobs import control, model\n"
        "sys.stdin.readline()\n"  # all begin when the test says so
        f"spec = model.JobSpec.model_validate_json({bench.spec(hold=True).model_dump_json()!r})\n"
        f"print(control.start(spec, command={bench.command!r}).ticket)"
    )
    command = [sys.executable, "-c", code]
    submitters = [
        subprocess.Popen(
            command, cwd=settings.ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    tickets = set()
    for submitter in submitters:
        submitter.stdin.write("go\n")
        submitter.stdin.flush()
    for submitter in submitters:
        tickets.add(int(submitter.communicate()[0]))
    job = bench.until_state("running")
    assert tickets == {job.ticket}
    assert (bench.folder() / "starts").read_text() == "started\n"


def test_a_job_outlives_the_process_that_submitted_it(bench):
    group = submit_and_leave(bench.spec(hold=True), bench.command)
    with pytest.raises(ProcessLookupError):  # nothing of it is left that a terminal could end
        os.killpg(group, signal.SIGHUP)
    job = bench.until_state("running")
    bench.let_go()
    assert bench.until_state("done").pid == job.pid


def test_an_ended_process_leaves_no_zombie(bench):
    pid = bench.running().pid
    bench.let_go()
    bench.until(lambda: process_is_gone(pid))
    assert jobs.get("count").state == "done"


def test_a_killed_process_is_seen_as_interrupted_and_resumes_from_its_checkpoint(bench):
    job = bench.running(steps=3)
    os.kill(job.pid, signal.SIGKILL)
    seen = bench.until_state("interrupted")
    assert "Resume" in seen.message
    assert seen.finished == seen.heartbeat
    bench.let_go()
    resumed = bench.resume()
    assert resumed.state in ("queued", "running")
    assert (resumed.epoch, len(resumed.history), resumed.created) == (4, 3, job.created)
    bench.until_state("done")
    assert "continued from step 3" in jobs.log("count")


def test_the_helpers_of_a_killed_process_are_ended(bench):
    job = bench.running(helper=True)
    bench.until((bench.folder() / "helper").exists)
    bench.until(lambda: (bench.folder() / "helper").read_text())
    helper = int((bench.folder() / "helper").read_text())
    assert psutil.pid_exists(helper)
    os.kill(job.pid, signal.SIGKILL)
    bench.until(lambda: process_is_gone(helper))


def test_helpers_that_nobody_ended_are_ended_when_the_job_is_resumed(bench):
    submit_and_leave(bench.spec(hold=True, helper=True), bench.command)
    bench.until((bench.folder() / "helper").exists)
    bench.until(lambda: (bench.folder() / "helper").read_text())
    helper = int((bench.folder() / "helper").read_text())
    os.kill(jobs.get("count").pid, signal.SIGKILL)
    bench.until_state("interrupted")
    assert psutil.pid_exists(helper)
    bench.until(lambda: not psutil.pid_exists(jobs.get("count").pid))
    bench.resume()
    bench.until(lambda: process_is_gone(helper))


def test_sigterm_leaves_the_job_interrupted_with_its_checkpoint_and_a_clean_end(bench):
    pid = bench.running(steps=2).pid
    os.kill(pid, signal.SIGTERM)
    bench.until(lambda: process_is_gone(pid))
    written = disk.read_status(bench.folder())  # by the process itself, not concluded by us
    assert written.state == "interrupted"
    assert (bench.folder() / "checkpoint" / "step").read_text() == "2"
    assert "Traceback" not in jobs.log("count")


def test_a_running_job_stops_soon_after_it_was_cancelled_and_can_go_on(bench):
    bench.running(steps=2)
    assert jobs.cancel("count").message.startswith("Stopping")
    job = bench.until_state("cancelled")
    assert job.finished is not None
    bench.let_go()
    bench.resume()
    bench.until_state("done")
    assert "continued from step 2" in jobs.log("count")


def test_a_job_of_yesterday_is_active_from_the_moment_it_is_resumed(bench):
    bench.running()
    jobs.cancel("count")
    bench.until_state("cancelled")
    status = bench.folder() / disk.STATUS
    old = disk.read_status(bench.folder())
    day = timedelta(days=1)
    past = {"created": old.created - day, "heartbeat": old.heartbeat - day}
    disk.write(status, old.model_copy(update=past))
    # The page draws once after the click: were it "interrupted" then, it would not look again.
    assert bench.resume().active
    assert jobs.get("count").active


def test_submitting_a_cancelled_job_again_continues_it(bench):
    bench.running(steps=2)
    jobs.cancel("count")
    bench.until_state("cancelled")
    bench.start(steps=2)
    bench.until_state("done")
    assert "continued from step 2" in jobs.log("count")


def test_submitting_a_job_that_was_done_does_it_anew(bench):
    bench.start(steps=2)
    first = bench.until_state("done")
    bench.until(lambda: not (bench.folder() / "checkpoint").exists())
    bench.start(steps=2)
    bench.until(lambda: jobs.get("count").ticket != first.ticket)
    assert bench.until_state("done").created > first.created
    assert "continued" not in jobs.log("count")


def test_a_deaf_job_is_ended_by_force_when_cancelled_again_after_a_while(bench):
    job = bench.running(deaf=True)
    jobs.cancel("count")
    assert jobs.cancel("count").active  # too early for force
    mark = bench.folder() / disk.CANCEL
    long_ago = mark.stat().st_mtime - disk.PATIENCE_SECONDS - 1
    os.utime(mark, (long_ago, long_ago))
    assert "by force" in jobs.get("count").message
    assert jobs.cancel("count").state == "cancelled"
    bench.until(lambda: process_is_gone(job.pid))


def test_cancelling_what_has_ended_changes_nothing(bench):
    bench.start()
    done = bench.until_state("done")
    assert jobs.cancel("count") == done
    assert jobs.kill("count") == done


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("ours", r"The dataset has no images\. Choose another\."),
        ("theirs", r"Unexpected ZeroDivisionError: division by zero\. .* log\..*"),
        ("exit", r"Unexpected SystemExit: 3\. .*"),
    ],
)
def test_an_error_becomes_the_message_of_a_failed_job(bench, fault, message):
    bench.start(fault=fault)
    job = bench.until_state("failed")
    assert re.fullmatch(message, job.message)
    assert ("Traceback" in jobs.log("count")) == (fault != "ours")
    assert job.final == (fault == "ours")


def test_work_goes_on_while_the_disk_is_full(bench):
    bench.start(full=True)
    assert bench.until_state("done").message == "Counted."
    # The status is there a moment before the log tells of it.
    bench.until(lambda: "can be written again" in jobs.log("count"))


def test_a_relative_models_folder_means_the_same_to_the_child(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_MODELS", "here")
    bench.start()
    bench.until_state("done")
    assert (tmp_path / "here" / ".jobs" / "count" / "status.json").exists()


def test_a_process_that_cannot_start_is_told_and_can_be_tried_again(bench):
    with pytest.raises(JobError, match="could not be started"):
        control.start(bench.spec(), command=["/nowhere/python"])
    assert jobs.get("count").state == "interrupted"
    bench.resume()
    bench.until_state("done")


def test_a_process_that_dies_at_once_is_interrupted_with_its_words_in_the_log(bench):
    control.start(bench.spec(), command=[sys.executable, "-c", "print('no such luck')"])
    assert "could not start" in bench.until_state("interrupted").message
    assert jobs.log("count") == "no such luck"


def test_a_wrong_limit_of_jobs_is_told_at_once(bench, monkeypatch):
    monkeypatch.setenv("CXR_MAX_JOBS", "many")
    with pytest.raises(SettingsError, match="CXR_MAX_JOBS"):
        bench.start()
    assert jobs.list_jobs() == []


def test_the_real_process_waits_without_heavy_libraries(bench, tmp_path):
    slot = settings.jobs_dir() / ".slots" / "train-0.lock"
    slot.parent.mkdir(parents=True)
    with locks.hold(slot, 1):
        control.start(bench.spec())  # the command of production
        bench.until(lambda: "Waiting" in jobs.get("count").message)
        process = psutil.Process(jobs.get("count").pid)
        assert process.cmdline()[1:4] == ["-m", "cxrcore", "run-job"]
        loaded = {name for part in process.memory_maps() for name in Path(part.path).parts}
        assert "psutil" in loaded  # so this way of looking does see libraries
        assert not {"tensorflow", "pandas", "numpy"} & loaded
        assert process.memory_info().rss < 80e6
        jobs.cancel("count")
        bench.until_state("cancelled")


def test_importing_jobs_loads_neither_pandas_nor_numpy():
    code = textwrap.dedent("""
        import sys, cxrcore.jobs
        assert not {"numpy", "pandas", "tensorflow"} & set(sys.modules)
    """)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=settings.ROOT)
