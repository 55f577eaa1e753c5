"""What is told of a job on a cluster, for all that a cluster may say; the cluster is a fake."""

import contextlib
import json
import os
import platform
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cxrcore import jobs, settings
from cxrcore.errors import JobError, SettingsError
from cxrcore.jobs import JobSpec, Resources, child, control, disk, exit_cause, model
from cxrcore.jobs.ray import engine, state, watch
from cxrcore.jobs.ray.api import Api
from pages.sidebar import jobs_panel

GIGABYTE = 10**9


class FakeRay(ThreadingHTTPServer):
    """A job server: `jobs` is what it knows, `asked` what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.jobs: dict[str, dict[str, object]] = {}
        self.nodes = [{"CPU": 4.0, "memory": 8.0 * GIGABYTE}]
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.log = ""
        self.refuses: tuple[int, str] | None = None
        self.hung: threading.Event | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def says(self, status: str, **facts: object) -> None:
        """Change what it says of all jobs."""
        for job in self.jobs.values():
            job.update(status=status, **facts)

    def paths(self, method: str) -> list[str]:
        return [path for said, path, _ in self.asked if said == method]


class Answer(BaseHTTPRequestHandler):
    """The part of Ray's interface that is used."""

    server: FakeRay

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.server.asked.append(("GET", self.path, dict(self.headers)))
        if self.server.hung is not None:
            self.server.hung.wait(30)
        if self.server.refuses:
            return self._send(*self.server.refuses)
        rows = [{"submission_id": name, **job} for name, job in self.server.jobs.items()]
        name = self.path.removeprefix("/api/jobs/").removesuffix("/logs")
        if self.path == "/api/jobs/":
            return self._send(200, [*rows, {"submission_id": None, "status": "RUNNING"}])
        if self.path.startswith("/api/v0/nodes"):
            found = [{"state": "ALIVE", "resources_total": node} for node in self.server.nodes]
            found.append({"state": "DEAD", "resources_total": {"CPU": 999.0}})
            return self._send(200, {"data": {"result": {"result": found}}})
        if name not in self.server.jobs:
            return self._send(404, f"Job {name} does not exist")
        if self.path.endswith("/logs"):
            return self._send(200, {"logs": self.server.log})
        return self._send(200, {"submission_id": name, **self.server.jobs[name]})

    def do_POST(self) -> None:
        self.server.asked.append(("POST", self.path, dict(self.headers)))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses:
            return self._send(*self.server.refuses)
        if self.path.endswith("/stop"):
            self.server.says("STOPPED")
            return self._send(200, {"stopped": True})
        wanted = json.loads(body)
        name = wanted["submission_id"]
        if name in self.server.jobs:
            return self._send(400, f"Traceback …\nValueError: Job {name} already exists.")
        self.server.jobs[name] = {"status": "PENDING", **wanted}
        return self._send(200, {"submission_id": name})

    def _send(self, code: int, answer: object) -> None:
        data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRay]:
    """A cluster that does nothing but answer; jobs go to it."""
    server = FakeRay()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("CXR_RAY_ADDRESS", server.address)
    monkeypatch.setattr(watch, "FRESH_SECONDS", 0.0)  # asked at every look
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def start(job_id: str = "count", kind: str = "train") -> model.Job:
    return control.start(model.JobSpec(job_id=job_id, kind=kind, title=job_id))


def submitted(ray: FakeRay) -> dict[str, object]:
    """The one job that was handed in."""
    (job,) = ray.jobs.values()
    return job


def alive(**changes: object) -> model.Job:
    """Let the job's process have written a status a moment ago."""
    folder = disk.folder_of("count")
    fields = {"state": "running", "pid": 4_000_000, "born": 1.0, "heartbeat": model.now()}
    job = disk.read_status(folder).model_copy(update={**fields, **changes})
    disk.write(folder / disk.STATUS, job)
    return job


