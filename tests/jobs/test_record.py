"""Jobs as they lie on disk: damaged, foreign, huge, hostile; lists, logs and dismissal."""

import os
from datetime import timedelta

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrcore import jobs, work
from cxrcore.errors import DatasetError, JobError
from cxrcore.jobs import disk, locks, logs, model
from cxrcore.jobs.model import Job, JobSpec
from cxrcore.settings import jobs_dir
from cxrcore.work.training import finite_history


def ended(job_id: str = "old", **changes: object) -> Job:
    """Write a job that is done, and return it."""
    created = model.now()
    facts = {"kind": "train", "title": f"Job {job_id}", "state": "done", "created": created}
    job = Job(job_id=job_id, **{**facts, **changes})
    disk.write(jobs_dir() / job_id / "status.json", job)
    disk.write(
        jobs_dir() / job_id / "spec.json", JobSpec(job_id=job_id, kind=job.kind, title=job.title)
    )
    return job


def test_there_are_no_jobs_before_the_first():
    assert jobs.list_jobs() == []


def test_jobs_are_listed_by_creation_the_newest_last():
    now = model.now()
    for days, name in ((2, "b"), (1, "c"), (3, "a")):
        ended(name, created=now - timedelta(days=days))
    assert [job.job_id for job in jobs.list_jobs()] == ["a", "b", "c"]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\x00", b"[]", b'{"job_id": 1}', b"null"])
def test_a_damaged_status_is_a_failed_job_with_the_reason(damage):
    ended("good")
    ended("bad")
    (jobs_dir() / "bad" / "status.json").write_bytes(damage)
    found = {job.job_id: job for job in jobs.list_jobs()}
    assert found["good"].state == "done"
    assert (found["bad"].state, found["bad"].title) == ("failed", "Job bad")
    assert "status.json cannot be read" in found["bad"].message
    assert "Resume" in found["bad"].message


def test_a_damaged_status_can_be_resumed(bench):
    bench.running(steps=3)
    jobs.cancel("count")
    bench.until_state("cancelled")
    bench.until(lambda: not locks.is_held(bench.folder() / "job.lock"))
    (bench.folder() / "status.json").write_text("{")
    bench.let_go()
    bench.resume()
    bench.until_state("done")
    assert "continued from step 3" in jobs.log("count")


def test_a_folder_without_specification_is_listed_and_can_only_be_dismissed():
    (jobs_dir() / "empty").mkdir(parents=True)
    (job,) = jobs.list_jobs()
    assert (job.state, job.job_id) == ("failed", "empty")
    with pytest.raises(JobError, match=r"spec\.json cannot be read.*Remove"):
        jobs.resume("empty")
    jobs.remove("empty")
    assert jobs.list_jobs() == []


def test_a_job_that_claims_to_run_while_nobody_holds_its_lock_is_interrupted():
    ended(state="running", heartbeat=model.now(), pid=os.getpid(), born=0.0)
    job = jobs.get("old")
    assert (job.state, job.eta_seconds) == ("interrupted", None)


def test_a_job_whose_process_died_is_interrupted_even_if_its_lock_was_left_behind():
    long_ago = model.now() - timedelta(seconds=disk.STALE_SECONDS + 1)
    ended(state="running", heartbeat=long_ago, pid=os.getpid(), born=0.0)
    with locks.hold(jobs_dir() / "old" / "job.lock", 1):
        assert jobs.get("old").state == "interrupted"


def test_a_silent_job_that_holds_its_lock_is_running_and_said_to_be_silent():
    long_ago = model.now() - timedelta(seconds=disk.STALE_SECONDS + 1)
    born = psutil.Process().create_time()
    ended(state="running", heartbeat=long_ago, pid=os.getpid(), born=born)
    with locks.hold(jobs_dir() / "old" / "job.lock", 1):
        job = jobs.get("old")
    assert job.state == "running"
    assert "No sign of life for 61 s" in job.message


