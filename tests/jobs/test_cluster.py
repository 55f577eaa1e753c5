"""Jobs on a real Ray cluster on this machine: a head and two nodes with one CPU each.

The cluster is started once a run of the tests (tests/helpers/ray_cluster.py) and shared by its
workers. CXR_TEST_RAY_ADDRESS names one that runs already, on this machine, to be used instead.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import psutil
import pytest
from filelock import FileLock

from cxrcore import datasets, index, jobs, models, settings, store, training, work
from cxrcore.errors import JobError
from cxrcore.jobs import control
from cxrcore.jobs.ray.api import Api
from cxrcore.splits import SplitSpec
from tests.conftest import ROOT

START_SECONDS = 300
DEADLINE_SECONDS = 150  # a node starts a process in three seconds, on a busy machine in thirty

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the cluster's dashboard."""
    if there := os.environ.get("CXR_TEST_RAY_ADDRESS"):
        return there
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -r requirements-cluster.txt")
    folder, owner = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all workers: it ends with their parent
        folder, owner = folder.parent, os.getppid()
    told = folder / "ray-address"
    with FileLock(folder / "ray.lock"):
        if not told.exists():
            command = [sys.executable, str(ROOT / "tests/helpers/ray_cluster.py"), str(owner)]
            with open(folder / "ray.out", "wb") as out:
                keeper = subprocess.Popen(
                    [*command, str(told)], stdout=out, stderr=out, start_new_session=True
                )
            end = time.monotonic() + START_SECONDS
            while not told.exists():
                if keeper.poll() is not None or time.monotonic() > end:
                    told.write_text("")
                time.sleep(0.2)
            keeper.returncode = 0  # it is left alone; no warning that it still runs
        if not told.read_text():
            said = (folder / "ray.out").read_text()
            pytest.skip(f"Ray did not start; on a busy machine it gives up. {said}")
    return told.read_text()


@pytest.fixture
def on_ray(cluster: str, bench, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """The bench, whose jobs go to the cluster; what a test leaves is ended there."""
    monkeypatch.setenv("CXR_RAY_ADDRESS", cluster)
    yield bench
    for job in jobs.list_jobs():
        if jobs.cancel(job.job_id).active:
            jobs.kill(job.job_id)


def starts(bench) -> int:
    """How many processes began the job."""
    return (bench.folder() / "starts").read_text().count("started")


def held(bench, steps: int = 1, job_id: str = "count", **details: object):
    """A job on the cluster that has done its steps and holds."""
    bench.start(job_id, hold=True, steps=steps, **details)
    bench.until(lambda: len(jobs.get(job_id).history) == steps, DEADLINE_SECONDS)
    return jobs.get(job_id)


def ended(bench, state: str, job_id: str = "count"):
    return bench.until_state(state, job_id, DEADLINE_SECONDS)


def test_a_job_is_done_on_a_node_and_tells_so(on_ray):
    assert on_ray.start(hold=True, steps=2).state == "queued"
    on_ray.until(lambda: jobs.get("count").history, DEADLINE_SECONDS)
    job = jobs.get("count")
    assert job.state == "running"
    assert jobs.place(job).startswith("on Ray, node ")
    supervisor = psutil.Process(job.pid).parent()
    assert supervisor.name().startswith("ray::")  # Ray has started it, and not we
    on_ray.let_go()
    assert ended(on_ray, "done").message == "Counted."
    assert f"process {job.pid}" in jobs.log("count")
    jobs.remove("count")
    assert jobs.list_jobs() == []


def test_requests_for_one_job_at_the_same_time_are_one_job_in_ray(on_ray, cluster):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: on_ray.start(), range(4)))
    assert len({job.ticket for job in found}) == 1
    ended(on_ray, "done")
    submission = found[0].ray.submission
    assert starts(on_ray) == 1
    assert [name for name in Api(cluster).jobs() if name.startswith(submission[:-1])] == [
        submission
    ]


def test_a_cancelled_job_is_resumed_from_its_checkpoint_on_a_node(on_ray):
    held(on_ray, steps=2)
    jobs.cancel("count")
    ended(on_ray, "cancelled")
    on_ray.let_go()
    assert on_ray.resume().active
    assert ended(on_ray, "done").ray.attempt == 2
    assert "continued from step 2" in jobs.log("count")


def test_a_process_killed_on_its_node_is_interrupted_and_resumed(on_ray):
    job = held(on_ray, steps=3)
    os.kill(job.pid, signal.SIGKILL)
    seen = ended(on_ray, "interrupted")
    assert "Resume" in seen.message
    assert len(seen.history) == 3
    on_ray.let_go()
    on_ray.resume()
    ended(on_ray, "done")
    assert "continued from step 3" in jobs.log("count")


def test_a_deaf_job_is_ended_by_ray(on_ray):
    job = held(on_ray, deaf=True)
    assert jobs.kill("count").state == "cancelled"
    on_ray.until(lambda: not psutil.pid_exists(job.pid), DEADLINE_SECONDS)