def silent(**changes: object) -> model.Job:
    """The same two minutes ago, seen by a server that has only just been started."""
    state._pulses.clear()
    return alive(**{"heartbeat": model.now() - timedelta(minutes=2), **changes})


def test_the_command_and_the_folders_are_those_of_here(ray, monkeypatch):
    monkeypatch.setenv("CXR_MAX_PIXELS", "1000")
    monkeypatch.setenv("CXR_RAY_PYTHON", "/opt/my python")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    start()
    job = submitted(ray)
    folder = disk.folder_of("count")
    assert job["entrypoint"] == (
        f"exec >> {folder}/log.txt 2>&1; exec '/opt/my python' -m cxrcore run-job {folder} "
        f"--submission {job['submission_id']}"
    )
    told = job["runtime_env"]["env_vars"]
    assert told["CXR_MODELS"] == str(settings.models_dir())
    assert told["CXR_DATA"] == str(settings.data_dir())
    assert told["CXR_MAX_PIXELS"] == "1000"
    assert told["PYTHONPATH"] == str(settings.ROOT)
    assert "secret" not in json.dumps(job)
    assert "working_dir" not in job["runtime_env"]  # nothing is uploaded


def test_a_training_gets_what_is_set_and_computes_with_as_many_threads(ray, monkeypatch):
    monkeypatch.setenv("CXR_RAY_CPUS", "3")
    monkeypatch.setenv("CXR_RAY_GPUS", "0.5")
    monkeypatch.setenv("CXR_RAY_MEMORY_GB", "1.5")
    start()
    job = submitted(ray)
    assert (job["entrypoint_num_cpus"], job["entrypoint_num_gpus"]) == (3, 0.5)
    assert job["entrypoint_memory"] == 1_500_000_000
    told = job["runtime_env"]["env_vars"]
    assert {told[name] for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"3"}


def test_measuring_asks_for_no_cpu_and_no_gpu(ray, monkeypatch):
    monkeypatch.setenv("CXR_RAY_GPUS", "1")
    start(kind="index")
    job = submitted(ray)
    assert (job["entrypoint_num_cpus"], job["entrypoint_num_gpus"]) == (0, 0)
    assert job["entrypoint_memory"] > 0  # else Ray would take the head for all of them


def test_a_job_that_waits_in_ray_says_for_what(ray):
    assert start().message == "In the cluster's queue; begins when a node has 1 CPU to spare."
    ray.nodes = [{"memory": GIGABYTE}, {"CPU": 0.5}]
    assert "The nodes have" not in start().message
    message = jobs.get("count").message
    assert message.startswith("No node of the cluster has what this asks for, 1 CPU;")
    assert "0.5 CPUs; 1.0 GB" in message
    assert jobs.get("count").state == "queued"


def test_a_process_that_writes_is_alive_whatever_ray_says(ray):
    start()
    alive(stage="training")
    ray.jobs.clear()
    assert jobs.get("count").state == "running"
    assert jobs.get("count").message == ""


def test_a_silent_job_that_ray_runs_is_still_running_with_a_note(ray):
    start()
    silent()
    ray.says("RUNNING")
    job = jobs.get("count")
    assert job.state == "running"
    assert "No sign of life for 120 s" in job.message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"driver_exit_code": -9}, "ended suddenly"),
        ({"error_type": "JOB_SUPERVISOR_ACTOR_DIED"}, "node was lost"),
        ({"error_type": "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"}, "RAY_JOB_START_TIMEOUT_SECONDS"),
    ],
)
def test_what_ray_has_ended_is_interrupted_with_the_reason(ray, said, told):
    start()
    silent()
    ray.says("FAILED", **said)
    job = jobs.get("count")
    assert job.state == "interrupted"
    assert told in job.message
    assert "Resume" in job.message


def test_a_cluster_that_was_started_anew_has_lost_its_jobs(ray):
    start()
    silent()
    ray.jobs.clear()
    job = jobs.get("count")
    assert job.state == "interrupted"
    assert "does not know this job" in job.message


