"""Maps of films, against scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

import cxrcore as cxr
from cxrcore import film_maps, jobs, store, work
from cxrcore.errors import Cancelled, ComparisonError
from cxrcore.jobs import disk
from cxrcore.jobs.model import now
from cxrcore.statistics.components import principal
from tests.helpers import tested


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(film_maps, "_STEPS", 250)


@pytest.fixture
def run(tiny):
    """A run whose last layer sees 6 numbers of each film; every second film is for validation."""
    features = np.random.default_rng(3).normal(size=(len(tiny.table), 6)) * np.arange(6, 0, -1)
    return tested.divided(tiny, 1, 0.5, features=features)


@pytest.fixture
def seen(run):
    """What it sees of its test films."""
    inside = (run.predictions()["split"] == "test").to_numpy()
    return run.embeddings()[inside].astype(np.float32)


def test_the_map_has_every_test_film_on_its_principal_components(run, seen):
    found, table = film_maps.pca(run), run.predictions()
    assert found.index.tolist() == table.loc[table["split"] == "test", "image_id"].tolist()
    assert np.allclose(found, PCA(2).fit_transform(seen), atol=1e-4)


def test_the_nearest_films_are_those_of_scikit_learn(run):
    places = film_maps.pca(run)
    image_id = places.index[5]
    _, rows = NearestNeighbors(n_neighbors=4).fit(places).kneighbors(places.loc[[image_id]])
    found = film_maps.nearest(places, image_id, 4)
    assert found[0] == image_id
    assert found.tolist() == places.index[rows[0]].tolist()
    assert len(film_maps.nearest(places, image_id, 10_000)) == len(places)


def test_tsne_is_that_of_scikit_learn_and_computed_once(run, seen, monkeypatch):
    steps = []
    found = film_maps.tsne(run, steps.append)
    reference = TSNE(perplexity=(len(seen) - 1) / 3, init="pca", max_iter=250, random_state=0)
    assert np.allclose(found, reference.fit_transform(principal(seen, 6)))
    assert [step.done for step in steps][:3] == [0, 50, 100]
    monkeypatch.setattr("sklearn.manifold.TSNE.fit_transform", None)
    assert film_maps.tsne(run).equals(found)


def test_a_damaged_map_counts_as_absent(run):
    film_maps._file(run).parent.mkdir(parents=True)
    film_maps._file(run).write_bytes(b"PK damaged")
    assert film_maps.load_tsne(run) is None


def test_a_stopped_map_leaves_nothing(run):
    def stop(progress):
        if progress.done:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        film_maps.tsne(run, stop)
    assert film_maps.load_tsne(run) is None


def test_of_very_many_films_some_are_drawn_always_the_same(run, monkeypatch):
    every = set(film_maps.pca(run).index)
    monkeypatch.setattr(film_maps, "MOST", 7)
    some = film_maps.pca(run).index
    assert len(some) == 7
    assert set(some) < every
    assert film_maps.pca(run).index.equals(some)


def test_films_that_are_all_alike_or_too_few_have_no_map(tiny):
    with pytest.raises(ComparisonError, match="alike"):
        film_maps.pca(tested.divided(tiny, 1, 0.5))
    few = np.where(np.arange(len(tiny.table)) < 4, "test", "validation")
    with pytest.raises(ComparisonError, match="5 films"):
        film_maps.tsne(tested.divided(tiny, 2, 0.5, few))


def test_the_job_keeps_the_map_and_python_has_it_with_labels(run, monkeypatch):
    specs: list[jobs.JobSpec] = []
    monkeypatch.setattr(jobs, "start", specs.append)
    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    work.submit_film_map(run.run_id)
    [spec] = specs
    folder = disk.folder_of(spec.job_id)
    known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
    disk.write(folder / disk.SPEC, spec)
    disk.write(folder / disk.STATUS, jobs.Job(**known, state="queued", created=now()))
    done = jobs.run(folder)
    kept = film_maps.load_tsne(run)
    assert done.message == f"{len(kept):,} films are mapped."
    assert work.find("film-map", run_id=run.run_id).job_id == done.job_id
    found = cxr.run(run.run_id).film_map()
    assert found[["x", "y"]].equals(kept)
    said = store.load_run(run.run_id).predictions().set_index("image_id")
    assert found["label"].equals(said.loc[found.index, "label"])


def test_a_run_that_is_known_by_its_answers_has_no_map(tiny):
    run = tested.divided(tiny, 1, 0.5, features=np.empty((len(tiny.table), 0)))
    with pytest.raises(ComparisonError, match="not what its last layer sees"):
        film_maps.pca(run)
