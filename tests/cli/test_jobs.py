"""jobs list|log|cancel|resume|remove, on jobs as they lie on disk and on real processes."""

import functools
import json
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cxrcore import files, jobs, settings
from cxrcore.cli.jobs import new_lines
from cxrcore.jobs import control, disk

WORKER = (sys.executable, str(Path(__file__).parents[1] / "jobs" / "worker.py"))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEADLINE_SECONDS = 120.0


def put(job_id: str, state: str, log: str = "", **changes: object) -> str:
    """A job that ended, as its process leaves it."""
    values = {"job_id": job_id, "kind": "train", "title": f"Title of {job_id}"} | changes
    spec = {name: values[name] for name in values if name in jobs.JobSpec.model_fields}
    folder = settings.jobs_dir() / job_id
    with files.whole_folder(folder) as new:
        disk.write(new / disk.SPEC, jobs.JobSpec(**spec))
        disk.write(new / disk.STATUS, jobs.Job(**values, state=state, created=NOW))
        (new / disk.LOG).write_text(log)
    return job_id


def until(condition) -> None:
    """Wait for a real process."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, jobs.list_jobs()
        time.sleep(0.02)


@pytest.fixture
def start(monkeypatch):
    """Start a job of the worker; it, and all others, are ended after the test."""
    monkeypatch.setattr(jobs, "resume", functools.partial(jobs.resume, command=WORKER))

    def begin(job_id: str, **details: object) -> jobs.Job:
        spec = jobs.JobSpec(job_id=job_id, kind="train", title="Counting", details=details)
        return control.start(spec, command=WORKER)

    yield begin
    for job in jobs.list_jobs():
        if job.active:
            until(lambda job=job: jobs.get(job.job_id).pid or not jobs.get(job.job_id).active)
            jobs.kill(job.job_id)


def as_json(run, *words):
    code, out, err = run(*words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("command", ["log", "cancel", "resume", "remove"])
@pytest.mark.parametrize("name", ["no-such-job", "../../etc"])
def test_a_wrong_id_is_one_clear_line_and_exit_code_2(run, command, name):
    put("there", "done")
    code, out, err = run("jobs", command, name)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert name in err
    assert jobs.get("there").state == "done"


def test_with_no_job_the_list_says_how_to_have_one(run):
    assert "train cnn-plain --data NAME --background" in run("jobs", "list")[1]
    assert as_json(run, "jobs", "list") == {"jobs": []}


def test_the_list_has_every_job_with_its_state_share_and_reason(run):
    put("a-1", "done", share=1.0, run_id="a-1", history=[{"loss": 1.0}])
    put("b-2", "failed", share=0.25, message="The disk is full.")
    code, out, _ = run("jobs", "list")
    assert code == 0
    _, first, second = (line.split() for line in out.splitlines())
    assert first[:3] == ["a-1", "done", "100%"]
    assert second[:3] == ["b-2", "failed", "25%"]
    assert "Title of b-2" in out
    assert "The disk is full." in out
    told = as_json(run, "jobs", "list")["jobs"]
    assert [(job["job_id"], job["state"]) for job in told] == [("a-1", "done"), ("b-2", "failed")]
    assert "history" not in told[0]


def test_a_job_whose_process_died_is_interrupted_in_the_list(run):
    put("a-1", "running", pid=2**22 + 1)  # more than any process's number
    assert as_json(run, "jobs", "list")["jobs"][0]["state"] == "interrupted"


def test_the_last_lines_of_a_log_are_printed_without_what_harms_a_terminal(run):
    put("a-1", "done", log="one\ntwo\n\x1b[31mthree\x1b[0m\n")
    assert run("jobs", "log", "a-1")[:2] == (0, "one\ntwo\nthree\n")
    assert run("jobs", "log", "a-1", "--lines", 2)[1] == "two\nthree\n"
    assert as_json(run, "jobs", "log", "a-1", "--lines", 1) == {
        "job_id": "a-1",
        "state": "done",
        "message": "",
        "log": "three",
    }
    put("b-2", "cancelled")
    assert run("jobs", "log", "b-2")[1] == "Nothing was logged yet.\n"


@pytest.mark.parametrize(("state", "expected"), [("done", 0), ("failed", 1), ("interrupted", 1)])
def test_following_a_job_that_has_ended_prints_its_log_and_ends_as_it_did(run, state, expected):
    put("a-1", state, log="one\ntwo\n", message="That is why.")
    code, out, _ = run("jobs", "log", "a-1", "--follow", "--lines", 1)
    assert code == expected
    assert out.startswith("two\nTitle of a-1: ")
    assert "That is why." in out
    assert ("jobs resume a-1" in out) == (state != "done")


def test_following_and_one_json_object_exclude_each_other(run):
    put("a-1", "done")
    code, out, err = run("jobs", "log", "a-1", "--follow", "--json")
    assert (code, out) == (2, "")
    assert "--json" in err


def test_every_line_of_a_growing_log_is_shown_once_also_when_its_beginning_is_cut_off():
    rng = random.Random(5)
    lines = [f"line {number}" for number in range(60)]
    for _ in range(200):
        shown, before, begin, end = [], [], 0, 0
        while end < len(lines):
            end = min(len(lines), end + rng.randrange(4))
            begin = max(begin, min(end - rng.randrange(5, 30), len(lines)))  # the window moves on
            now = lines[begin:end]
            shown += new_lines(before, now)
            before = now
        assert shown == lines


def test_a_last_line_that_was_drawn_anew_is_shown_anew():
    assert new_lines(["a", "10 %"], ["a", "90 %"]) == ["90 %"]
    assert new_lines(["a", "10 %"], ["a", "10 %"]) == []
    assert new_lines(["a", "a"], ["a", "a", "a"]) == ["a"]
    assert new_lines([], ["a"]) == ["a"]


def test_a_training_is_cancelled_resumed_followed_and_taken_off_the_list(run, start):
    start("count-1", steps=2, hold=True)
    until(lambda: len(jobs.get("count-1").history) == 2)
    code, out, err = run("jobs", "remove", "count-1", "--yes")
    assert code == 2
    assert "jobs cancel count-1" in err
    code, out, _ = run("jobs", "cancel", "count-1")
    assert code == 0
    assert "Counting: " in out
    until(lambda: jobs.get("count-1").state == "cancelled")
    assert "nothing to cancel, it is cancelled already" in run("jobs", "cancel", "count-1")[1]

    [told] = as_json(run, "jobs", "resume", "count-1")["jobs"]
    assert told["state"] in ("queued", "running")
    (settings.jobs_dir() / "count-1" / "go").touch()
    code, out, _ = run("jobs", "log", "count-1", "--follow")
    assert code == 0
    assert "continued from step 2" in out
    assert "done: Counted." in out
    code, _, err = run("jobs", "resume", "count-1")
    assert code == 2
    assert "nothing to resume" in err
    assert as_json(run, "jobs", "remove", "count-1") == {"removed": ["count-1"]}
    assert jobs.list_jobs() == []


def test_what_a_training_has_learned_is_deleted_only_after_a_question(run):
    put("a-1", "cancelled")
    put("index-x", "failed", kind="index")
    code, out, err = run("jobs", "remove", "a-1", "index-x")
    assert (code, out) == (2, "")
    assert "--yes" in err
    assert "index-x" not in err  # nothing is lost with that one
    assert len(jobs.list_jobs()) == 2
    assert run("jobs", "remove", "index-x")[0] == 0
    assert as_json(run, "jobs", "remove", "a-1", "--yes") == {"removed": ["a-1"]}
    assert jobs.list_jobs() == []


def test_all_that_are_done_leave_the_list_at_once_and_the_others_stay(run):
    put("a-1", "done")
    put("b-2", "done")
    put("c-3", "failed")
    assert set(as_json(run, "jobs", "remove", "--done")["removed"]) == {"a-1", "b-2"}
    assert [job.job_id for job in jobs.list_jobs()] == ["c-3"]
    assert run("jobs", "remove", "--done")[:2] == (0, "No job is done.\n")
    assert run("jobs", "remove")[0] == 2


def test_the_name_of_a_family_means_its_jobs(run, monkeypatch):
    put("a-1", "done", family="a-family-0")
    put("a-2", "failed", family="a-family-0")
    put("a-3", "cancelled", family="a-family-0")
    put("a-4", "failed", family="a-family-0", final=True)
    put("b-1", "failed", family="b-family-0")
    asked = []

    def resume(job_id):
        asked.append(job_id)
        return jobs.get(job_id)

    monkeypatch.setattr(jobs, "resume", resume)
    assert run("jobs", "resume", "a-family-0")[0] == 0
    assert sorted(asked) == ["a-2", "a-3"]  # what is done stays done, what would fail again is left
    removed = as_json(run, "jobs", "remove", "a-family-0", "--yes")["removed"]
    assert sorted(removed) == ["a-1", "a-2", "a-3", "a-4"]
    put("a-1", "done", family="a-family-0")
    code, _, err = run("jobs", "resume", "a-family-0")
    assert code == 2
    assert "nothing to resume" in err


def test_a_job_that_would_fail_again_is_not_resumed(run):
    put("a-1", "failed", family="a-family-0", final=True, message="The class 'A' is too small.")
    code, _, err = run("jobs", "resume", "a-1")
    assert code == 2
    assert "a-1 would fail again. The class 'A' is too small." in err
    assert "would fail again; there is nothing to resume" in run("jobs", "resume", "a-family-0")[2]