def test_what_no_node_has_is_waited_for_and_named(on_ray, monkeypatch):
    monkeypatch.setenv("CXR_RAY_CPUS", "64")
    monkeypatch.setenv("CXR_RAY_GPUS", "1")
    on_ray.start()
    said = "what this asks for, 64 CPUs and 1 GPU; the nodes have "
    on_ray.until(lambda: said in jobs.get("count").message, DEADLINE_SECONDS)
    assert jobs.get("count").state == "queued"
    assert "1 CPU and" in jobs.get("count").message
    assert jobs.cancel("count").state == "cancelled"  # there is no process to wait for
    monkeypatch.setenv("CXR_RAY_CPUS", "1")
    monkeypatch.delenv("CXR_RAY_GPUS")
    on_ray.resume()
    ended(on_ray, "done")
    assert starts(on_ray) == 1


def test_a_training_waits_for_a_cpu_and_measuring_does_not(on_ray):
    held(on_ray, job_id="one")
    held(on_ray, job_id="two")
    on_ray.start("three")
    on_ray.until(lambda: "1 CPU to spare" in jobs.get("three").message, DEADLINE_SECONDS)
    on_ray.start("measure", kind="index")
    ended(on_ray, "done", "measure")
    assert jobs.get("three").state == "queued"
    on_ray.let_go("one")
    ended(on_ray, "done", "three")
    assert jobs.get("two").state == "running"


def test_a_python_that_the_node_lacks_is_named_in_the_log(on_ray, monkeypatch):
    monkeypatch.setenv("CXR_RAY_PYTHON", "/nowhere/python")
    on_ray.start()
    assert "CXR_RAY_PYTHON" in ended(on_ray, "interrupted").message
    assert "/nowhere/python: not found" in jobs.log("count")


def test_a_cluster_that_is_not_there_is_told_and_leaves_a_job_to_resume(on_ray, monkeypatch):
    cluster = settings.ray_address()
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")
    with pytest.raises(JobError, match=r"No Ray cluster answers at http://127.0.0.1:9.*unset"):
        on_ray.start()
    assert "No Ray cluster answers" in jobs.get("count").message
    assert jobs.get("count").state == "interrupted"
    monkeypatch.setenv("CXR_RAY_ADDRESS", cluster)
    on_ray.resume()
    ended(on_ray, "done")


def test_images_measured_on_the_cluster_are_as_measured_here(
    on_ray, cluster, make_tiny_dataset, monkeypatch
):
    dataset = datasets.register("many", make_tiny_dataset("many", patients=24))
    control.start(jobs.JobSpec(**_index_of("many")))  # the command of production
    assert "108 images" in ended(on_ray, "done", "index-many").message
    pool = [row for row in _actors(cluster) if row["class_name"] == "PoolActor"]
    assert len({row["node_id"] for row in pool}) > 1
    there = index.load(dataset).table
    monkeypatch.setenv("CXR_DATA", str(settings.data_dir().with_name("other-data")))
    here = index.measure(dataset, workers=1).table
    pd.testing.assert_frame_equal(there, here)


def _index_of(dataset: str) -> dict[str, object]:
    details = {"dataset": dataset}
    return {"job_id": f"index-{dataset}", "kind": "index", "title": "Index", "details": details}


def _actors(cluster: str) -> list[dict[str, str]]:
    answer = Api(cluster)._call("GET", "/api/v0/actors?detail=True&limit=1000")
    return answer["data"]["result"]["result"]


def test_a_training_on_the_cluster_gives_the_run_of_a_local_one(
    on_ray, tiny_dataset_folder, monkeypatch
):
    datasets.register("tiny", tiny_dataset_folder)
    words = "train cnn-plain --data tiny --size 32 --epochs 2 --batch 8 --json".split()
    there = _command(*words)
    assert there["ray"]["attempt"] == 1
    assert there["run_id"] in list(store.list_runs()["run_id"])
    assert "epoch 2 of 2" in jobs.log(there["job_id"])
    curves = store.load_run(there["run_id"]).history()
    # The same number of threads, as sums of floats depend on it.
    monkeypatch.delenv("CXR_RAY_ADDRESS")
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("CXR_MODELS", str(settings.models_dir().with_name("other-models")))
    here = _command(*words)
    assert here["run_id"] == there["run_id"]
    assert here["ray"] is None
    local = store.load_run(here["run_id"]).history()
    assert len(curves) == 2
    pd.testing.assert_frame_equal(
        curves.drop(columns="seconds"), local.drop(columns="seconds"), check_exact=True
    )


def test_a_sweep_and_a_training_without_a_source_run_on_the_cluster(on_ray, make_tiny_dataset):
    for name, side in (("east", 48), ("west", 56)):
        datasets.register(name, make_tiny_dataset(name, patients=12, side=side))
    both = datasets.merge("both", ["east", "west"])
    own = "--size 32 --epochs 1 --batch 8 --json".split()
    grid = ["--grid", "learning_rate=0.001,0.002"]
    swept = _command("sweep", "cnn-plain", "--data", "both", *grid, "--yes", *own)
    names = [trial["run_id"] for trial in swept["trials"]]
    assert [trial["state"] for trial in swept["trials"]] == ["done", "done"]
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1, batch_size=8)
    spec = training.plan(recipe, both, SplitSpec(without_source="west"))
    work.submit_training(spec)
    assert "On west: accuracy" in ended(on_ray, "done", spec.run_id).message
    assert [jobs.get(name).ray.attempt for name in (*names, spec.run_id)] == [1, 1, 1]


def _command(*words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "cxrcore", *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)