def test_a_process_number_that_was_given_to_another_process_is_not_killed():
    ended(state="running", heartbeat=model.now(), pid=os.getpid(), born=0.0)
    with (
        locks.hold(jobs_dir() / "old" / "job.lock", 1),
        pytest.raises(JobError, match="not to be found on this computer"),
    ):
        jobs.kill("old")


def test_dismissing_takes_the_folder_away_and_nothing_else():
    ended("old")
    run = jobs_dir().parent / "old" / "run.json"
    run.parent.mkdir()
    run.touch()
    jobs.remove("old")
    assert jobs.list_jobs() == []
    assert run.exists()
    assert [path.name for path in jobs_dir().iterdir()] == [".gate.lock"]


def test_an_active_job_cannot_be_dismissed(bench):
    bench.running()
    with pytest.raises(JobError, match="Cancel it first"):
        jobs.remove("count")
    assert jobs.get("count").active


def test_a_job_that_is_done_cannot_be_resumed():
    ended()
    with pytest.raises(JobError, match="nothing to resume"):
        jobs.resume("old")


@pytest.mark.parametrize("action", [jobs.get, jobs.cancel, jobs.resume, jobs.remove, jobs.log])
@pytest.mark.parametrize(
    "job_id", ["", "..", "../models", "/etc", ".queue", "a/b", "a\0b", "a" * 200]
)
def test_an_id_that_leads_elsewhere_is_refused(action, job_id):
    with pytest.raises(JobError, match="not the id of a job"):
        action(job_id)


@pytest.mark.parametrize("action", [jobs.get, jobs.cancel, jobs.resume, jobs.remove, jobs.log])
def test_a_job_that_does_not_exist_is_told(action):
    with pytest.raises(JobError, match="There is no job nothing-here"):
        action("nothing-here")


def test_a_second_process_for_a_running_job_is_refused(bench):
    bench.running()
    with pytest.raises(JobError, match="Another process works on count"):
        jobs.run(bench.folder())


def test_measuring_a_dataset_that_nobody_registered_is_refused():
    with pytest.raises(DatasetError, match="'nobody'"):
        work.submit_index("nobody")


def test_the_log_of_a_job_that_printed_nothing_is_empty():
    ended()
    assert jobs.log("old") == ""


def test_the_log_gives_the_last_lines():
    ended()
    (jobs_dir() / "old" / "log.txt").write_text("".join(f"line {n}\n" for n in range(500)))
    assert jobs.log("old", tail=2) == "line 498\nline 499"
    assert len(jobs.log("old").splitlines()) == 200


def test_the_end_of_a_huge_log_is_read_without_the_rest(tmp_path):
    path = tmp_path / "log.txt"
    with open(path, "wb") as file:
        file.seek(5 << 30)  # a hole: 5 GB that take no room
        file.write(b"\nlast but one\nlast\n")
    assert logs.last_lines(path, 2) == "last but one\nlast"


def test_a_progress_bar_shows_its_last_state_without_colours(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"\x1b[1m10/20\x1b[0m \r\x1b[32m20/20\x1b[0m done\r\nnext\n")
    assert logs.last_lines(path, 5) == "20/20 done\nnext"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(noise=st.binary(max_size=300), tail=st.integers(-1, 20))
def test_any_bytes_make_a_log_that_is_safe_to_show(tmp_path, noise, tail):
    path = tmp_path / "log.txt"
    path.write_bytes(noise)
    text = logs.last_lines(path, tail)
    assert len(text.split("\n")) <= max(tail, 1)
    assert all(c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in text)


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.floats() | st.integers(), max_size=4)))
def test_history_survives_the_way_to_disk_and_back(history):
    plain = finite_history(history)
    job = Job(job_id="a", kind="train", title="", state="done", created=model.now(), history=plain)
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert all(set(row) <= set(full) for row, full in zip(plain, history, strict=True))