def test_a_job_that_is_being_submitted_is_not_lost(ray):
    start()
    ray.jobs.clear()
    with control._gate():
        lock = control.locks.take(disk.folder_of("count") / disk.LOCK)
        assert jobs.get("count").state == "queued"
        os.close(lock)
    assert jobs.get("count").state == "interrupted"


def test_a_process_that_ended_well_may_still_be_heard(ray):
    start()
    silent()
    ray.says("SUCCEEDED", driver_exit_code=0)
    assert jobs.get("count").state == "running"
    assert "last status" in jobs.get("count").message
    alive(state="done", message="Counted.")
    assert jobs.get("count").message == "Counted."


def test_a_clock_that_is_ahead_proves_no_life(ray):
    start()
    silent(heartbeat=model.now() + timedelta(minutes=9))
    ray.says("FAILED", driver_exit_code=-9)
    assert jobs.get("count").state == "interrupted"


def test_a_clock_that_is_behind_makes_no_job_silent(ray):
    start()
    ray.says("RUNNING")
    behind = timedelta(minutes=9)
    alive(heartbeat=model.now() - behind)
    jobs.get("count")
    alive(heartbeat=model.now() - behind)  # it moves
    ray.says("FAILED", driver_exit_code=-9)
    assert jobs.get("count").state == "running"


def test_a_cluster_out_of_reach_leaves_the_job_as_it_was(ray):
    start()
    silent(stage="training")
    ray.refuses = (500, "no agent")
    job = jobs.get("count")
    assert job.state == "running"
    assert "Last sign of life 120 s ago" in job.message
    assert "no agent" in job.message


def test_a_page_does_not_wait_for_a_cluster_that_hangs(ray, monkeypatch):
    monkeypatch.setattr(watch, "_WAIT_SECONDS", 0.01)
    start()
    silent()
    ray.hung = threading.Event()
    assert jobs.list_jobs()[0].state == "running"  # with the answer still held back
    assert not ray.hung.is_set()
    ray.hung.set()


def test_a_waiting_job_is_cancelled_at_once_and_resumed_under_a_new_number(ray):
    first = start().ray.submission
    job = jobs.cancel("count")
    assert (job.state, ray.paths("POST")[-1]) == ("cancelled", f"/api/jobs/{first}/stop")
    again = jobs.resume("count")
    assert (again.state, again.ray.attempt) == ("queued", 2)
    # The first try may get its turn all the same; it must not begin.
    with pytest.raises(JobError, match="count was started again"):
        child.run(disk.folder_of("count"), submission=first)


def test_a_name_that_a_dismissed_job_used_is_passed_over(ray):
    first = start().ray.submission
    jobs.cancel("count")
    jobs.remove("count")
    job = start()
    assert job.state == "queued"
    assert (job.ray.attempt, job.ray.submission[:-1]) == (2, first[:-1])


def test_who_comes_second_finds_the_training_of_the_first(ray):
    first = start()
    # As if another computer's file system had not shown the first request yet.
    folder = disk.folder_of("count")
    disk.write(folder / disk.STATUS, first.model_copy(update={"state": "failed", "ray": None}))
    assert start().ray.submission == first.ray.submission
    assert len(ray.jobs) == 1


def test_a_refused_job_is_told_and_can_be_resumed(ray):
    ray.refuses = (400, "Traceback\nValueError: GPU quantities above 1 must be whole.")
    with pytest.raises(JobError, match="GPU quantities above 1 must be whole"):
        start()
    ray.refuses = None
    assert jobs.get("count").state == "interrupted"
    assert jobs.resume("count").state == "queued"


def test_what_is_no_cluster_is_told(ray):
    ray.refuses = (404, "nothing here")
    with pytest.raises(JobError, match="not a job server of Ray"):
        Api(ray.address).jobs()
    ray.refuses = (200, "<html>")
    with pytest.raises(JobError, match="No Ray cluster answers"):
        Api(ray.address).jobs()


