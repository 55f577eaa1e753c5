"""`masks estimate`, `masks export` and `masks import`."""

import json

import numpy as np
import pytest

from cxrcore import images, jobs, lungs, work
from cxrcore.datasets import demo, register
from cxrcore.jobs import disk
from cxrcore.jobs.model import now


@pytest.fixture
def films(tmp_path):
    """Four simulated patients with masks of their own, registered as `films`."""
    return register("films", demo.make(tmp_path / "films", patients=1, size=128))


def test_masks_are_estimated_exported_and_read_back(run, films, tmp_path):
    code, out, err = run("masks", "estimate", "films", "--json")
    assert code == 0, err
    found = json.loads(out)
    table = lungs.load(films).table
    assert (found["films"], found["masks"]) == (len(table), int(table["file"].notna().sum()))
    assert found["dice"] == pytest.approx(table["dice"].mean(), abs=1e-4)
    assert found["network"] == lungs.DIGEST

    code, out, err = run("masks", "export", "films", tmp_path / "out", "--json")
    assert code == 0, err
    assert json.loads(out)["own"] == len(table)
    path = tmp_path / "out" / films.table["path"].iloc[0]
    path.write_bytes(images.encode_png(np.full((128, 128), 255, np.uint8)))
    code, out, _ = run("masks", "import", "films", tmp_path / "out")
    assert "0 masks corrected" in out
    assert "1 differ from masks of the dataset's own, which stay as they are" in out


def test_masks_that_were_not_estimated_are_not_exported(run, make_tiny_dataset, tmp_path):
    code, _, err = run("masks", "export", make_tiny_dataset("plain"), tmp_path / "out")
    assert code == 2
    assert "masks estimate" in err
    assert not (tmp_path / "out").exists()


def test_the_job_says_how_many_films_have_a_mask(films, monkeypatch):
    def put_down(spec: jobs.JobSpec) -> jobs.Job:
        folder = disk.folder_of(spec.job_id)
        known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
        job = jobs.Job(**known, state="queued", created=now())
        disk.write(folder / disk.SPEC, spec)
        disk.write(folder / disk.STATUS, job)
        return job

    monkeypatch.setattr(jobs, "start", put_down)
    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    done = jobs.run(disk.folder_of(work.submit_lungs("films").job_id))
    assert done.state == "done"
    assert done.message == lungs.summary(films, lungs.load(films))
