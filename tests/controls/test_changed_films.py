"""Test films without lungs, predicted by the run as it is, and kept beside it."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxrcore import controls, images, jobs, settings, store, work
from cxrcore.datasets import masks
from cxrcore.errors import ComparisonError, StoreError
from cxrcore.jobs import disk
from cxrcore.jobs.model import now
from cxrcore.store.trash import CONTROLS
from tests.controls.conftest import EVEN, SIDE
from tests.helpers import tested


def called(films, image_id: str, region: str) -> int:
    """The class that the network of `conftest` gives a film, computed from its file."""
    gray = images.decode(films.path_of(image_id))
    lungs = masks.read(films.mask_of(image_id), gray.shape)
    rows, columns = np.nonzero(lungs)
    box = np.zeros_like(lungs)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    kept = {"lungs": lungs, "lungs-erased": ~lungs, "border": ~box}[region]
    mean = images.resize(np.where(kept, gray, 0).astype(np.uint8), SIDE).mean()
    return int(mean > EVEN)


def test_regions_are_judged_by_what_the_network_says_of_the_changed_films(films, run, network):
    assert controls.untrained(run, films) is None
    controls.predict(run, films)
    found = controls.untrained(run, films)
    assert (found.trained, found.films, found.left_out) == (False, 10, {"B": 1})
    assert found.regions == controls.SHOWN
    ids = [i for i in run.predictions()["image_id"] if films.mask_of(i) is not None]
    truth = [films.classes.index(films.table.set_index("image_id")["label"][i]) for i in ids]
    assert len({called(films, i, "lungs") for i in ids}) == 2
    for region in controls.SHOWN[1:]:
        right = np.mean([called(films, i, region) for i in ids] == np.array(truth))
        assert found.row("accuracy").of(region).value == pytest.approx(right)
    # Of the whole picture what the run said when it was tested, without the film without lungs.
    assert found.row("recall", "A").of("none").value == pytest.approx(4 / 5)
    assert found.row("recall", "B").of("none").value == pytest.approx(3 / 5)


def test_the_film_beside_the_figures_is_the_one_that_the_network_saw(films, run, network):
    assert controls.seen(run, films) is None
    controls.predict(run, films)
    pictures = controls.seen(run, films)
    gray = images.decode(films.path_of(run.predictions()["image_id"].iloc[0]))
    whole = images.resize(gray, SIDE)
    assert np.abs(pictures["none"].astype(int) - whole).max() <= 1
    assert tuple(pictures) == controls.SHOWN


def test_answers_are_kept_until_a_mask_changes_and_go_with_the_run(films, run, network):
    controls.predict(run, films)
    folder = settings.models_dir() / CONTROLS / run.seal
    [file] = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(b"PAR1 damaged")
    assert controls.untrained(run, films) is None
    file.write_bytes(whole)
    assert controls.untrained(run, films) is not None
    os.utime(films.mask_of(films.table["image_id"].iloc[3]), (1, 1))
    assert controls.untrained(run, films) is None
    store.delete(run.run_id)
    store.empty_trash()
    assert not folder.exists()


def test_a_run_without_the_whole_picture_or_its_films_is_refused(films, run):
    recipe = run.recipe.override(region="lungs")
    masked = tested.keep(films, 2, tested.answered(films, [0, 1], [0.8, 0.8]), recipe=recipe)
    with pytest.raises(ComparisonError, match="does not see the whole picture"):
        controls.predict(masked, films)
    elsewhere = pd.DataFrame(films.table).assign(image_id=lambda t: t["image_id"].str[::-1])
    with pytest.raises(StoreError, match="None of the test films"):
        controls.untrained(run, replace(films, table=elsewhere))


def test_the_job_keeps_the_answer_and_says_it(films, run, network, monkeypatch):
    specs: list[jobs.JobSpec] = []
    monkeypatch.setattr(jobs, "start", specs.append)
    work.submit_controls(run.run_id)
    [spec] = specs
    folder = disk.folder_of(spec.job_id)
    known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
    disk.write(folder / disk.SPEC, spec)
    disk.write(folder / disk.STATUS, jobs.Job(**known, state="queued", created=now()))
    assert work.find("controls", run_id=run.run_id).job_id == spec.job_id
    done = jobs.run(folder)
    assert (done.state, done.message) == (
        "done",
        controls.sentence(controls.untrained(run, films)),
    )