def test_the_token_of_a_guarded_cluster_is_sent(ray, monkeypatch, tmp_path):
    ray.refuses = (401, "Unauthorized")
    with pytest.raises(JobError, match="RAY_AUTH_TOKEN"):
        Api(ray.address).jobs()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(JobError, match="cannot be read"):
        Api(ray.address).jobs()
    (tmp_path / "token").write_text("abc\n")
    ray.refuses = None
    Api(ray.address).jobs()
    assert ray.asked[-1][2]["Authorization"] == "Bearer abc"


def test_a_job_of_a_cluster_that_is_gone_can_be_given_up(ray):
    start()
    job = silent()
    gone = job.ray.model_copy(update={"address": "http://127.0.0.1:9"})
    disk.write(disk.folder_of("count") / disk.STATUS, job.model_copy(update={"ray": gone}))
    assert jobs.get("count").state == "running"
    assert jobs.kill("count").state == "cancelled"
    alive(ray=gone)
    with pytest.raises(JobError, match="No Ray cluster answers"):
        jobs.kill("count")  # somebody works on it still


def test_what_ray_kept_is_the_log_of_a_job_that_could_not_write_one(ray):
    start()
    ray.says("FAILED", driver_exit_code=2)
    ray.log = "sh: 1: cannot create /models/log.txt: Directory nonexistent\n"
    assert "log may say why" in jobs.get("count").message
    assert jobs.log("count") == ray.log.strip()
    ray.log = "gone"
    assert "nonexistent" in jobs.log("count")  # it was kept


def test_the_sidebar_says_where_a_job_is_and_what_it_waits_for(ray):
    start()
    assert jobs_panel._line(jobs.get("count")).startswith("In the cluster's queue")
    alive(stage="training", vitals=exit_cause.vitals())
    assert f"on Ray, node {platform.node()}" in jobs_panel._line(jobs.get("count"))


@pytest.mark.parametrize(
    "text", ["ray://head:10001", "head", "http://head", "head:port", "http://head:8265/x", "auto"]
)
def test_an_address_of_another_form_is_told_and_nothing_is_left(text, monkeypatch):
    monkeypatch.setenv("CXR_RAY_ADDRESS", text)
    with pytest.raises(SettingsError, match=r"CXR_RAY_ADDRESS.*http://head-node:8265"):
        start()
    assert jobs.list_jobs() == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("head:8265", "http://head:8265"),
        (" http://10.0.0.1:8265/ ", "http://10.0.0.1:8265"),
        ("https://ray.example.org:443", "https://ray.example.org:443"),
        ("", None),
    ],
)
def test_an_address_is_taken_with_or_without_its_scheme(text, address, monkeypatch):
    monkeypatch.setenv("CXR_RAY_ADDRESS", text)
    assert settings.ray_address() == address


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "inf"])
def test_a_senseless_number_of_cpus_is_told(text, ray, monkeypatch):
    monkeypatch.setenv("CXR_RAY_CPUS", text)
    with pytest.raises(SettingsError, match=f"CXR_RAY_CPUS.*{text}"):
        start()
    assert jobs.list_jobs() == []


def asked(monkeypatch, kind="train", resources=None):
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")
    spec = JobSpec(job_id="one", kind=kind, title="One", resources=resources)
    wanted = engine.request(spec, None)
    return wanted.cpus, wanted.gpus, wanted.memory_gb


def test_a_training_asks_for_what_it_was_given_or_else_for_what_the_settings_say(monkeypatch):
    assert asked(monkeypatch) == (1, 0, 0)
    monkeypatch.setenv("CXR_RAY_CPUS", "4")
    monkeypatch.setenv("CXR_RAY_MEMORY_GB", "2.5")
    assert asked(monkeypatch) == (4, 0, 2.5)
    assert asked(monkeypatch, resources=Resources(cpus=8, gpus=0.5, memory_gb=16)) == (8, 0.5, 16)
    assert asked(monkeypatch, kind="index") == (0, 0, 0.5)  # it never waits for trainings


