"""The kinds of work as jobs know them, and how pages find their jobs."""

import json
import subprocess
import sys

import numpy as np
import pytest

from cxrcore import comparison, jobs, settings, store, work
from cxrcore.errors import ComparisonError, JobError
from cxrcore.jobs import disk, registry
from tests.helpers.comparisons import keep, shares_of


@pytest.fixture
def started(monkeypatch) -> list[jobs.JobSpec]:
    """The specifications of jobs that would have been started; every one of them is listed."""
    specs: list[jobs.JobSpec] = []

    def as_job(spec: jobs.JobSpec) -> jobs.Job:
        from cxrcore.jobs.model import now

        known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
        return jobs.Job(**known, state="queued", created=now())

    monkeypatch.setattr(jobs, "start", lambda spec: specs.append(spec) or as_job(spec))
    monkeypatch.setattr(jobs, "list_jobs", lambda: [as_job(spec) for spec in specs])
    monkeypatch.setattr("cxrcore.work.names.require_registered", lambda _: None)
    return specs


def test_each_submitted_job_is_found_by_what_it_does(started):
    work.submit_index("one")
    work.submit_lungs("one")
    work.submit_pixels("one", 40, "lungs")
    work.submit_pixels("one", 40, "lungs", "estimated")
    work.submit_duplicates("one")
    work.submit_duplicates("one", "two")
    work.submit_examples("one")
    work.submit_demo(shortcut=True)
    found = [
        work.find("index", dataset="one"),
        work.find("lungs", dataset="one"),
        work.find("pixels", dataset="one", size=40, region="lungs"),
        work.find("pixels", dataset="one", size=40, region="lungs", masks="estimated"),
        work.find("duplicates", dataset="one"),
        work.find("duplicates", dataset="two", other="one"),  # in either order
        work.find("examples", dataset="one"),
        work.find("demo", dataset="demo-shortcut"),
    ]
    assert [job and job.job_id for job in found] == [spec.job_id for spec in started]
    assert work.find("index", dataset="two") is None
    assert work.find("pixels", dataset="one", size=40) is None


def test_a_comparison_is_a_job_that_keeps_its_results(monkeypatch):
    truth = np.arange(60) % 3
    for name, right in (("good-1", 0.85), ("poor-1", 0.0)):
        keep(name, truth, shares_of(truth, right, 1))
    names = ["good-1", "poor-1"]
    specs: list[jobs.JobSpec] = []
    monkeypatch.setattr(jobs, "start", specs.append)
    work.submit_comparison(names, "recall", "Viral")
    work.submit_comparison(names[::-1], "recall", "Viral")
    assert specs[0].job_id == specs[1].job_id
    with pytest.raises(ComparisonError, match="Choose one of"):
        work.submit_comparison(names, "speed")
    folder = disk.folder_of(specs[0].job_id)
    disk.write(folder / disk.SPEC, specs[0])
    disk.write(folder / disk.STATUS, jobs.Job(**_queued(specs[0])))
    done = jobs.run(folder)
    assert (done.state, done.dataset) == ("done", "three")
    subjects = comparison.subjects(names)
    found = comparison.load(subjects, "recall", "Viral")
    assert found is not None
    assert done.message == comparison.verdict(found, store.titles()).text
    assert comparison.load_intervals(subjects) is not None
    details = {"names": names, "metric": "recall", "class_name": "Viral"}
    assert work.find("comparison", **details).job_id == done.job_id


def test_a_new_kind_of_work_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "greeting.py").write_text(
        "from cxrcore.jobs.registry import Kind\n"
        "from cxrcore.work.lanes import PREPARING\n"
        "def run(context): return {'message': 'Hello.'}\n"
        "KIND = Kind('greeting', run, PREPARING, lambda: 'greeting')\n"
    )
    monkeypatch.setattr(work, "__path__", [*work.__path__, str(tmp_path)])
    registry.kinds.cache_clear()
    try:
        spec = jobs.JobSpec(job_id="greeting", kind="greeting", title="Greeting")
        folder = disk.folder_of("greeting")
        disk.write(folder / disk.SPEC, spec)
        disk.write(folder / disk.STATUS, jobs.Job(**_queued(spec)))
        assert jobs.run(folder).message == "Hello."
    finally:
        registry.kinds.cache_clear()
        sys.modules.pop("cxrcore.work.greeting", None)


def _queued(spec: jobs.JobSpec) -> dict[str, object]:
    from cxrcore.jobs.model import now

    return {
        **spec.model_dump(include={"job_id", "kind", "title", "dataset"}),
        "state": "queued",
    } | {"created": now()}


def test_a_kind_of_another_version_is_refused_with_those_that_exist():
    with pytest.raises(
        JobError, match=r"no work of the kind 'sing'; there are: comparison, .*train"
    ):
        jobs.start(jobs.JobSpec(job_id="song", kind="sing", title="Singing"))
    assert jobs.list_jobs() == []


def test_a_pixels_job_of_version_04_calls_the_region_arm(tiny_dataset_folder):
    from cxrcore import datasets, pixels

    dataset = datasets.register("tiny", tiny_dataset_folder)
    folder = settings.jobs_dir() / "pixels-tiny-32-none"
    folder.mkdir(parents=True)
    facts = {"job_id": folder.name, "kind": "pixels", "title": "Preparing tiny", "dataset": "tiny"}
    details = {"dataset": "tiny", "size": 32, "arm": "none"}
    spec = {**facts, "family": "", "part": "", "details": details, "room": None}
    (folder / "spec.json").write_text(json.dumps(spec))
    status = {**facts, "state": "interrupted", "created": "2026-11-01T10:00:00Z", "ticket": 5}
    (folder / "status.json").write_text(json.dumps(status))
    assert jobs.get(folder.name).state == "interrupted"
    assert jobs.run(folder).state == "done"
    assert pixels.find(dataset, pixels.Preparation(32)) is not None


def test_knowing_the_kinds_of_work_loads_nothing_heavy():
    code = (
        "import sys\nfrom cxrcore.jobs import registry\nregistry.kinds()\n"
        "assert not {'numpy', 'pandas', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=settings.ROOT)
