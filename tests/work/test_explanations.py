"""Maps of all films of a split, made by a job and kept beside the run."""

import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import datasets, explanations, images, jobs, pixels, settings, store, work
from cxrcore.errors import DatasetError, ExplainError
from cxrcore.jobs import disk
from cxrcore.jobs.model import now
from cxrcore.store import maps
from tests.helpers import tested

SIDE = 32


@pytest.fixture
def films(tiny, monkeypatch):
    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    return tiny


@pytest.fixture
def run(films):
    count, k = len(films.table), len(films.classes)
    shares = tested.answered(films, np.arange(count) % k, np.full(count, 0.8))
    return tested.keep(films, 1, shares)


@pytest.fixture
def network(films, monkeypatch) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, 2, activation="relu", name="first"),
            layers.Conv2D(6, 3, 2, activation="relu", name="last"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(len(films.classes), activation="softmax"),
        ]
    )
    monkeypatch.setattr("cxrcore.inference.Models.get", lambda *_: model)
    return model


@pytest.fixture
def run_job(monkeypatch):
    """Does the work of a submitted job in this process."""

    def put_down(spec: jobs.JobSpec) -> jobs.Job:
        folder = disk.folder_of(spec.job_id)
        known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
        job = jobs.Job(**known, state="queued", created=now())
        disk.write(folder / disk.SPEC, spec)
        disk.write(folder / disk.STATUS, job)
        return job

    monkeypatch.setattr(jobs, "start", put_down)

    def do(*words: str, **options: str) -> jobs.Job:
        return jobs.run(disk.folder_of(work.submit_explanations(*words, **options).job_id))

    return do


def seen_of(films, image_id):
    gray = images.decode(films.path_of(image_id))
    return pixels.prepare_one(gray, None, pixels.Preparation(SIDE))


@pytest.mark.parametrize(
    ("method", "layer"),
    [
        ("grad-cam++", None),
        ("layercam", "first"),
        ("saliency", None),
        ("integrated-gradients", None),
    ],
)
def test_every_film_has_the_map_that_it_has_alone(
    films, run, network, run_job, monkeypatch, method, layer
):
    monkeypatch.setattr("cxrcore.work.explanations._ROWS", 5)
    monkeypatch.setattr("cxrcore.explanations.compiled.batch_size", lambda *_: 3)
    done = run_job(run.run_id, method, layer=layer)
    assert done.state == "done", done.message
    found = maps.load(run, method, layer=layer)
    wanted = run.predictions().query("split == 'test'")["image_id"]
    assert sorted(found.image_ids) == sorted(wanted)
    for number, image_id in enumerate(found.image_ids[:4]):
        seen = seen_of(films, image_id)
        alone = explanations.explain_all(network, seen, (method,), layer=layer)
        assert found.explained[number] == films.classes[int(alone.probabilities.argmax())]
        heat = found.map(number)
        if explanations.METHODS[method].uses_layer:
            assert heat.shape == ((15, 15) if layer == "first" else (7, 7))
            heat = explanations.base.enlarge(heat[None, ..., None], seen.shape).numpy()[0, ..., 0]
        np.testing.assert_allclose(heat, alone.maps[method], atol=2e-3 * heat.max())
    assert f"{len(wanted)} test films are mapped" in done.message
    assert maps.load(run, method, split="validation", layer=layer) is None
    assert maps.load(run, "rise") is None


def test_films_where_nothing_speaks_for_the_answer_are_counted(films, run, network, run_job):
    *others, kernel, bias = network.get_weights()
    bias[:] = np.arange(len(bias))
    network.set_weights([*others, -np.abs(kernel), bias])
    done = run_job(run.run_id)
    found = maps.load(run, "grad-cam")
    assert f"Nothing speaks for the answer in {len(found):,} of them" in done.message
    assert not found.map(0).any()


def test_damaged_maps_are_none_and_maps_of_deleted_runs_go_with_them(run):
    heats = np.random.default_rng(0).random((2, 4, 3)).astype(np.float32)
    maps.keep(run, "grad-cam", maps.Maps.of(["a", "b"], ["x", "y"], heats))
    found = maps.load(run, "grad-cam")
    np.testing.assert_allclose(found.map(1), heats[1], atol=1e-3)
    assert (found.image_ids.tolist(), found.explained.tolist()) == (["a", "b"], ["x", "y"])
    folder = settings.models_dir() / maps.FOLDER / run.seal
    (folder / "test-grad-cam.npz").write_bytes(b"PK damaged")
    assert maps.load(run, "grad-cam") is None
    assert [listed.run_id for listed in store.runs("tiny")] == [run.run_id]
    store.delete(run.run_id)
    assert folder.is_dir()
    store.empty_trash()
    assert not folder.exists()


def test_small_values_keep_their_shape_and_large_maps_are_averaged():
    heats = 1e-7 * np.random.default_rng(0).random((1, 128, 96)).astype(np.float32)
    found = maps.Maps.of(["a"], ["x"], heats)
    assert found.shares.shape == (1, 64, 48)
    means = heats[0].reshape(64, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(found.map(0), means, rtol=2e-3)


def test_what_cannot_be_mapped_is_refused_before_the_job(run, monkeypatch):
    with pytest.raises(ExplainError, match="grad-cam"):
        work.submit_explanations(run.run_id, "gradcam")
    monkeypatch.setattr(datasets, "registered", list)
    with pytest.raises(DatasetError, match="tiny"):
        work.submit_explanations(run.run_id)


def test_a_split_without_films_fails_with_a_way_out(run, network, run_job):
    done = run_job(run.run_id, split="validation")
    assert done.state == "failed"
    assert "None of the validation films" in done.message


def test_jobs_differ_by_method_split_and_layer():
    from cxrcore.work.explanations import job_id

    ids = {
        job_id("r", method, split, layer)
        for method in explanations.METHODS
        for split in ("test", "validation")
        for layer in (None, "trunk/conv_1", "trunk/conv_2")
    }
    assert len(ids) == 6 * len(explanations.METHODS)
    assert all(disk.folder_of(name) for name in ids)