@pytest.mark.parametrize(
    ("given", "said"),
    [((0.01, None), "at least 0.1 CPUs"), ((1, -1), "gpus -1"), ((float("nan"), 0), "cpus nan")],
)
def test_room_that_no_training_can_work_in_is_refused(monkeypatch, given, said):
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match=said):
        jobs.resources(*given)


def test_room_is_asked_of_a_cluster_only(monkeypatch):
    monkeypatch.setenv("CXR_RAY_CPUS", "3")
    assert jobs.resources(None, None) is None
    with pytest.raises(SettingsError, match=r"gpus can be asked of a Ray cluster only.*leave"):
        jobs.resources(None, 1)
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")
    assert jobs.resources(None, 0.5) == Resources(cpus=3, gpus=0.5, memory_gb=0)


def test_what_a_training_asks_for_is_kept_for_when_it_is_resumed(tmp_path):
    spec = JobSpec(
        job_id="one", kind="train", title="One", resources=Resources(cpus=2, gpus=1, memory_gb=0)
    )
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
    old = spec.model_dump(mode="json", exclude={"resources"})  # as versions before wrote it
    assert JobSpec.model_validate(old).resources is None
    written = {**old, "room": {"cpus": 2.0, "gpus": 1.0, "memory_gb": 0.0}}  # as in version 0.4
    assert JobSpec.model_validate(written) == spec
    assert spec.model_dump(mode="json", by_alias=True) == written


class NoHttp(socketserver.BaseRequestHandler):
    """Answers as a port does that is another program's."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"\x00\x00\x12\x04 not a web server\r\n")


def test_a_job_handed_to_a_port_that_speaks_no_http_can_be_given_up(monkeypatch):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), NoHttp) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("CXR_RAY_ADDRESS", f"http://127.0.0.1:{server.server_address[1]}")
        try:
            with pytest.raises(JobError, match=r"does not speak HTTP.*unset it"):
                start()
            assert jobs.get("count").state == "interrupted"
            jobs.remove("count")
            assert jobs.list_jobs() == []
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("answer", [[], {}, [1], {"data": 1}, "text", 7, None])
def test_json_that_is_not_rays_is_an_error_that_says_so(ray, answer):
    ray.refuses = (200, json.dumps(answer))
    api = Api(ray.address)
    with pytest.raises(JobError, match="not a job server of Ray"):
        api.nodes()
    for ask in (api.jobs, lambda: api.job("one"), lambda: api.log("one")):
        with contextlib.suppress(JobError):  # some of them may be an answer
            ask()


def test_a_token_that_cannot_be_sent_is_refused_and_never_cited(ray, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret-abc\nsecond")
    with pytest.raises(JobError, match="not one line of plain characters") as told:
        start()
    assert "secret" not in str(told.value)
    assert "secret" not in jobs.get("count").message


def test_the_password_of_a_tracking_server_does_not_go_to_the_cluster(ray, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@host:5000/runs?a=@b")
    start()
    told = submitted(ray)["runtime_env"]["env_vars"]
    assert told["MLFLOW_TRACKING_URI"] == "https://host:5000/runs?a=@b"
    assert "secret" not in json.dumps(submitted(ray))


def test_folders_in_variables_are_told_whole(ray, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_TENSORBOARD", "boards")
    start()
    told = submitted(ray)["runtime_env"]["env_vars"]
    assert told["CXR_TENSORBOARD"] == str(tmp_path / "boards")
    assert settings.places()["CXR_TENSORBOARD"] == str(tmp_path / "boards")


def test_what_a_killed_removal_or_start_left_is_swept(ray):
    start()
    ray.says("STOPPED")
    folder = settings.jobs_dir()
    for name in (".other.0a1b2c3d4e5f", ".draft.ab_d3f9z"):
        (folder / name / "checkpoint").mkdir(parents=True)
    jobs.get("count")
    jobs.remove("count")
    assert [path.name for path in folder.iterdir()] == [".gate.lock"]
