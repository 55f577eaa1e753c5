"""Who works when: one after another in order of submission, and nobody waits for the dead."""

import os
import signal

import pytest

from cxrcore import jobs, settings
from cxrcore.jobs import control, locks, queue
from cxrcore.work.lanes import TRAINING


def order() -> list[str]:
    path = settings.jobs_dir() / ".order"
    return path.read_text().split() if path.exists() else []


def test_trainings_take_turns_in_order_of_submission(bench):
    bench.running("zulu")
    for name in ("yankee", "alpha", "mike"):
        bench.start(name)
    bench.until(lambda: jobs.get("mike").message == "Waiting for its turn, 2 before it.")
    assert [jobs.get(name).state for name in ("yankee", "alpha", "mike")] == ["queued"] * 3
    bench.let_go("zulu")
    bench.until(lambda: all(job.state == "done" for job in jobs.list_jobs()))
    assert order() == ["zulu", "yankee", "alpha", "mike"]


def test_as_many_train_at_once_as_is_allowed(bench, monkeypatch):
    monkeypatch.setenv("CXR_MAX_JOBS", "2")
    for name in ("one", "two", "three"):
        bench.start(name, hold=True)
    bench.until_state("running", "one")
    bench.until_state("running", "two")
    bench.until(lambda: "Waiting" in jobs.get("three").message)
    assert jobs.get("three").state == "queued"
    bench.let_go("two")
    bench.until_state("running", "three")
    assert jobs.get("one").state == "running"


def test_measuring_does_not_wait_for_trainings_but_for_other_measuring(bench):
    bench.running("training")
    bench.start("index-a", kind="index", hold=True)
    bench.until_state("running", "index-a")
    bench.start("demo", kind="demo")
    bench.until(lambda: "Waiting" in jobs.get("demo").message)
    assert jobs.get("demo").state == "queued"
    bench.let_go("index-a")
    bench.until_state("done", "demo")


def test_a_cancelled_job_leaves_the_queue_without_having_begun(bench):
    bench.running("first")
    bench.start("second")
    bench.start("third")
    bench.until(lambda: jobs.get("third").message.endswith("1 before it."))
    jobs.cancel("second")
    assert bench.until_state("cancelled", "second").started is None
    bench.let_go("first")
    bench.until_state("done", "third")
    assert order() == ["first", "third"]


def test_nobody_waits_for_a_job_that_died_in_the_queue(bench):
    bench.running("first")
    bench.start("second")
    bench.until(lambda: jobs.get("second").pid)
    bench.start("third")
    os.kill(jobs.get("second").pid, signal.SIGKILL)
    bench.until_state("interrupted", "second")
    bench.let_go("first")
    bench.until_state("done", "third")
    assert order() == ["first", "third"]


def test_a_killed_training_makes_room_for_the_next(bench):
    pid = bench.running("first").pid
    bench.start("second")
    os.kill(pid, signal.SIGKILL)
    bench.until_state("done", "second")


def test_sigterm_in_the_queue_leaves_the_job_interrupted(bench):
    bench.running("first")
    bench.start("second")
    bench.until(lambda: "Waiting" in jobs.get("second").message)
    os.kill(jobs.get("second").pid, signal.SIGTERM)
    job = bench.until_state("interrupted", "second")
    assert job.started is None


def test_a_resumed_job_goes_to_the_end_of_the_queue(bench):
    bench.running("first")
    bench.start("second")
    bench.until(lambda: jobs.get("second").pid)
    jobs.cancel("second")
    bench.until_state("cancelled", "second")
    bench.start("third")
    bench.resume("second")
    bench.until(lambda: jobs.get("second").message.endswith("1 before it."))
    bench.let_go("first")
    bench.until_state("done", "second")
    assert order() == ["first", "third", "second"]


def test_an_old_ticket_does_not_move_a_resumed_job_forward():
    queue.line_up(TRAINING, "other", 5)
    queue.line_up(TRAINING, "other", 9)
    names = [ticket.name for ticket in (settings.jobs_dir() / ".queue" / "train").iterdir()]
    assert names == [f"{9:020d}-other"]


def test_a_lock_is_free_again_when_its_holder_lets_go(tmp_path):
    path = tmp_path / "lock"
    assert not locks.is_held(path)
    with locks.hold(path, 1):
        assert locks.is_held(path)
        assert locks.take(path) is None
    assert not locks.is_held(path)


def test_a_lock_of_a_deleted_file_guards_nothing(tmp_path):
    path = tmp_path / "lock"
    with locks.hold(path, 1) as handle:
        path.unlink()
        assert not locks.is_of(handle, path)
        with locks.hold(path, 1) as other:
            assert locks.is_of(other, path)


def test_a_lock_that_stays_taken_is_told(tmp_path):
    with (
        locks.hold(tmp_path / "lock", 1),
        pytest.raises(control.JobError, match="try again"),
        locks.hold(tmp_path / "lock", 0.05),
    ):
        pass
